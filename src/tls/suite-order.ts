/**
 * Which certificate a handshake up to TLS 1.2 needs, where a listener has an ECDSA one beside an RSA one.
 * Asked by server-contexts.ts for each ClientHello; owns the first step of a negotiation, the best suite of both sides.
 * Never ends one: the TLS library does, with the certificate that was chosen here.
 *
 * The library looks at its certificates before it looks at suites, the ECDSA one first: with both in one context, a
 * client that takes either gets an ECDSA suite even where the policy has a better one for RSA.
 */
import { findCipherSuite } from "./cipher-suites.ts";
import type { EffectivePolicy } from "./effective-policy.ts";

interface OrderedSuite {
  readonly id: number;
  readonly isForRsa: boolean;
  readonly needsTls12: boolean;
}

export class SuiteOrder {
  private readonly suites: ReadonlyArray<OrderedSuite>;
  private readonly byId: ReadonlyMap<number, OrderedSuite>;
  private readonly hasServerOrder: boolean;

  constructor({ ciphers, hasServerOrder }: EffectivePolicy) {
    this.hasServerOrder = hasServerOrder;
    this.suites = ciphers.flatMap((name) => {
      const suite = findCipherSuite(name);
      if (suite?.id === undefined) return [];
      const isForRsa = suite.authentication === "RSA";
      return [{ id: suite.id, isForRsa, needsTls12: suite.minProtocol === "TLSv1.2" }];
    });
    this.byId = new Map(this.suites.map((suite) => [suite.id, suite]));
  }

  /** Whether the best suite that both sides have is one for an RSA certificate; `offered` are IANA numbers. */
  prefersRsa(offered: ReadonlyArray<number>, isTls12: boolean): boolean {
    if (this.hasServerOrder) {
      for (const suite of this.suites) {
        if ((isTls12 || !suite.needsTls12) && offered.includes(suite.id)) return suite.isForRsa;
      }
      return false;
    }
    for (const id of offered) {
      const suite = this.byId.get(id);
      if (suite !== undefined && (isTls12 || !suite.needsTls12)) return suite.isForRsa;
    }
    return false;
  }
}

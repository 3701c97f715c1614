// TLS for one check: what the instance must prove is what the data path asks of it, but nothing is resumed.
//
// A resumed session stands for a proof of yesterday; a check wants today's, so that a certificate that was changed shows
// at the next check. It wraps whoever judges instances and leaves the sessions of the data path alone.
import type { ClientTerms, DialSecurity, Peer } from "../net/secure-dial.ts";

/** A dial's security that can say why it last refused an instance. */
export interface ProbeSecurity extends DialSecurity {
  /** In words; undefined when it has refused none. */
  readonly problem: string | undefined;
}

export class FreshHandshake implements DialSecurity {
  readonly terms: ClientTerms;
  readonly session = undefined;
  readonly judge: ((peer: Peer) => boolean) | undefined;

  constructor(private readonly security: ProbeSecurity) {
    this.terms = security.terms;
    const { judge } = security;
    this.judge = judge && ((peer) => judge(peer));
  }

  /** Why the instance was refused. */
  get problem(): string | undefined {
    return this.security.problem;
  }

  keepSession(): void {}

  /** The result of the check tells it, and the data path's session is none the worse. */
  noteBrokenHandshake(): void {}
}

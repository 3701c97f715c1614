// What HTTPS and SSL instances must prove, ready for use: trusted keys, an authority, and the context that verifies.
//
// Made by control/ for each listener that speaks TLS to its instances; immutable, so that another policy makes another
// one and, by its key, other members. It judges nobody: backend-authentication.ts does, one for each member.
import { createHash } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { InstanceSecurity } from "../model/security.ts";
import type { PublicKey } from "../policy/policy.ts";

/** A public key that an instance may prove to own. */
export interface NamedKey extends PublicKey {
  /** The policy that has it. */
  readonly policy: string;
}

/** Someone who decides by its key whether an instance gets traffic; never throws. */
export interface KeyJudge {
  /** What messages call it. */
  readonly policy: string;
  /** The same judge has the same text. */
  readonly key: string;
  readonly trusts: (offered: PublicKey) => boolean;
}

/** The part of a loaded authority that is needed here. */
export interface BackendAuthority {
  readonly pem: string;
  readonly fingerprint: string;
}

/** The oldest protocol spoken to instances. */
const minVersion = "TLSv1.2";

/** SHA-256 of a SubjectPublicKeyInfo, in base64 (RFC 7469 §2.4). */
export const pinOf = (spki: Uint8Array): string => createHash("sha256").update(spki).digest("base64");

/** The library's own object, which Bun's sockets take; node's type hides it. */
const makeContext = (ca: string | undefined): unknown =>
  (createSecureContext(ca === undefined ? { minVersion } : { minVersion, ca }) as unknown as { context: unknown })
    .context;

/** Where nobody is verified, every member of the process shares one: it holds a copy of the system's authorities. */
let sharedContext: unknown;

export class BackendSecurity {
  /** The same demands have the same text. */
  readonly key: string;
  /** One of these, or any where undefined. */
  readonly keys: ReadonlyArray<NamedKey> | undefined;
  /** Or one of these trusts the instance's. */
  readonly judges: ReadonlyArray<KeyJudge>;
  /** The authority must vouch for the certificate. */
  readonly verifiesChain: boolean;
  /** Whom the certificate must be for, where that isn't the instance's own host. */
  readonly serverName: string | undefined;
  private context: unknown;

  constructor(
    security: InstanceSecurity,
    private readonly authority: BackendAuthority | undefined,
    judges: ReadonlyArray<KeyJudge>,
  ) {
    if (security.authority !== undefined && authority === undefined) throw new Error("the authority was not loaded");
    this.keys = security.keys?.map(({ policy, spki }) => ({ policy, spki, pin: pinOf(spki) }));
    this.judges = judges;
    this.verifiesChain = authority !== undefined;
    this.serverName = security.authority?.serverName;
    const pins = this.keys?.map(({ policy, pin }) => `${policy}=${pin}`);
    const own = judges.map(({ key }) => key);
    this.key = JSON.stringify([pins ?? null, authority?.fingerprint ?? null, this.serverName ?? null, ...own]);
  }

  /** Made when the first instance is dialled. */
  get secureContext(): unknown {
    if (this.authority !== undefined) this.context ??= makeContext(this.authority.pem);
    else {
      sharedContext ??= makeContext(undefined);
      this.context = sharedContext;
    }
    return this.context;
  }
}

/**
 * What the instances behind a listener must prove, from its configuration and the authority that this names, loaded.
 *
 * *Details*: without either, TLS is spoken and any certificate will do.
 */
export const makeBackendSecurity = (
  security: InstanceSecurity = {},
  authority?: BackendAuthority | undefined,
  judges: ReadonlyArray<KeyJudge> = [],
): BackendSecurity => new BackendSecurity(security, authority, judges);

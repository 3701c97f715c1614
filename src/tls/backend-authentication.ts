// TLS to one instance at one address: the name it is called by, the session it gave, and whether it is who it should be.
//
// Belongs to a member and is asked at each of its dials, before a byte of a client's goes out. Owns the session and says
// what was wrong in a notice, now and then. It never opens or closes a connection.
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import backendServerAuthentication from "../../policies/backend-auth/backend-server-authentication.ts";
import { clock } from "../net/clock.ts";
import type { ClientTerms, DialSecurity, Peer } from "../net/secure-dial.ts";
import { tellNotice } from "../observe/notices.ts";
import type { PublicKey } from "../policy/policy.ts";
import { type BackendSecurity, pinOf } from "./backend-security.ts";
import { sessionAgeMaxMs } from "./session-age.ts";

/** How long the same trouble of the same instance isn't told again, in milliseconds. */
export const silenceMs = 60_000;
/** How many different troubles of one instance are told within that time at most. */
const troubleMax = 8;

/** What is known of a certificate, whoever vouches for it; looked at once, as long as the instance shows the same one. */
interface Findings {
  readonly raw: Buffer;
  /** Why its key or its names won't do, in words; undefined when they do. */
  readonly problem: string | undefined;
  readonly notAfterMs: number;
}

export class BackendAuthentication implements DialSecurity {
  readonly terms: ClientTerms;
  readonly judge: ((peer: Peer) => boolean) | undefined;
  private kept: Uint8Array | undefined = undefined;
  /** When the instance gave the proof that `kept` stands for, on the coarse clock. */
  private provedAtMs = 0;
  /** What was wrong with the instance when it was last refused, in words; undefined when it was trusted since. */
  problem: string | undefined = undefined;
  private readonly expectedName: string;
  private findings: Findings | undefined = undefined;
  private readonly told = new Set<string>();
  /** When the first of `told` was, on the coarse clock. */
  private toldMs = 0;

  constructor(
    private readonly security: BackendSecurity,
    /** The instance's host as configured, an address or a name. */
    host: string,
    /** What notices call the instance: its id and address. */
    private readonly label: string,
  ) {
    const { serverName, verifiesChain, keys, judges } = security;
    this.expectedName = serverName ?? host;
    this.terms = {
      secureContext: security.secureContext,
      rejectUnauthorized: false,
      // Only names are ever sent (RFC 6066 §3), and without the dot that marks them as absolute.
      serverName: isIP(this.expectedName) === 0 ? this.expectedName.replace(/\.$/, "") : "",
    };
    this.judge = verifiesChain || keys !== undefined || judges.length > 0 ? (peer) => this.isTrusted(peer) : undefined;
  }

  /** What the next dial offers to resume; under an authority, only as long as its word is fresh. */
  get session(): Uint8Array | undefined {
    const { verifiesChain } = this.security;
    if (verifiesChain && clock.nowMs - this.provedAtMs >= sessionAgeMaxMs) this.kept = undefined;
    return this.kept;
  }

  keepSession(session: Uint8Array, provedAtMs: number | undefined): void {
    // What comes of resuming is as old as what was resumed: kept in its turn, it would make that proof last for ever.
    if (provedAtMs === undefined && this.security.verifiesChain) return;
    this.kept = session;
    this.provedAtMs = provedAtMs ?? 0;
  }

  noteBrokenHandshake(code: string): void {
    this.kept = undefined;
    this.tell(`the TLS handshake broke: ${code}`);
  }

  private isTrusted({ certificate, chainProblem }: Peer): boolean {
    const problem = this.findProblem(certificate, chainProblem);
    this.problem = problem;
    if (problem === undefined) return true;
    this.kept = undefined;
    this.tell(problem);
    return false;
  }

  private findProblem(certificate: X509Certificate | undefined, chainProblem: string | undefined): string | undefined {
    if (certificate === undefined) return "it shows no certificate";
    if (this.security.verifiesChain && chainProblem !== undefined) {
      return `the authority doesn't vouch for its certificate: ${chainProblem}`;
    }
    if (this.findings === undefined || !this.findings.raw.equals(certificate.raw)) {
      this.findings = {
        raw: certificate.raw,
        problem: this.examine(certificate),
        notAfterMs: this.security.verifiesChain ? Date.parse(certificate.validTo) : Number.POSITIVE_INFINITY,
      };
    }
    const { problem, notAfterMs } = this.findings;
    // A resumed session brings the verdict of the day when it began.
    return problem ?? (notAfterMs > Date.now() ? undefined : "its certificate has expired");
  }

  private examine(certificate: X509Certificate): string | undefined {
    const { keys, judges, verifiesChain } = this.security;
    if (keys !== undefined || judges.length > 0) {
      const offered = publicKeyOf(certificate);
      const isTrusted =
        offered !== undefined &&
        (backendServerAuthentication.authenticateBackend?.(keys ?? [], offered) === true ||
          judges.some((judge) => judge.trusts(offered)));
      if (!isTrusted) {
        const names = [...new Set([...(keys ?? []), ...judges].map(({ policy }) => policy))].join(", ");
        return `its public key, sha256/${offered?.pin ?? "unreadable"}, is not that of ${names}`;
      }
    }
    if (verifiesChain && !isFor(certificate, this.expectedName)) {
      return `its certificate is not for ${this.expectedName}`;
    }
    return undefined;
  }

  private tell(text: string): void {
    const { told } = this;
    if (clock.nowMs - this.toldMs >= silenceMs) {
      told.clear();
      this.toldMs = clock.nowMs;
    }
    if (told.has(text) || told.size === troubleMax) return;
    told.add(text);
    tellNotice(`TLS to instance ${this.label} failed: ${text}`);
  }
}

const publicKeyOf = (certificate: X509Certificate): PublicKey | undefined => {
  try {
    const spki = certificate.publicKey.export({ type: "spki", format: "der" });
    return { spki, pin: pinOf(spki) };
  } catch {
    // A kind of key that the library doesn't know can't be a trusted one.
    return undefined;
  }
};

/** RFC 9525 §6: subject alternative names only, and a wildcard stands for a whole label. */
const isFor = (certificate: X509Certificate, name: string): boolean =>
  isIP(name) === 0
    ? certificate.checkHost(name.replace(/\.$/, ""), { subject: "never", partialWildcards: false }) !== undefined
    : certificate.checkIP(name) !== undefined;

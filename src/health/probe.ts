// One check of one instance, always over a connection of its own: connect, shake hands, ask, and say what came of it.
//
// Started by the checker, which counts the results. It can be interrupted at any time and leaves nothing open, however it
// ends. It never fails: what goes wrong is its result, in words for people.
import { Effect } from "effect";
import type { HealthCheck } from "../model/health-check.ts";
import { isLayer7, isSecure } from "../model/protocol.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import { type Dial, type DialFailure, type DialListener, dial } from "../net/dial.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import { BackendAuthentication } from "../tls/backend-authentication.ts";
import { makeBackendSecurity } from "../tls/backend-security.ts";
import { FreshHandshake, type ProbeSecurity } from "./fresh-handshake.ts";
import { writeProbeRequest } from "./probe-request.ts";
import { ProbeResponse, type Verdict } from "./probe-response.ts";

/** What one check is made of. */
export interface ProbeTerms {
  readonly check: HealthCheck;
  /** What the instance must prove when the target is SSL or HTTPS; any certificate will do when left out. */
  readonly security?: ProbeSecurity | undefined;
  /** Goes before all else on the connection (a PROXY protocol header), before TLS too. */
  readonly preamble?: Uint8Array | undefined;
}

/** What a check came to. */
export interface ProbeResult extends Verdict {
  readonly durationMs: number;
  /** The connection stood, with its TLS where that was asked for. */
  readonly isConnected: boolean;
  /** False when this machine couldn't even ask, such as without a free file descriptor: it says nothing of the instance. */
  readonly isConclusive: boolean;
}

/** Asks the instance at `endpoint` once, within the check's timeout (exact to one tick of the deadline wheel). */
export const probe = (endpoint: Endpoint, terms: ProbeTerms): Effect.Effect<ProbeResult> =>
  Effect.callback((resume) => {
    const attempt = new Probe(endpoint, terms, (result) => resume(Effect.succeed(result)));
    return Effect.sync(() => attempt.cancel());
  });

class Probe implements DialListener, Receiver, DeadlineOwner {
  private readonly startedMs = performance.now();
  private readonly deadline = new Deadline(this);
  private readonly dueMs: number;
  private readonly dial: Dial;
  private readonly handshake: FreshHandshake | undefined;
  private transport: Transport | undefined = undefined;
  private response: ProbeResponse | undefined = undefined;
  private isOver = false;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly terms: ProbeTerms,
    private readonly onDone: (result: ProbeResult) => void,
  ) {
    const { target, timeout } = terms.check;
    this.handshake = isSecure(target.protocol) ? new FreshHandshake(terms.security ?? anyCertificate()) : undefined;
    this.dial = dial(endpoint, timeout * 1000, this, this.handshake, terms.preamble);
    // The dial's own deadline has set the clock going.
    this.dueMs = clock.nowMs + timeout * 1000;
  }

  /** Gives up; nobody hears of it. */
  cancel(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.deadline.disarm();
    this.dial.cancel();
    this.transport?.abort();
  }

  onDialled(transport: Transport): void {
    this.transport = transport;
    transport.receiver = this;
    const { check } = this.terms;
    if (!isLayer7(check.target.protocol)) {
      const reason = this.handshake === undefined ? "connected" : "TLS handshake done";
      this.finish({ isHealthy: true, reason });
      return;
    }
    this.response = new ProbeResponse(check);
    this.deadline.arm(this.dueMs);
    transport.write(writeProbeRequest(check, this.endpoint));
  }

  onDialFailed(failure: DialFailure, code: string): void {
    const isConclusive = failure !== "exhausted" && !ownErrors.has(code);
    this.finish({ isHealthy: false, reason: this.explain(failure, code) }, isConclusive);
  }

  private explain(failure: DialFailure, code: string): string {
    switch (failure) {
      case "timeout":
        return this.timeoutReason;
      case "exhausted":
        return "no file descriptor is free here";
      case "handshake":
        return `TLS handshake failed: ${code}`;
      case "untrusted":
        return `not trusted: ${this.handshake?.problem ?? "it didn't prove what it must"}`;
      case "refused":
        return dialWords[code] ?? `connect failed: ${code}`;
    }
  }

  private get timeoutReason(): string {
    return `timeout after ${this.terms.check.timeout} s`;
  }

  onBytes(chunk: Uint8Array): void {
    const verdict = this.response?.receive(chunk);
    if (verdict !== undefined) this.finish(verdict);
  }

  onWritable(): void {}

  onEnd(): void {
    if (this.response !== undefined) this.finish(this.response.end());
  }

  onClosed(isReset: boolean): void {
    const fault = this.transport?.tlsFault;
    if (fault !== undefined) this.finish({ isHealthy: false, reason: `TLS failed: ${fault}` });
    else if (isReset) this.finish({ isHealthy: false, reason: "connection reset" });
    else this.onEnd();
  }

  onDeadline(): number {
    this.finish({ isHealthy: false, reason: this.timeoutReason });
    return 0;
  }

  private finish({ isHealthy, reason }: Verdict, isConclusive = true): void {
    if (this.isOver) return;
    this.isOver = true;
    this.deadline.disarm();
    const { transport } = this;
    if (isHealthy) transport?.close();
    else transport?.abort();
    const durationMs = performance.now() - this.startedMs;
    this.onDone({ isHealthy, reason, durationMs, isConnected: transport !== undefined, isConclusive });
  }
}

/** What the system says when it can't make a connection, by name or by Linux's number (errno(3)). */
const dialWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect refused",
  "errno 111": "connect refused",
  ECONNRESET: "connect reset",
  EHOSTUNREACH: "host unreachable",
  "errno 113": "host unreachable",
  ENETUNREACH: "network unreachable",
  "errno 101": "network unreachable",
  EADDRNOTAVAIL: "no local port is free here",
  "errno 99": "no local port is free here",
};

/** Of these, what this machine lacks and the instance can't help. */
const ownErrors: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "errno 99"]);

let lenient: BackendAuthentication | undefined;

/** Any certificate will do ("Configure health checks…", AWS), and no server name is sent. */
const anyCertificate = (): BackendAuthentication => {
  lenient ??= new BackendAuthentication(makeBackendSecurity(), "", "");
  return lenient;
};

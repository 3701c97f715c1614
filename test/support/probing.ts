// Asks an instance once, as a health check does, and instances that answer it in odd ways.
import { afterEach, beforeEach } from "bun:test";
import { Effect } from "effect";
import type { ProbeSecurity } from "../../src/health/fresh-handshake.ts";
import { type ProbeResult, type ProbeTerms, probe } from "../../src/health/probe.ts";
import { type HealthCheck, settleHealthCheck, type WrittenHealthCheck } from "../../src/model/health-check.ts";
import type { InstanceSecurity } from "../../src/model/security.ts";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import { Endpoint } from "../../src/net/endpoint.ts";
import { BackendAuthentication } from "../../src/tls/backend-authentication.ts";
import { type BackendAuthority, makeBackendSecurity } from "../../src/tls/backend-security.ts";
import { eventually } from "./eventually.ts";
import type { FakeInstance, Script } from "./fake-instance.ts";
import { noNewSockets, openSockets } from "./leaks.ts";

/** Shorter than any that a configuration may ask for. */
export const shortTimeout = 0.6;

interface Options extends WrittenHealthCheck, Omit<ProbeTerms, "check"> {
  readonly host?: string;
}

/** What a check asks; `HTTP` and `HTTPS` for `/ping`. */
export const termsOf = (protocol: string, port: number, options: Options = {}): ProbeTerms => {
  const { security, preamble, timeout = 5, ...written } = options;
  const target = `${protocol}:${port}${protocol.startsWith("HTTP") ? "/ping" : ""}`;
  const check: HealthCheck = { ...settleHealthCheck({ target, ...written }, port), timeout };
  return { check, security, preamble };
};

/** One check of a port of 127.0.0.1. */
export const ask = (protocol: string, port: number, options: Options = {}): Promise<ProbeResult> =>
  Effect.runPromise(probe(new Endpoint("127.0.0.1", port), termsOf(protocol, port, options)));

/** `+ status 200`, `- connect refused`. */
export const spell = ({ isHealthy, reason }: ProbeResult): string => `${isHealthy ? "+" : "-"} ${reason}`;

export const securityFor = (security: InstanceSecurity, authority?: BackendAuthority): ProbeSecurity =>
  new BackendAuthentication(makeBackendSecurity(security, authority), "127.0.0.1", "i-test");

/** Every connection has been ended from this side, in good order or not. */
export const areLeft = (instance: FakeInstance): boolean =>
  instance.connections.every(({ ending }) => ending !== "open");

/** Reads a request, then goes on. */
export const afterRequest =
  (then: Script): Script =>
  async (connection) => {
    await connection.readRequest();
    await then(connection);
  };

export const say = (text: string): Script => afterRequest((connection) => connection.send(text));

export const sayAndClose = (text: string): Script =>
  afterRequest(async (connection) => {
    await connection.send(text);
    await connection.close();
  });

export const ok = "HTTP/1.1 200 OK\r\n";

/** The sockets that were open when the test began. */
export let baseline: ReadonlyArray<string> = [];

/** For each test of a file: at its end, what checks opened and armed is gone. */
export const leaveNothing = (): void => {
  beforeEach(() => {
    baseline = openSockets();
  });
  afterEach(async () => {
    await noNewSockets(baseline);
    await eventually(() => countArmedDeadlines() === 0, { what: "no deadline left" });
  });
};

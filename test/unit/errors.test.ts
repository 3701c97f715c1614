// Every row of the table of reasons: whose side, which phase, what the client is told, how loud.
import { expect, test } from "bun:test";
import { BindError, ConnectError, type Reason, reasons } from "../../src/errors.ts";

const rows: ReadonlyArray<readonly [Reason, side: string, phase: string, status: number, level: string]> = [
  ["connectionCapReached", "proxy", "accept", 0, "warn"],
  ["idle", "client", "accept", 0, "debug"],
  ["proxyHeaderMissing", "client", "accept", 0, "debug"],
  ["proxyHeaderMalformed", "client", "accept", 0, "debug"],
  ["handshakeTimeout", "client", "handshake", 0, "debug"],
  ["handshakeCut", "client", "handshake", 0, "debug"],
  ["handshakeNotTls", "client", "handshake", 0, "debug"],
  ["handshakeFailed", "client", "handshake", 0, "debug"],
  ["noSharedProtocol", "client", "handshake", 0, "debug"],
  ["noSharedCipher", "client", "handshake", 0, "debug"],
  ["noSharedApplication", "client", "handshake", 0, "debug"],
  ["clientCertificateMissing", "client", "handshake", 0, "debug"],
  ["clientCertificateRefused", "client", "handshake", 0, "debug"],
  ["clientReset", "client", "requestHead", 0, "debug"],
  ["badRequest", "client", "requestHead", 400, "debug"],
  ["requestHeadTooLarge", "client", "requestHead", 400, "debug"],
  ["connectMethod", "client", "requestHead", 400, "debug"],
  ["desyncBlocked", "client", "requestHead", 400, "debug"],
  ["methodTooLong", "client", "requestHead", 405, "debug"],
  ["requestHeadTimeout", "client", "requestHead", 408, "debug"],
  ["requestHeadCut", "client", "requestHead", 408, "debug"],
  ["badRequestBody", "client", "requestBody", 400, "debug"],
  ["requestBodyTimeout", "client", "requestBody", 408, "debug"],
  ["requestBodyCut", "client", "requestBody", 408, "debug"],
  ["policyRefused", "proxy", "policy", 403, "debug"],
  ["policyFailed", "proxy", "policy", 500, "error"],
  ["policyTimeout", "proxy", "policy", 500, "error"],
  ["noInstance", "proxy", "balance", 503, "warn"],
  ["surgeQueueOverflow", "proxy", "balance", 503, "warn"],
  ["clientLeftQueue", "client", "balance", 408, "debug"],
  ["surgeQueueTimeout", "proxy", "balance", 503, "warn"],
  ["connectRefused", "backend", "dial", 503, "warn"],
  ["connectTimeout", "backend", "dial", 504, "warn"],
  ["descriptorsExhausted", "proxy", "dial", 503, "error"],
  ["backendHandshakeFailed", "backend", "dial", 502, "warn"],
  ["backendUntrusted", "backend", "dial", 502, "error"],
  ["backendClosed", "backend", "responseHead", 504, "info"],
  ["backendTimeout", "backend", "responseHead", 504, "info"],
  ["instanceDeregistered", "proxy", "responseHead", 504, "info"],
  ["instanceOutOfService", "proxy", "responseHead", 504, "info"],
  ["badResponse", "backend", "responseHead", 502, "warn"],
  ["responseHeadTooLarge", "backend", "responseHead", 502, "warn"],
  ["responseCut", "backend", "responseBody", 0, "warn"],
  ["responseTimeout", "backend", "responseBody", 0, "warn"],
  ["badResponseBody", "backend", "responseBody", 502, "warn"],
  ["clientGone", "client", "responseBody", 0, "debug"],
  ["shutdown", "proxy", "responseBody", 0, "info"],
];

test.each(rows)("%s", (reason, side, phase, status, level) => {
  expect(reasons[reason] as unknown).toEqual({ side, phase, status, level });
});

test("no row is without an assertion", () => {
  expect(Object.keys(reasons).sort()).toEqual(rows.map(([reason]) => reason).sort());
});

test("rules that hold for every row", () => {
  for (const [name, facts] of Object.entries(reasons)) {
    const told = `${name}: ${JSON.stringify(facts)}`;
    // A client is never told that its own mistake was the instance's, nor the other way round.
    if (facts.status >= 500) expect(told).not.toContain('"side":"client"');
    // A refusal says nothing of how the request was made.
    else if (facts.status >= 400 && name !== "policyRefused") expect(told).toContain('"side":"client"');
    // Once an answer has begun, none of our own can follow. A body whose very first bytes are broken is found before its
    // head has gone.
    const status = name === "badResponseBody" ? 502 : 0;
    if (facts.phase === "responseBody") expect([name, facts.status]).toEqual([name, status]);
    // What clients do at will must not fill a log.
    if (facts.side === "client") expect(told).toContain('"level":"debug"');
  }
});

test("typed failures carry what their words need", () => {
  const failure = new ConnectError({ reason: "connectTimeout" });
  expect([failure._tag, failure.reason, failure instanceof Error]).toEqual(["ConnectError", "connectTimeout", true]);
  const facts = { address: "127.0.0.1", port: 80, code: "EACCES", loadBalancer: "web", setting: "x" };
  expect({ ...new BindError(facts) }).toMatchObject({ _tag: "BindError", ...facts });
});

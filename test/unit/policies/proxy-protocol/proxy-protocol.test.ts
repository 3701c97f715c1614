// ProxyProtocolPolicyType: its attributes as people and AWS's tools write them, and what its hook asks for.
import { expect, test } from "bun:test";
import { Result, Schema } from "effect";
import policyType from "../../../../policies/proxy-protocol/proxy-protocol.ts";
import type { ProxiedConnection } from "../../../../src/model/proxied-connection.ts";
import { writeProxyHeader } from "../../../../src/parse/proxy-protocol/header-writer.ts";

const connection: ProxiedConnection = {
  clientAddress: "198.51.100.22",
  clientPort: 35646,
  proxyAddress: "203.0.113.7",
  proxyPort: 80,
};

const decode = Schema.decodeUnknownResult(policyType.attributes, { onExcessProperty: "error" });

/** What the policy with these attributes sends. */
const preamble = (attributes: unknown): string | undefined => {
  const bytes = policyType.backendPreamble?.(Result.getOrThrow(decode(attributes)), connection, { writeProxyHeader });
  return bytes && Buffer.from(bytes).toString("latin1");
};

const line = "PROXY TCP4 198.51.100.22 203.0.113.7 35646 80\r\n";
const block = Buffer.from(writeProxyHeader(2, connection)).toString("latin1");

test.each<readonly [unknown, string | undefined]>([
  [{ ProxyProtocol: true }, line],
  [{ ProxyProtocol: "true" }, line],
  [{ ProxyProtocol: false }, undefined],
  [{ ProxyProtocol: "false" }, undefined],
  [{ ProxyProtocol: true, ProxyProtocolVersion: 1 }, line],
  [{ ProxyProtocol: "true", ProxyProtocolVersion: "1" }, line],
  [{ ProxyProtocol: true, ProxyProtocolVersion: 2 }, block],
  [{ ProxyProtocol: "true", ProxyProtocolVersion: "2" }, block],
  [{ ProxyProtocol: false, ProxyProtocolVersion: 2 }, undefined],
])("%j", (attributes, sent) => {
  expect(preamble(attributes)).toBe(sent as string);
});

test.each<unknown>([
  {},
  { ProxyProtocolVersion: 2 },
  { ProxyProtocol: "yes" },
  { ProxyProtocol: "True" },
  { ProxyProtocol: 1 },
  { ProxyProtocol: null },
  { ProxyProtocol: true, ProxyProtocolVersion: 0 },
  { ProxyProtocol: true, ProxyProtocolVersion: 3 },
  { ProxyProtocol: true, ProxyProtocolVersion: "v2" },
  { ProxyProtocol: true, ProxyProtocolVersion: "02" },
  { ProxyProtocol: true, proxyProtocolVersion: 2 },
])("%j is refused", (attributes) => {
  expect(Result.isFailure(decode(attributes))).toBe(true);
});

test("it has the name of the Elastic Load Balancing API, and no other hook", () => {
  expect(policyType.type).toBe("ProxyProtocolPolicyType");
  expect([policyType.negotiate, policyType.authenticateBackend]).toEqual([undefined, undefined]);
});

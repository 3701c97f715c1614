// What policies see, made up: a policy is tested by calling its hooks, without a socket and without elbow.
import { Result, Schema } from "effect";
import type { ConnectionContext, Policy, RequestContext, ResponseContext } from "../../src/policy/index.ts";

const client = {
  loadBalancer: "web",
  listener: { protocol: "HTTP", port: 80 },
  clientAddress: "192.0.2.1",
  clientPort: 40_000,
  tls: undefined,
} as const;

/** A TLS handshake that was settled. */
export const someTls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" };

/** A connection of a TCP listener. */
export const connectionOf = (facts: Partial<ConnectionContext> = {}): ConnectionContext => ({
  ...client,
  listener: { protocol: "TCP", port: 81 },
  kind: "connection",
  ...facts,
});

/** A request for a target, `/` by default, with these headers; host `example.com`. */
export const requestOf = (
  target = "/",
  headers: Readonly<Record<string, string>> = {},
  facts: Partial<RequestContext> = {},
): RequestContext => {
  const lines = Object.entries(headers);
  const [path = "", ...rest] = target.split("?");
  return {
    ...client,
    kind: "request",
    method: "GET",
    target,
    path,
    query: rest.join("?"),
    host: "example.com",
    version: "1.1",
    header: (name) => lines.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1],
    headers: () => lines,
    ...facts,
  };
};

/** An answer to a request, from an instance. */
export const responseOf = (request: RequestContext, status = 200): ResponseContext => ({
  request,
  status,
  instance: "i-1",
  header: () => undefined,
});

/** A policy with attributes as a configuration writes them, and what it keeps; throws where they are wrong. */
export const makeUse = <A, S>(policy: Policy<A, S>, written: unknown) => {
  const decoded = Schema.decodeUnknownResult(policy.attributes)(written);
  if (Result.isFailure(decoded)) throw new Error(String(decoded.failure));
  const attributes = decoded.success;
  return { attributes, state: policy.state?.(attributes) as S };
};

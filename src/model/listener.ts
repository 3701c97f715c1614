/**
 * A listener: the port that clients connect to, and the port and protocol of the instances behind it.
 * The first thing a connection meets; named as in the Elastic Load Balancing API (`Listener`).
 * Owns the shape; never the rules that tie several listeners together.
 */
import { Schema } from "effect";
import { type AddressBlock, parseAddressBlock } from "./address-block.ts";
import { described } from "./described.ts";
import type { PolicyUse } from "./policy-use.ts";
import { ListenPort, Port } from "./port.ts";
import { Protocol } from "./protocol.ts";
import type { InstanceSecurity, ListenerSecurity } from "./security.ts";
import type { ListenerStickiness } from "./stickiness.ts";
import { WrittenCertificate, WrittenCertificates, WrittenClientAuth, WrittenPolicyNames } from "./written-security.ts";

/** Whose word on the client's address is taken; see {@link parseAddressBlock}. */
export const WrittenTrustedProxies = Schema.Array(
  described(
    Schema.String,
    {
      title: "an address or a block of addresses",
      expected: 'one such as "127.0.0.1", "10.0.0.0/8" or "fd00::/8", no bits set behind the prefix',
    },
    (text) => parseAddressBlock(text) !== undefined,
  ),
).annotate({ title: "a list of addresses", expected: 'one such as ["10.0.0.0/8", "127.0.0.1", "::1"]' });

/** What the instances behind a listener are told of a connection before its first byte. */
export interface InstancePreamble {
  /** Of the PROXY protocol: 1 is a line of text, 2 is binary. What health checks speak where theirs begin with a header. */
  readonly version: 1 | 2;
  /** The policy itself where its module is a user's; without it, a PROXY header is what they are told. */
  readonly own?: PolicyUse;
}

/** A listener as it stands in a configuration: `instanceProtocol` may be left out, and what isn't for its protocol. */
export const WrittenListener = Schema.Struct({
  protocol: Protocol,
  port: ListenPort,
  instanceProtocol: Schema.optional(Protocol),
  instancePort: Port,
  certificate: Schema.optional(WrittenCertificate),
  certificates: Schema.optional(WrittenCertificates),
  policies: Schema.optional(WrittenPolicyNames),
  clientAuth: Schema.optional(WrittenClientAuth),
  acceptProxyProtocol: Schema.optional(described(Schema.Boolean, { title: "a switch", expected: "true or false" })),
  trustedProxies: Schema.optional(WrittenTrustedProxies),
}).annotate({
  title: "a listener",
  expected: 'one such as { protocol: "HTTP", port: 8080, instancePort: 80 }',
});

/** One front-end port and the instance port behind it; protocols are upper case. */
export interface Listener {
  readonly protocol: Protocol;
  readonly port: number;
  readonly instanceProtocol: Protocol;
  readonly instancePort: number;
  /** How TLS is terminated; there for HTTPS and SSL listeners, and only for those. */
  readonly security?: ListenerSecurity;
  /** What instances must prove; only where they speak HTTPS or SSL, and `backendPolicies` has their port. */
  readonly instanceSecurity?: InstanceSecurity;
  /** Who must say in a PROXY header whose connection it is, and is believed; there only where a listener accepts them. */
  readonly trustedProxies?: ReadonlyArray<AddressBlock>;
  /** As `backendPolicies` has it for the instance port. Only TCP and SSL listeners follow it: others share connections. */
  readonly instancePreamble?: InstancePreamble;
  /** How clients stay with their instances; only for HTTP and HTTPS listeners with a stickiness policy. */
  readonly stickiness?: ListenerStickiness;
  /** What it balances by, where that is a module of the user's. */
  readonly balancer?: PolicyUse;
  /** Those with hooks of traffic, in the order in which they are called; left out where there are none. */
  readonly policies?: ReadonlyArray<PolicyUse>;
}

/**
 * A listener: the port that clients connect to, and the port and protocol of the instances behind it.
 * The first thing a connection meets; named as in the Elastic Load Balancing API (`Listener`).
 * Owns the shape; never the rules that tie several listeners together.
 */
import { Schema } from "effect";
import { ListenPort, Port } from "./port.ts";
import { Protocol } from "./protocol.ts";
import type { InstanceSecurity, ListenerSecurity } from "./security.ts";
import { WrittenCertificate, WrittenCertificates, WrittenClientAuth, WrittenPolicyNames } from "./written-security.ts";

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
  /** What instances must prove; only where they speak HTTPS or SSL, and not even there where any certificate will do. */
  readonly instanceSecurity?: InstanceSecurity;
}

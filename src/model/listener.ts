/**
 * A listener: the port that clients connect to, and the port and protocol of the instances behind it.
 * The first thing a connection meets; named as in the Elastic Load Balancing API (`Listener`).
 * Owns the shape; never the rules that tie several listeners together.
 */
import { Schema } from "effect";
import { ListenPort, Port } from "./port.ts";
import { Protocol } from "./protocol.ts";

/** A listener as it stands in a configuration: `instanceProtocol` may be left out. */
export const WrittenListener = Schema.Struct({
  protocol: Protocol,
  port: ListenPort,
  instanceProtocol: Schema.optional(Protocol),
  instancePort: Port,
}).annotate({
  title: "a listener",
  expected: 'one such as { protocol: "HTTP", port: 8080, instancePort: 80 }',
});

/** A listener with every member known, as the rest of elbow sees it. */
export const Listener = Schema.Struct({
  protocol: Protocol,
  port: ListenPort,
  instanceProtocol: Protocol,
  instancePort: Port,
});

/** One front-end port and the instance port behind it; protocols are upper case. */
export interface Listener extends Schema.Schema.Type<typeof Listener> {}

/**
 * The four protocols of a listener and of the instances behind it.
 * Read by every step that must know its layer; owns the names and the two facts about each: its layer and whether it
 * is TLS. Never says which of them go together: that is a rule of the configuration.
 */
import { Schema, SchemaTransformation } from "effect";
import { type Description, described } from "./described.ts";

const names = ["HTTP", "HTTPS", "TCP", "SSL"] as const;

/** A protocol that a listener speaks to its clients or to its instances. */
export type Protocol = (typeof names)[number];

/** A protocol as people write it; any case is understood, these two are offered by editors. */
export type WrittenProtocol = Protocol | Lowercase<Protocol>;

const description: Description = { title: "a protocol", expected: "HTTP, HTTPS, TCP or SSL" };

const isProtocolName = (text: string): boolean => (names as ReadonlyArray<string>).includes(text.toUpperCase());

/** A protocol in any case, decoded to upper case (Elastic Load Balancing API, `Listener`). */
export const Protocol: Schema.Codec<Protocol, WrittenProtocol> = described(
  Schema.String,
  description,
  isProtocolName,
).pipe(
  Schema.decodeTo(
    Schema.Literals(names).annotate({ ...description }),
    SchemaTransformation.transform({
      decode: (text) => text.toUpperCase() as Protocol,
      encode: (protocol): string => protocol,
    }),
  ),
) as unknown as Schema.Codec<Protocol, WrittenProtocol>;

/** Whether the protocol is TLS on the wire. */
export const isSecure = (protocol: Protocol): boolean => protocol === "HTTPS" || protocol === "SSL";

/** Whether the protocol is parsed as HTTP (layer 7); otherwise its bytes pass unread (layer 4). */
export const isLayer7 = (protocol: Protocol): boolean => protocol === "HTTP" || protocol === "HTTPS";

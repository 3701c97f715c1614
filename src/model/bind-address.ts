/**
 * An address of this machine to listen on: of a load balancer, or of the management server.
 * A leaf of written configurations; owns the shape and its words.
 * Never knows whether this machine has the address.
 */
import { Schema } from "effect";
import { parseAddress } from "./address.ts";
import { described } from "./described.ts";

/** An IPv4 or IPv6 address to bind; `0.0.0.0` is all of IPv4, `::` all of IPv6 and IPv4. */
export const BindAddress = described(
  Schema.String,
  { title: "an IP address", expected: 'one such as "127.0.0.1", "0.0.0.0" or "::1"' },
  (text) => parseAddress(text) !== undefined,
);

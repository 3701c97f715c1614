// From a listener to what its instances are told before a client's first byte: what a policy says, the PROXY header at most places.
//
// Slow path: called when routes are made. What it returns is called once for each connection to be relayed.
import proxyProtocol from "../../policies/proxy-protocol/proxy-protocol.ts";
import type { Listener } from "../model/listener.ts";
import { isLayer7 } from "../model/protocol.ts";
import { writeProxyHeader } from "../parse/proxy-protocol/header-writer.ts";
import type { Route } from "../pipeline/route.ts";
import { guardPreamble } from "./own-hooks.ts";
import { boundOf } from "./policies.ts";

const context = { writeProxyHeader };

/**
 * What the connections of a listener begin with; undefined where they begin with the client's bytes.
 *
 * *Details*: at layer 7 many clients share a connection to an instance, and each request says whose it is.
 */
export const backendPreambleOf = ({ protocol, instancePreamble }: Listener): Route["backendPreamble"] => {
  if (instancePreamble === undefined || isLayer7(protocol)) return undefined;
  if (instancePreamble.own !== undefined) return guardPreamble(boundOf(instancePreamble.own));
  const attributes = { ProxyProtocol: true, ProxyProtocolVersion: instancePreamble.version };
  return (connection) => proxyProtocol.backendPreamble?.(attributes, connection, context);
};

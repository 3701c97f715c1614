// Who a management request says it is talking to. It sits in front of every management route and owns the one check that
// stops DNS rebinding: a web page whose own name was re-pointed at loopback still sends that name as Host.
// It never looks at paths, methods or credentials.

import { parseAddress } from "../model/address.ts";

// Host = uri-host [ ":" port ] (RFC 9110 §7.2); an IPv6 address stands in brackets (RFC 3986 §3.2.2).
const hostPattern = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/@?#]+))(?::\d*)?$/i;

// 127.0.0.0/8 in its canonical spelling only: "127.1" and "0177.0.0.1" are names to a browser's address bar, not to us.
const isLoopbackIPv4 = (text: string): boolean => text.startsWith("127.") && parseAddress(text)?.text === text;

const bare = (address: string): string => address.toLowerCase().replace(/^\[|\]$/g, "");

/** Stands among the hosts for every address: whoever asks by address has not been re-pointed by anybody's name. */
export const anyAddress = "*";

/**
 * Whether a Host header names this management server: `localhost`, an address of 127.0.0.0/8, `[::1]`, or one of its own
 * `hosts` (addresses, names, `*.` names as certificates have them, {@link anyAddress}), with any port. No Host at all
 * (HTTP/1.0) is not accepted.
 */
export const isOwnHost = (host: string | undefined, hosts: ReadonlyArray<string>): boolean => {
  const match = host === undefined ? null : hostPattern.exec(host);
  if (match === null) return false;
  const [, ipv6, nameOrIPv4] = match;
  const name = (ipv6 ?? nameOrIPv4 ?? "").toLowerCase();
  const isAddress = ipv6 !== undefined || parseAddress(name) !== undefined;
  if (ipv6 === undefined ? name === "localhost" || isLoopbackIPv4(name) : name === "::1") return true;
  return hosts.some((own) => (own === anyAddress ? isAddress : isNamedBy(own.toLowerCase(), name)));
};

/** A wildcard stands for one label (RFC 6125 §6.4.3). */
const isNamedBy = (own: string, name: string): boolean =>
  own.startsWith("*.") ? name.slice(name.indexOf(".") + 1) === own.slice(2) && name.includes(".") : name === bare(own);

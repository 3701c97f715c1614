/**
 * Hosts: an IP address or a DNS name, and the written form `host`, `host:port`, `[v6]:port`.
 * Used by instances and their inventory; pure.
 * Owns what is a legal host; never resolves one.
 */
import { parseAddress } from "./address.ts";
import { isPort } from "./port.ts";

/** A host with the port that was written after it, if any. */
export interface HostAndPort {
  readonly host: string;
  readonly port?: number;
}

/**
 * Whether a text is a name that can be looked up (RFC 1123 §2.1). Underscores are let through because container
 * networks hand out such names; a name whose last label is a number is a mistyped address and is not.
 */
export const isHostName = (text: string): boolean => {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name.length === 0 || name.length > 253) return false;
  const labels = name.split(".");
  return (
    labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) && !/^\d+$/.test(labels.at(-1)!)
  );
};

/** The one spelling of a host, an address canonical and a name in lower case; undefined when it is neither. */
export const parseHost = (text: string): string | undefined =>
  parseAddress(text)?.text ?? (isHostName(text) ? text.toLowerCase() : undefined);

/**
 * Splits `host`, `host:port`, `[v6]` or `[v6]:port` without judging the host; undefined when the port is no port or a
 * bracket is left open. A text with several colons and no brackets is a bare IPv6 address.
 */
export const splitHostAndPort = (text: string): HostAndPort | undefined => {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    return parseAddress(bracketed[1]!)?.family === undefined || !bracketed[1]!.includes(":")
      ? undefined
      : withPort(bracketed[1]!, bracketed[2]);
  }
  if (text.startsWith("[")) return undefined;
  const colon = text.indexOf(":");
  if (colon < 0 || colon !== text.lastIndexOf(":")) return { host: text };
  return withPort(text.slice(0, colon), text.slice(colon + 1));
};

const withPort = (host: string, port: string | undefined): HostAndPort | undefined => {
  if (port === undefined) return { host };
  return /^[1-9]\d{0,4}$/.test(port) && isPort(Number(port)) ? { host, port: Number(port) } : undefined;
};

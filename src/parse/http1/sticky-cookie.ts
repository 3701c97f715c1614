// The cookies of a load balancer's own that keep a client with its instance: their names, and their lines as bytes.
//
// Written into a response head between the instance's fields and ours. The forms, to the byte, are those that Classic Load
// Balancers send: no blanks, the companion's attributes in capitals, a small c in `Cache-control`. Pure; what a value means
// is for balance/, which attributes there are is for the policy.
import type { ByteWriter } from "../byte-writer.ts";
import { bytesOf } from "./bytes.ts";

/** The cookie's name, and its companion's for requests across sites (AWS, "Configure sticky sessions…"). */
export const stickyCookieNames: readonly [own: Uint8Array, companion: Uint8Array] = [
  bytesOf("AWSELB"),
  bytesOf("AWSELBCORS"),
];

const ownStart = bytesOf("Set-Cookie: AWSELB=");
const companionStart = bytesOf("\r\nSet-Cookie: AWSELBCORS=");
const end = bytesOf('\r\nCache-control: no-cache="set-cookie"\r\n');

/** A cookie's attributes as they go out behind its value and behind its companion's. */
export interface StickyAttributes {
  readonly own: Uint8Array;
  readonly companion: Uint8Array;
}

/**
 * Prepares attributes written as in a Set-Cookie line, such as `PATH=/;MAX-AGE=60`.
 *
 * *Details*: the companion has `SECURE;SAMESITE=None` in the place of what these say of either: browsers keep no other
 * cookie for requests across sites.
 */
export const makeStickyAttributes = (text: string): StickyAttributes => {
  const parts = text.split(";").filter((part) => part.trim() !== "");
  const others = parts.filter((part) => !/^\s*(secure|samesite)\s*(=|$)/i.test(part));
  const write = (written: ReadonlyArray<string>) => bytesOf(written.map((part) => `;${part}`).join(""));
  return { own: write(parts), companion: write([...others, "SECURE", "SAMESITE=None"]) };
};

/** Writes the two Set-Cookie lines, and the one that keeps caches from giving them to others. */
export const writeStickyCookie = (value: Uint8Array, attributes: StickyAttributes, out: ByteWriter): void => {
  out.put(ownStart);
  out.put(value);
  out.put(attributes.own);
  out.put(companionStart);
  out.put(value);
  out.put(attributes.companion);
  out.put(end);
};

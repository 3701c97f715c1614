// The values of stickiness cookies: made of a secret, a listener's scope and a member, and known again by the secret alone.
//
// The first half of a value is a keyed hash of the member's name, the second half a keyed hash of the first: nobody without
// the secret makes one up, or reads anything out of one; who has it, today or after a restart or on another node, makes the
// same ones. Owns the recipe (docs/decisions/0016-stickiness.md); a table of values is in balance/sticky-table.ts.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { StickyValues } from "../balance/sticky-table.ts";
import { stickyValueLength } from "../balance/sticky-table.ts";
import type { CookieSecret } from "../model/cookie-secret.ts";

/** Where a cookie is good: an instance port of a load balancer, by whichever listener it was given out. */
export interface StickyScope {
  readonly loadBalancer: string;
  readonly instancePort: number;
}

/** The parts of a value, in bytes; a byte is two digits. */
const nameBytes = 32;
const proofBytes = stickyValueLength / 2 - nameBytes;

/**
 * Values for the members of a scope: made with the first of `secrets`, good when made with any.
 *
 * *Details*: `nameOf` must tell each member of the scope from every other, and tell it the same after a restart and on
 * every node; it has no NUL in it.
 */
export const makeStickyValues = <M>(
  secrets: ReadonlyArray<CookieSecret>,
  { loadBalancer, instancePort }: StickyScope,
  nameOf: (member: M) => string,
): StickyValues<M> => {
  const scope = `${loadBalancer}\0${instancePort}\0`;
  const keys = secrets.map((secret) => ({
    // Two keys, so that no name hashed with one can stand for a proof made with the other.
    name: createHmac("sha256", secret).update(`elbow stickiness, name\0${scope}`).digest(),
    proof: createHmac("sha256", secret).update(`elbow stickiness, proof\0${scope}`).digest(),
  }));
  const prove = (key: Buffer, name: Uint8Array): Buffer =>
    createHmac("sha512", key).update(name).digest().subarray(0, proofBytes);
  return {
    valuesOf: (member) =>
      keys.map((key) => {
        const name = createHmac("sha256", key.name).update(nameOf(member)).digest();
        const value = Buffer.concat([name, prove(key.proof, name)]);
        return Buffer.from(value.toString("hex").toUpperCase(), "latin1");
      }),
    isOurs: (bytes, start, end) => {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
      if (text.length !== stickyValueLength || !/^[0-9A-F]*$/.test(text)) return false;
      const value = Buffer.from(text, "hex");
      const name = value.subarray(0, nameBytes);
      return keys.some((key) => timingSafeEqual(prove(key.proof, name), value.subarray(nameBytes)));
    },
  };
};

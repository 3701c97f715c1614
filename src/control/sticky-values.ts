// The values of stickiness cookies: made of a secret, a listener's scope, a member and the cookie's place, and known again
// by the secret alone.
//
// The first part of a value is a keyed hash of the member's name, the second its place, enciphered, the third a keyed hash
// of both: nobody without the secret makes one up, or reads anything out of one; who has it, today or after a restart or on
// another node, makes the same ones. Owns the recipe (docs/decisions/0016-stickiness.md); a table of values is in
// balance/sticky-table.ts.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { type StickyValues, stickyNameLength, stickyValueLength } from "../balance/sticky-table.ts";
import type { CookiePlace } from "../model/cookie-place.ts";
import type { CookieSecret } from "../model/cookie-secret.ts";

/** Where a cookie is good: an instance port of a load balancer, by whichever listener it was given out. */
export interface StickyScope {
  readonly loadBalancer: string;
  readonly instancePort: number;
}

/** The parts of a value, in bytes; a byte is two digits. */
const nameBytes = stickyNameLength / 2;
const sealedBytes = 16;
const proofStart = nameBytes + sealedBytes;
const proofBytes = stickyValueLength / 2 - proofStart;
const placeBytes = 4;

/** A block of AES: the place, and enough of the member's name to make it another block for each member. */
const seal = (key: Buffer, name: Buffer, place: CookiePlace): Buffer => {
  const block = Buffer.alloc(sealedBytes);
  block.writeUInt32BE(place);
  name.copy(block, placeBytes, 0, sealedBytes - placeBytes);
  return createCipheriv("aes-256-ecb", key, null).setAutoPadding(false).update(block);
};

const unseal = (key: Buffer, sealed: Uint8Array): CookiePlace =>
  createDecipheriv("aes-256-ecb", key, null).setAutoPadding(false).update(sealed).readUInt32BE();

const prove = (key: Buffer, named: Uint8Array): Buffer =>
  createHmac("sha256", key).update(named).digest().subarray(0, proofBytes);

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
  const keys = secrets.map((secret) => {
    // A key for each part, so that nothing made with one can stand for what is made with another.
    const keyFor = (part: string) =>
      createHmac("sha256", secret).update(`elbow stickiness, ${part}\0${scope}`).digest();
    return { name: keyFor("name"), place: keyFor("place"), proof: keyFor("proof") };
  });
  return {
    valuesOf: (member, place) =>
      keys.map((key) => {
        const name = createHmac("sha256", key.name).update(nameOf(member)).digest();
        const named = Buffer.concat([name, seal(key.place, name, place)]);
        const value = Buffer.concat([named, prove(key.proof, named)]);
        return Buffer.from(value.toString("hex").toUpperCase(), "latin1");
      }),
    placeOf: (bytes, start, end) => {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
      if (text.length !== stickyValueLength || !/^[0-9A-F]*$/.test(text)) return undefined;
      const value = Buffer.from(text, "hex");
      const named = value.subarray(0, proofStart);
      const key = keys.find(({ proof }) => timingSafeEqual(prove(proof, named), value.subarray(proofStart)));
      return key === undefined ? undefined : unseal(key.place, named.subarray(nameBytes));
    },
  };
};

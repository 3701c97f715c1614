/**
 * CRC32C, the checksum that a PROXY header of version 2 may carry (PROXY protocol §2.2.3, RFC 4960 Appendix B).
 * Used by the reader of that version; pure.
 * Owns its table; never knows what it sums up.
 */

/** Castagnoli's polynomial, its bits reflected. */
const polynomial = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
  return rest;
});

/** The checksum of `bytes[0, length)`, with the four bytes at `zeroAt` taken as zeros; -1 takes all as they are. */
export const crc32c = (bytes: Uint8Array, length = bytes.length, zeroAt = -1): number => {
  let rest = 0xffffffff;
  for (let at = 0; at < length; at++) {
    const byte = zeroAt >= 0 && at >= zeroAt && at < zeroAt + 4 ? 0 : (bytes[at] as number);
    rest = (rest >>> 8) ^ (table[(rest ^ byte) & 255] as number);
  }
  return (rest ^ 0xffffffff) >>> 0;
};

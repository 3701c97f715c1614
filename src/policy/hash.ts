/**
 * Hashes of names and of what clients send: 32-bit FNV-1a, then the last step of MurmurHash3, which FNV lacks.
 * Exported to balancing policies, and used by whoever makes keys for them; the same on every machine, for ever.
 * Pure. Never for secrets, and no defence: a client that chooses its header chooses its hash.
 */

/** Spreads the bits of a 32-bit number over all of them (MurmurHash3, `fmix32`); one to one, unsigned. */
export const mixBits = (value: number): number => {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
};

const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

/** The hash of the bytes from `from` up to `to` (FNV-1a, then {@link mixBits}), an unsigned 32-bit number. */
export const hashBytes = (bytes: Uint8Array, from = 0, to: number = bytes.length): number => {
  let hash = offsetBasis;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), prime);
  return mixBits(hash);
};

/** The hash of a text: what {@link hashBytes} gives for its UTF-8 where it is ASCII, as addresses and ids are. */
export const hashText = (text: string): number => {
  let hash = offsetBasis;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), prime);
    // Beyond Latin-1 both halves of a unit count.
    if (unit > 0xff) hash = Math.imul(hash ^ (unit >>> 8), prime);
  }
  return mixBits(hash);
};

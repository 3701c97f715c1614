// Big streams for tests: the same pseudo-random bytes for the same seed, sent in blocks without ever holding the whole,
// with the hash that the other end must see.
import type { ByteEnd, StreamDigest } from "./byte-end.ts";

const BLOCK_BYTES = 256 * 1024;

/** Pseudo-random bytes from a seed (xorshift32). */
export const seededBytes = (length: number, seed: number): Buffer => {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed | 1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return Buffer.from(words.buffer, 0, length);
};

/** A generator of `totalBytes` pseudo-random bytes in blocks; no two blocks are equal. */
export function* seededBlocks(totalBytes: number, seed: number): Generator<Buffer> {
  const base = seededBytes(BLOCK_BYTES, seed);
  let count = 0;
  for (let sent = 0; sent < totalBytes; sent += BLOCK_BYTES) {
    // Each block carries its number, so that a lost, doubled or swapped block changes the hash.
    const block = Buffer.from(base.subarray(0, Math.min(BLOCK_BYTES, totalBytes - sent)));
    if (block.length >= 4) block.writeUInt32LE(count++, 0);
    yield block;
  }
}

/** The digest of the stream that `sendStream` with the same arguments sends. */
export const digestOf = (totalBytes: number, seed: number): StreamDigest => {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const block of seededBlocks(totalBytes, seed)) hasher.update(block);
  return { bytes: totalBytes, sha256: hasher.digest("hex") };
};

/** Sends `totalBytes` pseudo-random bytes at the pace of the receiver; resolves with what the receiver must see. */
export const sendStream = async (end: ByteEnd, totalBytes: number, seed: number): Promise<StreamDigest> => {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const block of seededBlocks(totalBytes, seed)) {
    hasher.update(block);
    await end.send(block);
  }
  return { bytes: totalBytes, sha256: hasher.digest("hex") };
};

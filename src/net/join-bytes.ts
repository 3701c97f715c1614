// Bytes that came in two pieces and are wanted in one; for the rare case, never for a stream.

/** A copy of both, one behind the other. */
export const joinBytes = (before: Uint8Array, behind: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(before.length + behind.length);
  joined.set(before);
  joined.set(behind, before.length);
  return joined;
};

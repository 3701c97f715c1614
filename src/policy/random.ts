/**
 * A seeded source of chance, for balancing policies that draw.
 * Exported to policies; owns one number. Never for secrets: who sees a few draws knows the rest.
 */

/** Makes a source of numbers of at least 0 and below 1 (mulberry32); the same seed gives the same numbers. */
export const makeRandom = (seed: number = Math.random() * 2 ** 32): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

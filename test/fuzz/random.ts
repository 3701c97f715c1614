// A seeded source of chance. A failing property prints its seed; `FUZZ_SEED=<seed>` runs that one again.
export class Random {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** At least 0, below 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, at least 0 and below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: ArrayLike<T>): T {
    return choices[this.below(choices.length)] as T;
  }

  /** Up to `most` characters of `alphabet`. */
  text(alphabet: string, least: number, most: number): string {
    return Array.from({ length: least + this.below(most - least + 1) }, () => this.pick(alphabet)).join("");
  }

  /** Pieces of `bytes`, cut at up to `most` places. */
  cut(bytes: Uint8Array, most = 8): ReadonlyArray<Uint8Array> {
    const cuts = Array.from({ length: this.below(most + 1) }, () => this.below(bytes.length + 1)).sort((a, b) => a - b);
    const pieces: Array<Uint8Array> = [];
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      if (to > from) pieces.push(bytes.slice(from, to));
      from = to;
    }
    return pieces;
  }
}

const fixedSeed = process.env.FUZZ_SEED;

/** One seed is tried again: what many inputs together must reach can't be asked of it. */
export const isReplay = fixedSeed !== undefined;

/** Tries `property` with seed after seed until `count` were tried or `mostMs` milliseconds are over; at least once. */
export const forSeeds = (count: number, mostMs: number, property: (random: Random) => void): void => {
  const endMs = performance.now() + mostMs;
  const first = fixedSeed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(fixedSeed);
  const tries = fixedSeed === undefined ? count : 1;
  for (let index = 0; index < tries; index++) {
    const seed = (first + index * 7919) >>> 0;
    try {
      property(new Random(seed));
    } catch (error) {
      process.stderr.write(`\nseed ${seed}: run again with FUZZ_SEED=${seed}\n`);
      throw error;
    }
    if (performance.now() > endMs) return;
  }
};

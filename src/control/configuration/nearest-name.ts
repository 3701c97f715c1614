/**
 * Finds the known name that a mistyped one was meant to be.
 * Serves the "did you mean" of unknown keys, instance ids and file extensions; pure.
 * Never guesses when nothing is near.
 */

/** The known name nearest to a text, or undefined when none is near enough to be meant. */
export const findNearestName = (text: string, known: Iterable<string>): string | undefined => {
  let nearest: string | undefined;
  let nearestDistance = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const distance = bare(text) === bare(name) ? 0 : editDistance(plain(text), plain(name));
    if (distance < nearestDistance && distance <= Math.max(1, Math.floor(name.length / 3))) {
      nearest = name;
      nearestDistance = distance;
    }
  }
  return nearest;
};

/** `idle_timeout`, `IdleTimeout` and `idle-timeout` all mean `idleTimeout`. */
const plain = (text: string): string => text.toLowerCase().replace(/[-_ ]/g, "");

/** `TLSv1_2` and `TLSv12` mean `TLSv1.2`, and `TLSv1.0` means `TLSv1`. */
const bare = (text: string): string => plain(text).replace(/\.0$/, "").replaceAll(".", "");

/** Edits that turn one text into another; swapping two neighbours is one (optimal string alignment). */
const editDistance = (one: string, other: string): number => {
  // A name far longer than any of ours is not a slip of the finger, and the table below is quadratic.
  if (one.length > 128 || other.length > 128) return Number.POSITIVE_INFINITY;
  let beforeLast: ReadonlyArray<number> = [];
  let last: ReadonlyArray<number> = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const substitution = last[column - 1]! + (one[row - 1] === other[column - 1] ? 0 : 1);
      let distance = Math.min(last[column]! + 1, current[column - 1]! + 1, substitution);
      if (row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]) {
        distance = Math.min(distance, beforeLast[column - 2]! + 1);
      }
      current.push(distance);
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length]!;
};

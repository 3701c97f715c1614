// What a hook's answers have come to, so that one that it gives again costs a comparison.
//
// One for each policy and phase of a chain (policy-chain.ts). An answer is known by its identity, or by being the same as the last
// one in all its parts: hooks like to write theirs out anew each time. Owns what was made of them; reading one is for others.

/** A part of an answer, copied: a text or number, or the parts of a list or record. */
type Part = string | number | boolean | undefined | Parts;

/** The names of a list's or record's parts in their order, and what stands there. */
interface Parts {
  readonly isList: boolean;
  readonly names: ReadonlyArray<string>;
  readonly parts: ReadonlyArray<Part>;
}

export class PolicyMemo<T> {
  private readonly known = new WeakMap<object, T>();
  /** The last answer that was read, copied, with what it came to; undefined where it had parts of another kind. */
  private last: { readonly value: object; readonly copy: Part; readonly result: T } | undefined = undefined;

  constructor(private readonly read: (value: unknown) => T) {}

  /** What an answer comes to; throws what reading it throws. */
  of(value: unknown): T {
    if (typeof value !== "object" || value === null) return this.read(value);
    const { last } = this;
    if (last !== undefined && (last.value === value || isSame(value, last.copy, deepest))) return last.result;
    const known = this.known.get(value);
    if (known !== undefined) return known;
    const result = this.read(value);
    this.known.set(value, result);
    const copy = copyOf(value, deepest);
    this.last = copy === unlike ? undefined : { value, copy, result };
    return result;
  }
}

/** Lists in records in answers: nothing lies deeper. */
const deepest = 3;
const unlike = Symbol("unlike");

const isSame = (value: unknown, copy: Part, depth: number): boolean => {
  if (typeof value !== "object" || value === null || typeof copy !== "object") return value === copy;
  const { isList, names, parts } = copy;
  if (depth === 0 || Array.isArray(value) !== isList) return false;
  let index = 0;
  for (const name in value) {
    // The same in another order is rare, and then read again.
    if (names[index] !== name) return false;
    if (!isSame((value as Readonly<Record<string, unknown>>)[name], parts[index], depth - 1)) return false;
    index++;
  }
  return index === names.length;
};

const copyOf = (value: unknown, depth: number): Part | typeof unlike => {
  if (value === undefined || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  if (typeof value !== "object" || value === null || depth === 0) return unlike;
  const isList = Array.isArray(value);
  if (!isList && Object.getPrototypeOf(value) !== Object.prototype) return unlike;
  const names: Array<string> = [];
  const parts: Array<Part> = [];
  for (const [name, part] of Object.entries(value)) {
    const copied = copyOf(part, depth - 1);
    if (copied === unlike) return unlike;
    names.push(name);
    parts.push(copied);
  }
  return { isList, names, parts };
};

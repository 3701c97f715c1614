// What a hook's answers have come to, so that one that it gives again costs a comparison.
//
// One for each policy and phase of a chain (chain.ts). An answer is known by what it says, never by its identity alone:
// hooks like to write theirs out anew each time, and nothing keeps them from changing one that they have given. Owns what
// was made of them, with copies of what they said; reading one is for others.

/** A part of an answer, copied: a text or number, bytes, or the parts of a list or record. */
type Part = string | number | boolean | undefined | Uint8Array | Parts;

class Parts {
  constructor(
    readonly isList: boolean,
    /** Of a record, in its order; a list has none. */
    readonly names: ReadonlyArray<string>,
    readonly parts: ReadonlyArray<Part>,
  ) {}
}

/** What an answer said, and what that has come to. */
interface Known<T> {
  readonly copy: Part;
  readonly result: T;
}

export class PolicyMemo<T> {
  /** Of objects that stay, such as those that a policy keeps in its state. */
  private readonly known = new WeakMap<object, Known<T>>();
  /** The last answer that was read. */
  private last: Known<T> | undefined = undefined;

  constructor(private readonly read: (value: unknown) => T) {}

  /** What an answer comes to; throws what reading it throws. */
  of(value: unknown): T {
    if (typeof value !== "object" || value === null) return this.read(value);
    const { last } = this;
    if (last !== undefined && isSame(value, last.copy, deepest)) return last.result;
    const known = this.known.get(value);
    if (known !== undefined && isSame(value, known.copy, deepest)) return known.result;
    const copy = copyOf(value, deepest);
    const result = this.read(value);
    // It has parts of a kind that can't be compared.
    if (copy === unlike) return result;
    this.last = { copy, result };
    this.known.set(value, this.last);
    return result;
  }
}

/** Lists in records in answers: nothing lies deeper. */
const deepest = 3;
const unlike = Symbol("unlike");

const isSame = (value: unknown, copy: Part, depth: number): boolean => {
  if (typeof value !== "object" || value === null || typeof copy !== "object") return value === copy;
  if (!(copy instanceof Parts)) return value instanceof Uint8Array && Buffer.compare(value, copy) === 0;
  if (depth === 0) return false;
  const { names, parts } = copy;
  if (copy.isList) {
    if (!Array.isArray(value) || value.length !== parts.length) return false;
    for (let index = 0; index < parts.length; index++) {
      if (!isSame(value[index], parts[index], depth - 1)) return false;
    }
    return true;
  }
  if (!isRecord(value)) return false;
  let index = 0;
  for (const name in value) {
    // The same in another order is rare, and then read again.
    if (names[index] !== name) return false;
    if (!isSame((value as Readonly<Record<string, unknown>>)[name], parts[index], depth - 1)) return false;
    index++;
  }
  return index === names.length;
};

/** It has no parts but its own. */
const isRecord = (value: object): boolean => Object.getPrototypeOf(value) === Object.prototype;

const copyOf = (value: unknown, depth: number): Part | typeof unlike => {
  if (value === undefined || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  if (typeof value !== "object" || value === null || depth === 0) return unlike;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  const isList = Array.isArray(value);
  if (!isList && !isRecord(value)) return unlike;
  const names = isList ? [] : Object.keys(value);
  const parts: Array<Part> = [];
  for (const part of isList ? value : Object.values(value)) {
    const copied = copyOf(part, depth - 1);
    if (copied === unlike) return unlike;
    parts.push(copied);
  }
  return new Parts(isList, names, parts);
};

// Which member a stickiness cookie names: every value of every registered member, found by its bytes.
//
// Asked once a request, on the way to the balancer; never by strings, so that asking makes nothing. Values are made when a
// member is registered and kept while it is, in service or not. Owns the table; what values are made of is for who gives
// them, and whether the named member may be picked is for who asks.

/** How many characters a value has: upper-case hexadecimal digits, as in the cookies of a Classic Load Balancer. */
export const stickyValueLength = 138;

/** Makes values and knows them again. */
export interface StickyValues<M> {
  /** The values that name a member, {@link stickyValueLength} bytes each; at least one, and the first is given out. */
  valuesOf(member: M): ReadonlyArray<Uint8Array>;
  /** Whether `bytes[start, end)` was given out for a member of this listener, be it gone or not. */
  isOurs(bytes: Uint8Array, start: number, end: number): boolean;
}

interface Entry<M> {
  readonly member: M;
  readonly value: Uint8Array;
}

export class StickyTable<M> {
  /** By the first digits of a value, which are as good as random; a power of two, and at most half of it is in use. */
  private slots: Array<Entry<M> | undefined> = [undefined];
  private entries = new Map<M, ReadonlyArray<Entry<M>>>();

  constructor(private readonly values: StickyValues<M>) {}

  /** From now on these members are named, and no others; values are made for those that are new. */
  replace(members: Iterable<M>): void {
    const entries = new Map<M, ReadonlyArray<Entry<M>>>();
    let count = 0;
    for (const member of members) {
      const own =
        this.entries.get(member) ?? this.values.valuesOf(member).map((value): Entry<M> => ({ member, value }));
      entries.set(member, own);
      count += own.length;
    }
    let capacity = 1;
    while (capacity < count * 2) capacity *= 2;
    const slots = new Array<Entry<M> | undefined>(capacity).fill(undefined);
    for (const own of entries.values()) for (const entry of own) put(slots, entry);
    this.entries = entries;
    this.slots = slots;
  }

  /** The member that the value `bytes[start, end)` names; undefined when it names none that is registered. */
  find(bytes: Uint8Array, start: number, end: number): M | undefined {
    if (end - start !== stickyValueLength) return undefined;
    const { slots } = this;
    const mask = slots.length - 1;
    for (let at = hashOf(bytes, start) & mask; ; at = (at + 1) & mask) {
      const entry = slots[at];
      if (entry === undefined) return undefined;
      if (compare.call(entry.value, bytes, start, end) === 0) return entry.member;
    }
  }

  /** Whether a value that {@link find} doesn't know was given out for a member that has gone. */
  isOurs(bytes: Uint8Array, start: number, end: number): boolean {
    return end - start === stickyValueLength && this.values.isOurs(bytes, start, end);
  }

  /** The value that names a member; undefined when it isn't registered, so that nobody is sent there again. */
  valueOf(member: M): Uint8Array | undefined {
    return this.entries.get(member)?.[0]?.value;
  }
}

const put = <M>(slots: Array<Entry<M> | undefined>, entry: Entry<M>): void => {
  const mask = slots.length - 1;
  let at = hashOf(entry.value, 0) & mask;
  while (slots[at] !== undefined) at = (at + 1) & mask;
  slots[at] = entry;
};

/** The number that eight hexadecimal digits are; any number for other bytes, since only values are in the table. */
const hashOf = (bytes: Uint8Array, start: number): number => {
  let hash = 0;
  for (let index = start; index < start + 8; index++) {
    const byte = bytes[index] as number;
    hash = (hash << 4) | ((byte + (byte >> 6) * 9) & 0xf);
  }
  return hash;
};

/** Compares without making a view first; a loop over as many bytes takes several times as long. */
const compare = Buffer.prototype.compare as unknown as {
  call(value: Uint8Array, bytes: Uint8Array, start: number, end: number): number;
};

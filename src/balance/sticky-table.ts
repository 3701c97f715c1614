// Which member a stickiness cookie names: the values of every registered member, found by their bytes.
//
// Asked once a request, on the way to the balancer; never by strings, so that asking makes nothing. The plain values are
// made when a member is registered and kept as long as it is, in service or not; of those for other places, made or proved
// when they are first seen, the last few are kept. Owns the table; what values are made of is for who gives them, and whether
// the named member may be picked is for who asks.
import { type CookiePlace, plainPlace } from "../model/cookie-place.ts";

/** How many characters a value has: upper-case hexadecimal digits, as in the cookies of a Classic Load Balancer. */
export const stickyValueLength = 138;

/** How many of them, the first, name the member; the others are for one place of the cookie. */
export const stickyNameLength = 64;

/** So many values of one member are kept beside the plain ones, the last; an application has few places for its cookie. */
const maxPlaced = 32;

/** Makes values and knows them again. */
export interface StickyValues<M> {
  /** The values that name a member in this place, {@link stickyValueLength} bytes each; the first is given out. */
  valuesOf(member: M, place: CookiePlace): ReadonlyArray<Uint8Array>;
  /** The place of `bytes[start, end)` if it was given out for a member of this listener, be it gone or not. */
  placeOf(bytes: Uint8Array, start: number, end: number): CookiePlace | undefined;
}

/** What a value says: its member, undefined when that isn't registered, and its cookie's place. */
export interface StickyBond<M> {
  readonly member: M | undefined;
  readonly place: CookiePlace;
}

interface Entry<M> {
  readonly member: M;
  readonly place: CookiePlace;
  readonly value: Uint8Array;
  /** {@link hashOf} the value. */
  readonly hash: number;
}

interface Row<M> {
  readonly names: ReadonlyArray<string>;
  /** The plain ones, one for each name, and behind them a ring of {@link maxPlaced}. */
  readonly entries: Array<Entry<M>>;
  /** Where in the ring its oldest entry is, once it is full. */
  oldest: number;
  /** The values that are given out, by place; each is an entry's. */
  readonly given: Map<CookiePlace, Uint8Array>;
}

export class StickyTable<M> {
  /** By the last digits of a value, which are as good as random; a power of two, and at most half of it is in use. */
  private slots: Array<Entry<M> | undefined> = [undefined];
  private count = 0;
  private rows = new Map<M, Row<M>>();
  private names = new Map<string, M>();

  constructor(private readonly values: StickyValues<M>) {}

  /** From now on these members are named, and no others; values are made for those that are new. */
  replace(members: Iterable<M>): void {
    const rows = new Map<M, Row<M>>();
    const names = new Map<string, M>();
    for (const member of members) {
      const row = this.rows.get(member) ?? this.makeRow(member);
      rows.set(member, row);
      for (const name of row.names) names.set(name, member);
    }
    this.rows = rows;
    this.names = names;
    this.layOut();
  }

  /** The registered member that the value `bytes[start, end)` names, as far as the value is known here. */
  find(bytes: Uint8Array, start: number, end: number): StickyBond<M> | undefined {
    return this.entryOf(bytes, start, end);
  }

  /** What a value that {@link find} doesn't know says; undefined when it is none. Costs a proof, which it is then known by. */
  prove(bytes: Uint8Array, start: number, end: number): StickyBond<M> | undefined {
    const place = end - start === stickyValueLength ? this.values.placeOf(bytes, start, end) : undefined;
    if (place === undefined) return undefined;
    const member = this.names.get(nameIn(bytes, start));
    // A copy: a Buffer's own `slice` shares the memory of a head that is another's soon.
    if (member !== undefined) this.keep(makeEntry(member, place, new Uint8Array(bytes.subarray(start, end))));
    return { member, place };
  }

  /** The value that names a member in a place; undefined when it isn't registered, so that nobody is sent there again. */
  valueOf(member: M, place: CookiePlace): Uint8Array | undefined {
    const row = this.rows.get(member);
    return row && (row.given.get(place) ?? this.give(member, row, place));
  }

  private give(member: M, row: Row<M>, place: CookiePlace): Uint8Array {
    const made = this.values.valuesOf(member, place)[0] as Uint8Array;
    const known = this.entryOf(made, 0, made.length);
    if (known === undefined) this.keep(makeEntry(member, place, made));
    const value = known?.value ?? made;
    row.given.set(place, value);
    return value;
  }

  private makeRow(member: M): Row<M> {
    const values = this.values.valuesOf(member, plainPlace);
    return {
      names: values.map((value) => nameIn(value, 0)),
      entries: values.map((value) => makeEntry(member, plainPlace, value)),
      oldest: 0,
      given: new Map([[plainPlace, values[0] as Uint8Array]]),
    };
  }

  private entryOf(bytes: Uint8Array, start: number, end: number): Entry<M> | undefined {
    if (end - start !== stickyValueLength) return undefined;
    const { slots } = this;
    const mask = slots.length - 1;
    const hash = hashOf(bytes, end);
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = slots[at];
      if (entry === undefined) return undefined;
      // The hash first: how long the others take to compare nobody can time who doesn't have these digits of the proof.
      if (entry.hash === hash && compare.call(entry.value, bytes, start, end) === 0) return entry;
    }
  }

  private keep(entry: Entry<M>): void {
    const row = this.rows.get(entry.member);
    if (row === undefined) return;
    const { names, entries } = row;
    if (entries.length === names.length + maxPlaced) {
      this.replaceOldest(row, entry);
      return;
    }
    entries.push(entry);
    this.count++;
    if (this.count * 2 > this.slots.length) this.layOut();
    else put(this.slots, entry);
  }

  /** A full row takes new entries all the same: else who fills it once lets the others pay a proof for each request. */
  private replaceOldest(row: Row<M>, entry: Entry<M>): void {
    const { names, entries, given, oldest } = row;
    const old = entries[names.length + oldest] as Entry<M>;
    entries[names.length + oldest] = entry;
    row.oldest = (oldest + 1) % maxPlaced;
    if (given.get(old.place) === old.value) given.delete(old.place);
    take(this.slots, old);
    put(this.slots, entry);
  }

  private layOut(): void {
    this.count = 0;
    for (const { entries } of this.rows.values()) this.count += entries.length;
    let capacity = 1;
    while (capacity < this.count * 2) capacity *= 2;
    this.slots = new Array<Entry<M> | undefined>(capacity).fill(undefined);
    for (const { entries } of this.rows.values()) for (const entry of entries) put(this.slots, entry);
  }
}

const put = <M>(slots: Array<Entry<M> | undefined>, entry: Entry<M>): void => {
  const mask = slots.length - 1;
  let at = entry.hash & mask;
  while (slots[at] !== undefined) at = (at + 1) & mask;
  slots[at] = entry;
};

/** Takes an entry out, and moves those behind it up that would no longer be found past the gap. */
const take = <M>(slots: Array<Entry<M> | undefined>, entry: Entry<M>): void => {
  const mask = slots.length - 1;
  let gap = entry.hash & mask;
  while (slots[gap] !== entry) gap = (gap + 1) & mask;
  for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
    const next = slots[at];
    if (next === undefined) break;
    if (((at - next.hash) & mask) < ((at - gap) & mask)) continue;
    slots[gap] = next;
    gap = at;
  }
  slots[gap] = undefined;
};

const makeEntry = <M>(member: M, place: CookiePlace, value: Uint8Array): Entry<M> => ({
  member,
  place,
  value,
  hash: hashOf(value, value.length),
});

const nameIn = (bytes: Uint8Array, start: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, stickyNameLength).toString("latin1");

/** The number that the eight hexadecimal digits before `end` are; any number for other bytes. */
const hashOf = (bytes: Uint8Array, end: number): number => {
  let hash = 0;
  for (let index = end - 8; index < end; index++) {
    const byte = bytes[index] as number;
    hash = (hash << 4) | ((byte + (byte >> 6) * 9) & 0xf);
  }
  return hash;
};

/** Compares without making a view first; a loop over as many bytes takes several times as long. */
const compare = Buffer.prototype.compare as unknown as {
  call(value: Uint8Array, bytes: Uint8Array, start: number, end: number): number;
};

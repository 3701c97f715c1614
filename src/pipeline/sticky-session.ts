// A request's bond with an instance: which one its cookie names, and the cookie that its answer gets.
//
// Belongs to an exchange of a listener with a stickiness policy, and is used again with it: asked before a member is picked,
// and again when the answer's head is written. Owns what was found in between. The policy says what follows from it; who is
// in service is the membership's to know.
import { type StickyBond, type StickyTable, stickyValueLength } from "../balance/sticky-table.ts";
import type { CookieAttribute } from "../model/cookie-attribute.ts";
import { type CookiePlace, plainPlace } from "../model/cookie-place.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { bytesOf } from "../parse/http1/bytes.ts";
import { RequestPlace, readCookiePlace, withDefaultPath } from "../parse/http1/cookie-place.ts";
import { type CookieVisitor, visitCookies } from "../parse/http1/cookies.ts";
import type { HeadFields } from "../parse/http1/head-fields.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import { readSetCookie } from "../parse/http1/set-cookie.ts";
import {
  makeStickyAttributes,
  type StickyAttributes,
  stickyCookieNames,
  writeStickyCookie,
} from "../parse/http1/sticky-cookie.ts";
import type { Stickiness, StickResponse } from "../policy/index.ts";

/** Values that the table doesn't know are proved one by one, each once: ours and a few of other load balancers, no more. */
const maxProofs = 8;

const Name = { own: 0, companion: 1 } as const;

/** A cookie's rank is its place in the head, all companions behind all others; the lowest comes first. */
const companionRank = 0x1000_0000;
const noRank = 0x7fff_ffff;

/** Who may be picked. */
interface InService<M> {
  has(member: M): boolean;
}

/** What a listener with a stickiness policy knows: part of its route; there is none without a policy. */
export class StickyTerms<M> {
  /** The names of the cookies that matter, {@link Name} first. */
  readonly names: ReadonlyArray<Uint8Array>;
  readonly applicationName: Uint8Array | undefined;
  private lastText: string | undefined = undefined;
  private lastAttributes: StickyAttributes | undefined = undefined;
  /** Whole lines with the attributes that {@link lastText} says, by value: made when the same text is asked for again. */
  private lines: WeakMap<Uint8Array, Uint8Array> | undefined = undefined;
  private placedText: string | undefined = undefined;
  private place: CookiePlace = plainPlace;

  constructor(
    readonly stickiness: Stickiness,
    readonly table: StickyTable<M>,
  ) {
    const { applicationCookie } = stickiness;
    this.applicationName = applicationCookie === undefined ? undefined : bytesOf(applicationCookie);
    this.names = [...stickyCookieNames, ...(this.applicationName === undefined ? [] : [this.applicationName])];
  }

  /** Where a policy's text puts the cookie; that of the last text is kept. */
  placeOf(text: string): CookiePlace {
    if (text !== this.placedText) {
      this.placedText = text;
      this.place = readCookiePlace(text);
    }
    return this.place;
  }

  /** Writes the lines that set the cookie to `value`, with the attributes that a policy's text says. */
  writeLines(value: Uint8Array, text: string, out: ByteWriter): void {
    if (text !== this.lastText || this.lastAttributes === undefined) {
      this.lastText = text;
      this.lastAttributes = makeStickyAttributes(text);
      this.lines = undefined;
      writeStickyCookie(value, this.lastAttributes, out);
      return;
    }
    this.lines ??= new WeakMap();
    let lines = this.lines.get(value);
    if (lines === undefined) {
      const writer = new ByteWriter();
      writeStickyCookie(value, this.lastAttributes, writer);
      lines = writer.bytes.slice(0, writer.length);
      this.lines.set(value, lines);
    }
    out.put(lines);
  }
}

export class StickySession<M> implements CookieVisitor, StickResponse {
  hasSession = false;
  hasApplicationCookie = false;
  isWithItsInstance = false;
  private terms: StickyTerms<M> | undefined = undefined;
  private inService: InService<M> | undefined = undefined;
  /** What the first cookie that is good says; it alone is the session's. */
  private bond: StickyBond<M> | undefined = undefined;
  private bondRank = noRank;
  /** Of those whom good cookies name the first that is in service. */
  private target: M | undefined = undefined;
  private targetRank = noRank;
  private cookieCount = 0;
  /** Values that the table doesn't know: rank, start and end of each. */
  private readonly unknown = new Int32Array(maxProofs * 3);
  private unknownCount = 0;
  private readonly place = new RequestPlace();
  /** The answer's head, while it is being written. */
  private head: HeadFields | undefined = undefined;
  private bytes: Uint8Array | undefined = undefined;

  /** The member that a request is to go to, one in service; undefined when any will do. */
  ask(terms: StickyTerms<M>, head: RequestHeadParser, bytes: Uint8Array, inService: InService<M>): M | undefined {
    this.reset();
    this.terms = terms;
    this.inService = inService;
    this.hasSession = false;
    this.hasApplicationCookie = false;
    this.isWithItsInstance = false;
    visitCookies(head, bytes, terms.names, this);
    if (this.hasApplicationCookie) this.proveUnknown(terms.table, bytes);
    if (terms.applicationName !== undefined) this.place.look(head, bytes);
    const { bond, target } = this;
    if (bond === undefined) return undefined;
    this.hasSession = true;
    this.place.keep(head, bytes, bond.place);
    return target !== undefined && terms.stickiness.follows(this) ? target : undefined;
  }

  /** Beside ours there may be another load balancer's, for a domain that spans both, or ours of another path. */
  onCookie(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { table, applicationName } = this.terms as StickyTerms<M>;
    const isApplications = applicationName !== undefined;
    if (index > Name.companion) this.hasApplicationCookie = true;
    else {
      const rank = this.cookieCount++ + (index === Name.own ? 0 : companionRank);
      const bond = table.find(bytes, start, end);
      if (bond !== undefined) this.note(bond, rank);
      // Other policies have plain cookies only, which the table knows.
      else if (isApplications && end - start === stickyValueLength) this.noteUnknown(rank, bytes, start, end);
    }
    const isSettled = this.targetRank === this.bondRank && this.bondRank < companionRank;
    return isSettled && (this.hasApplicationCookie || !isApplications);
  }

  private note(bond: StickyBond<M>, rank: number): void {
    if (rank < this.bondRank) {
      this.bond = bond;
      this.bondRank = rank;
    }
    const { member } = bond;
    if (member !== undefined && rank < this.targetRank && this.inService?.has(member) === true) {
      this.target = member;
      this.targetRank = rank;
    }
  }

  private noteUnknown(rank: number, bytes: Uint8Array, start: number, end: number): void {
    const { unknown, unknownCount } = this;
    if (unknownCount === maxProofs) return;
    const last = unknownCount * 3;
    for (let at = 0; at < last; at += 3) {
      // A companion says what its cookie has said.
      if (!areEqual(bytes, start, unknown[at + 1] as number)) continue;
      if (rank < (unknown[at] as number)) unknown[at] = rank;
      return;
    }
    this.unknownCount++;
    unknown[last] = rank;
    unknown[last + 1] = start;
    unknown[last + 2] = end;
  }

  /** Only behind the visit: without the application's cookie nobody needs to know. */
  private proveUnknown(table: StickyTable<M>, bytes: Uint8Array): void {
    const { unknown } = this;
    for (let at = 0; at < this.unknownCount * 3; at += 3) {
      const rank = unknown[at] as number;
      if (rank > this.targetRank) continue;
      const bond = table.prove(bytes, unknown[at + 1] as number, unknown[at + 2] as number);
      if (bond !== undefined) this.note(bond, rank);
    }
  }

  /** Writes the cookie that the answer of `member` gets, if any, as whole lines behind the answer's own fields. */
  writeCookie(head: HeadFields, bytes: Uint8Array, member: M, out: ByteWriter): void {
    const { terms } = this;
    if (terms === undefined) return;
    this.head = head;
    this.bytes = bytes;
    this.isWithItsInstance = this.bond?.member === member;
    const text = terms.stickiness.renew(this);
    this.head = undefined;
    this.bytes = undefined;
    if (text === undefined) return;
    const place = withDefaultPath(terms.placeOf(text), this.place.defaultPathLength);
    const value = terms.table.valueOf(member, place);
    if (value !== undefined) terms.writeLines(value, text, out);
  }

  get applicationAttributes(): ReadonlyArray<CookieAttribute> | undefined {
    const { terms, head, bytes } = this;
    if (terms?.applicationName === undefined || head === undefined || bytes === undefined) return undefined;
    return readSetCookie(head, bytes, terms.applicationName);
  }

  get placeAttributes(): string {
    return this.bond === undefined ? "PATH=/" : this.place.write();
  }

  /** Forgets the request; a listener without a policy has nothing to ask. */
  reset(): void {
    this.terms = undefined;
    this.inService = undefined;
    this.bond = undefined;
    this.bondRank = noRank;
    this.target = undefined;
    this.targetRank = noRank;
    this.cookieCount = 0;
    this.unknownCount = 0;
  }
}

/** Whether two values are the same, the last digits first: values of one member begin alike. */
const areEqual = (bytes: Uint8Array, one: number, other: number): boolean => {
  for (let index = stickyValueLength - 1; index >= 0; index--) {
    if (bytes[one + index] !== bytes[other + index]) return false;
  }
  return true;
};

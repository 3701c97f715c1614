// A request's bond with an instance: which one its cookie names, and the cookie that its answer gets.
//
// Belongs to an exchange of a listener with a stickiness policy, and is used again with it: asked before a member is picked,
// and again when the answer's head is written. Owns what was found in between. The policy says what follows from it; whether
// the named member can be had is the balancer's to know.
import type { StickyTable } from "../balance/sticky-table.ts";
import type { CookieAttribute } from "../model/cookie-attribute.ts";
import type { ByteWriter } from "../parse/byte-writer.ts";
import { bytesOf } from "../parse/http1/bytes.ts";
import { type CookieVisitor, visitCookies } from "../parse/http1/cookies.ts";
import type { HeadFields } from "../parse/http1/head-fields.ts";
import { readSetCookie } from "../parse/http1/set-cookie.ts";
import {
  makeStickyAttributes,
  type StickyAttributes,
  stickyCookieNames,
  writeStickyCookie,
} from "../parse/http1/sticky-cookie.ts";
import type { Stickiness, StickResponse } from "../policy/index.ts";

/** Values that name nobody are proved one by one; of more than these nobody needs to know. */
const maxProofs = 2;

const Name = { own: 0, companion: 1 } as const;

/** What a listener with a stickiness policy knows: part of its route; there is none without a policy. */
export class StickyTerms<M> {
  /** The names of the cookies that matter, {@link Name} first. */
  readonly names: ReadonlyArray<Uint8Array>;
  readonly applicationName: Uint8Array | undefined;
  private lastText: string | undefined = undefined;
  private lastAttributes: StickyAttributes | undefined = undefined;

  constructor(
    readonly stickiness: Stickiness,
    readonly table: StickyTable<M>,
  ) {
    const { applicationCookie } = stickiness;
    this.applicationName = applicationCookie === undefined ? undefined : bytesOf(applicationCookie);
    this.names = [...stickyCookieNames, ...(this.applicationName === undefined ? [] : [this.applicationName])];
  }

  /** A policy's text as bytes; those of the last text are kept. */
  attributesOf(text: string): StickyAttributes {
    if (text === this.lastText && this.lastAttributes !== undefined) return this.lastAttributes;
    this.lastText = text;
    this.lastAttributes = makeStickyAttributes(text);
    return this.lastAttributes;
  }
}

export class StickySession<M> implements CookieVisitor, StickResponse {
  hasSession = false;
  hasApplicationCookie = false;
  isWithItsInstance = false;
  private terms: StickyTerms<M> | undefined = undefined;
  private named: M | undefined = undefined;
  private companionNamed: M | undefined = undefined;
  private proofsLeft = maxProofs;
  /** The answer's head, while it is being written. */
  private head: HeadFields | undefined = undefined;
  private bytes: Uint8Array | undefined = undefined;

  /** The member that a request is to go to; undefined when any will do. It may be out of service. */
  ask(terms: StickyTerms<M>, head: HeadFields, bytes: Uint8Array): M | undefined {
    this.terms = terms;
    this.named = undefined;
    this.companionNamed = undefined;
    this.hasSession = false;
    this.hasApplicationCookie = false;
    this.isWithItsInstance = false;
    this.proofsLeft = maxProofs;
    visitCookies(head, bytes, terms.names, this);
    this.named ??= this.companionNamed;
    if (this.named === undefined) return undefined;
    this.hasSession = true;
    return terms.stickiness.follows(this) ? this.named : undefined;
  }

  /**
   * Of several cookies of one name the first that names a member counts: beside ours there may be another load balancer's,
   * for a domain that spans both.
   */
  onCookie(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { table, applicationName } = this.terms as StickyTerms<M>;
    if (index > Name.companion) this.hasApplicationCookie = true;
    else if (index === Name.own ? this.named === undefined : this.companionNamed === undefined) {
      const member = table.find(bytes, start, end);
      if (member === undefined) this.prove(table, bytes, start, end);
      else if (index === Name.own) this.named = member;
      else this.companionNamed = member;
    }
    return this.named !== undefined && (this.hasApplicationCookie || applicationName === undefined);
  }

  private prove(table: StickyTable<M>, bytes: Uint8Array, start: number, end: number): void {
    if (this.hasSession || this.proofsLeft === 0) return;
    this.proofsLeft--;
    this.hasSession = table.isOurs(bytes, start, end);
  }

  /** Writes the cookie that the answer of `member` gets, if any, as whole lines behind the answer's own fields. */
  writeCookie(head: HeadFields, bytes: Uint8Array, member: M, out: ByteWriter): void {
    const { terms } = this;
    if (terms === undefined) return;
    this.head = head;
    this.bytes = bytes;
    this.isWithItsInstance = this.named === member;
    const text = terms.stickiness.renew(this);
    this.head = undefined;
    this.bytes = undefined;
    if (text === undefined) return;
    const value = terms.table.valueOf(member);
    if (value !== undefined) writeStickyCookie(value, terms.attributesOf(text), out);
  }

  get applicationAttributes(): ReadonlyArray<CookieAttribute> | undefined {
    const { terms, head, bytes } = this;
    if (terms?.applicationName === undefined || head === undefined || bytes === undefined) return undefined;
    return readSetCookie(head, bytes, terms.applicationName);
  }

  /** Forgets the request; a listener without a policy has nothing to ask. */
  reset(): void {
    this.terms = undefined;
    this.named = undefined;
    this.companionNamed = undefined;
  }
}

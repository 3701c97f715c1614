// The place of a stickiness cookie (RFC 6265 §5.2-5.3), read from the attributes that set it, and written again for a
// request that brought it.
//
// Asked on every request whose listener follows an application's cookie, so looking and keeping make nothing; text is made
// only for a session that changes its instance. Pure; which cookie's place it is the session knows.
import {
  CookieFlag,
  type CookiePlace,
  domainLengthOf,
  flagsOf,
  makeCookiePlace,
  pathLengthOf,
  plainPlace,
} from "../../model/cookie-place.ts";
import { COLON, SEMICOLON, textOf } from "./bytes.ts";
import { fieldStride } from "./head-fields.ts";
import type { RequestHeadParser } from "./request-head.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
const QUESTION = 0x3f;
const BRACKET = 0x5b;

const sameSites: ReadonlyMap<string, number> = new Map([
  ["lax", CookieFlag.lax],
  ["strict", CookieFlag.strict],
  ["none", CookieFlag.none],
]);

/**
 * The place that attributes such as `PATH=/;MAX-AGE=60` give a cookie; of several with one name the last counts.
 *
 * *Details*: where they say no path its length is 0, and the client takes the request's ({@link withDefaultPath}).
 */
export const readCookiePlace = (text: string): CookiePlace => {
  let [pathLength, domainLength, flags] = [0, 0, 0];
  for (const part of text.split(";")) {
    const at = part.indexOf("=");
    const name = (at < 0 ? part : part.slice(0, at)).trim().toLowerCase();
    const value = at < 0 ? "" : part.slice(at + 1).trim();
    if (name === "path") pathLength = value.startsWith("/") ? value.length : 0;
    else if (name === "domain" && value !== "") domainLength = value.replace(/^\./, "").length;
    else if (name === "secure") flags |= CookieFlag.secure;
    else if (name === "httponly") flags |= CookieFlag.httpOnly;
    else if (name === "samesite") flags = (flags & ~CookieFlag.sameSite) | (sameSites.get(value.toLowerCase()) ?? 0);
  }
  return makeCookiePlace(pathLength, domainLength, flags);
};

/** The same place, with the path of a request where it has none of its own. */
export const withDefaultPath = (place: CookiePlace, pathLength: number): CookiePlace =>
  pathLengthOf(place) > 0 ? place : makeCookiePlace(pathLength, domainLengthOf(place), flagsOf(place));

/** What a request says of places; keeps its own copy, since the head is gone when its answer comes. */
export class RequestPlace {
  /** How long the path is that a cookie gets when it is set without one (RFC 6265 §5.1.4). */
  defaultPathLength = 1;
  private flags = 0;
  /** The path and behind it the domain, as the request writes them. */
  private text = new Uint8Array(64);
  private pathLength = 0;
  private domainLength = 0;

  /** Looks at a request whose answer may set a cookie. */
  look(head: RequestHeadParser, bytes: Uint8Array): void {
    const start = pathStartOf(head);
    let lastSlash = start;
    for (let at = start; at < head.targetEnd && bytes[at] !== QUESTION; at++) if (bytes[at] === SLASH) lastSlash = at;
    this.defaultPathLength = Math.max(lastSlash - start, 1);
  }

  /** Keeps what a cookie with this place has of the request's path and host; nothing of what it can't have come with. */
  keep(head: RequestHeadParser, bytes: Uint8Array, place: CookiePlace): void {
    this.flags = flagsOf(place);
    this.pathLength = 0;
    this.domainLength = 0;
    if (place === plainPlace) return;
    const pathStart = pathStartOf(head);
    const pathLength = pathLengthOf(place);
    const isBegun = beginsPath(bytes, pathStart, pathStart + pathLength, head.targetEnd);
    if (isBegun) this.pathLength = this.put(0, bytes, pathStart, pathLength);
    const domainLength = domainLengthOf(place);
    if (domainLength === 0) return;
    const end = hostEndOf(head, bytes);
    const start = end - domainLength;
    const isEnded = endsHost(bytes, hostStartOf(head), start, end);
    if (isEnded) this.domainLength = this.put(this.pathLength, bytes, start, domainLength);
  }

  /** The attributes that set a cookie in the place that was kept. */
  write(): string {
    const { flags, text, pathLength, domainLength } = this;
    const parts = [`PATH=${pathLength === 0 ? "/" : textOf(text, 0, pathLength)}`];
    if (domainLength > 0) parts.push(`DOMAIN=${textOf(text, pathLength, pathLength + domainLength)}`);
    if ((flags & CookieFlag.secure) !== 0) parts.push("SECURE");
    if ((flags & CookieFlag.httpOnly) !== 0) parts.push("HTTPONLY");
    const sameSite = flags & CookieFlag.sameSite;
    if (sameSite === CookieFlag.lax) parts.push("SAMESITE=Lax");
    else if (sameSite === CookieFlag.strict) parts.push("SAMESITE=Strict");
    else if (sameSite === CookieFlag.none) parts.push("SAMESITE=None");
    return parts.join(";");
  }

  private put(at: number, bytes: Uint8Array, start: number, length: number): number {
    if (at + length > this.text.length) {
      const larger = new Uint8Array((at + length) * 2);
      larger.set(this.text.subarray(0, at));
      this.text = larger;
    }
    for (let index = 0; index < length; index++) this.text[at + index] = bytes[start + index] as number;
    return length;
  }
}

const pathStartOf = (head: RequestHeadParser): number =>
  head.authorityStart < 0 ? head.targetStart : head.authorityEnd;

const hostStartOf = (head: RequestHeadParser): number => {
  if (head.authorityStart >= 0) return head.authorityStart;
  return head.hostIndex < 0 ? 0 : (head.spans[head.hostIndex * fieldStride + 2] as number);
};

/** Where the host ends, without its port. */
const hostEndOf = (head: RequestHeadParser, bytes: Uint8Array): number => {
  const start = hostStartOf(head);
  if (head.authorityStart < 0 && head.hostIndex < 0) return start;
  const last = head.authorityStart >= 0 ? head.authorityEnd : (head.spans[head.hostIndex * fieldStride + 3] as number);
  // An IPv6 address, which has colons, is nobody's domain.
  if (bytes[start] === BRACKET) return start;
  let end = start;
  while (end < last && bytes[end] !== COLON) end++;
  return end;
};

/** Whether `bytes[start, end)` is a path that a cookie can have, of a target that ends at `last` (RFC 6265 §5.1.4). */
const beginsPath = (bytes: Uint8Array, start: number, end: number, last: number): boolean => {
  if (end > last || end === start || bytes[start] !== SLASH) return false;
  for (let at = start; at < end; at++) if (bytes[at] === SEMICOLON || bytes[at] === QUESTION) return false;
  return end === last || bytes[end - 1] === SLASH || bytes[end] === SLASH || bytes[end] === QUESTION;
};

/** Whether `bytes[start, end)` is a domain that a cookie can have, of a host that begins at `first` (RFC 6265 §5.1.3). */
const endsHost = (bytes: Uint8Array, first: number, start: number, end: number): boolean => {
  if (start < first || (start > first && bytes[start - 1] !== DOT)) return false;
  for (let at = start; at < end; at++) if (bytes[at] === SEMICOLON) return false;
  return true;
};

// What a listener's balancing picks by, where it has keys: a header's value, a cookie's or the client's address, hashed.
//
// Part of a route; there is none where balancing has no keys, and then nothing is read. Asked once for each request, of
// the bytes of its head, so it makes nothing. Who picks, and what a key means to it, the policy knows.
import { bytesOf, equalsIgnoringCase } from "../parse/http1/bytes.ts";
import { type CookieVisitor, visitCookies } from "../parse/http1/cookies.ts";
import { fieldStride, type HeadFields } from "../parse/http1/head-fields.ts";
import type { BalancerKey } from "../policy/balancer.ts";
import { hashBytes } from "../policy/hash.ts";

export class PickKey implements CookieVisitor {
  private readonly headerName: Uint8Array | undefined;
  private readonly cookieNames: ReadonlyArray<Uint8Array> | undefined;
  private cookieHash: number | undefined = undefined;

  constructor(key: BalancerKey) {
    if (key === "clientAddress") return;
    if ("header" in key) this.headerName = bytesOf(key.header.toLowerCase());
    else this.cookieNames = [bytesOf(key.cookie)];
  }

  /** The key that a request's head has, hashed; undefined where its client's address is the key. */
  hashOf(head: HeadFields, bytes: Uint8Array): number | undefined {
    if (this.headerName !== undefined) return hashField(head, bytes, this.headerName);
    if (this.cookieNames === undefined) return undefined;
    this.cookieHash = undefined;
    visitCookies(head, bytes, this.cookieNames, this);
    return this.cookieHash;
  }

  /** Of several cookies of the name the first that has a value counts. */
  onCookie(_index: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (start === end) return false;
    this.cookieHash = hashBytes(bytes, start, end);
    return true;
  }
}

/** Of several lines of the name the first that has a value counts; names are compared without their case (RFC 9110 §5.1). */
const hashField = ({ spans, fieldCount }: HeadFields, bytes: Uint8Array, name: Uint8Array): number | undefined => {
  for (let index = 0; index < fieldCount; index++) {
    const at = index * fieldStride;
    const start = spans[at] as number;
    const end = spans[at + 1] as number;
    if (end - start !== name.length || !equalsIgnoringCase(bytes, start, end, name)) continue;
    const valueStart = spans[at + 2] as number;
    const valueEnd = spans[at + 3] as number;
    if (valueStart < valueEnd) return hashBytes(bytes, valueStart, valueEnd);
  }
  return undefined;
};

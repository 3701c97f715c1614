// The head of a request: request line, header fields, and what they say of the body and the connection (RFC 9112 §3).
import { bytesOf, COLON, CR, equalsIgnoringCase, isTargetByte, isTokenByte, LF, SP } from "./bytes.ts";
import { Fault } from "./fault.ts";
import { Field } from "./field-name.ts";
import { At, fieldStride, HeadParser, Parsed } from "./head.ts";
import { methodMaxBytes } from "./limits.ts";

const Start = { begin: 0, beginLf: 1, method: 2, target: 3, version: 4, lineLf: 5 } as const;

const connect = bytesOf("CONNECT");
const options = bytesOf("OPTIONS");
const versionPrefix = bytesOf("HTTP/1.");
const http = bytesOf("http");
const https = bytesOf("https");
const continueText = bytesOf("100-continue");

const get = bytesOf("GET");
/** The other methods that may be repeated (RFC 9110 §9.2.2). */
const otherIdempotent = ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].map(bytesOf);

const matches = (bytes: Uint8Array, start: number, end: number, exact: Uint8Array): boolean => {
  if (end - start !== exact.length) return false;
  for (let index = 0; index < exact.length; index++) if (bytes[start + index] !== exact[index]) return false;
  return true;
};

export class RequestHeadParser extends HeadParser {
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  isHead = false;
  expectsContinue = false;
  /** The index of the Host field, or -1. */
  hostIndex = -1;
  /** The index of the first X-Forwarded-For field, or -1. */
  forwardedForIndex = -1;
  /** Where an absolute-form target's authority stands (RFC 9112 §3.2.2), or -1: it takes the place of Host. */
  authorityStart = -1;
  authorityEnd = -1;
  private versionStart = 0;

  override begin(offset: number): void {
    super.begin(offset);
    this.isHead = false;
    this.expectsContinue = false;
    this.hostIndex = -1;
    this.forwardedForIndex = -1;
    this.authorityStart = -1;
    this.authorityEnd = -1;
  }

  override rebase(by: number): void {
    super.rebase(by);
    this.methodEnd -= by;
    this.targetStart -= by;
    this.targetEnd -= by;
    this.versionStart -= by;
  }

  /** Whether a byte of this request has come, empty lines apart. */
  get hasBegun(): boolean {
    return this.state > Start.beginLf;
  }

  parse(bytes: Uint8Array, end: number): Parsed {
    if (this.state < At.fieldStart) {
      const parsed = this.parseRequestLine(bytes, end);
      if (parsed !== Parsed.complete) return parsed;
    }
    return this.parseFields(bytes, end);
  }

  private parseRequestLine(bytes: Uint8Array, end: number): Parsed {
    let pos = this.pos;
    let state = this.state;
    for (;;) {
      if (state === Start.begin) {
        if (pos === end) break;
        // RFC 9112 §2.2: an empty line or two before a request is tolerated.
        if (bytes[pos] === CR) {
          pos++;
          state = Start.beginLf;
        } else if (bytes[pos] === LF) {
          pos++;
          continue;
        } else {
          if (pos - this.start > this.limits.startLineBytes) return this.fail(Fault.requestLineTooLong);
          this.start = pos;
          state = Start.method;
        }
      }
      if (state === Start.beginLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) return this.fail(Fault.badMethod);
        pos++;
        state = Start.begin;
        continue;
      }
      if (state === Start.method) {
        while (pos < end && isTokenByte[bytes[pos] as number] === 1) pos++;
        if (pos - this.start > methodMaxBytes) return this.fail(Fault.methodTooLong);
        if (pos === end) break;
        if (bytes[pos] !== SP || pos === this.start) return this.fail(Fault.badMethod);
        this.methodEnd = pos;
        pos++;
        this.targetStart = pos;
        state = Start.target;
      }
      if (state === Start.target) {
        while (pos < end && isTargetByte[bytes[pos] as number] === 1) pos++;
        if (pos === end) break;
        if (bytes[pos] !== SP || pos === this.targetStart) return this.fail(Fault.badTarget);
        this.targetEnd = pos;
        pos++;
        this.versionStart = pos;
        state = Start.version;
      }
      if (state === Start.version) {
        // "HTTP/1.1" and the byte behind it.
        if (end - this.versionStart < 9) {
          // What has come must already look like it: a wrong version is told at once, not when time is up.
          for (let at = this.versionStart; at < end && at < this.versionStart + versionPrefix.length; at++) {
            if (bytes[at] !== versionPrefix[at - this.versionStart]) return this.fail(Fault.badVersion);
          }
          pos = end;
          break;
        }
        pos = this.versionStart + 8;
        if (!matches(bytes, this.versionStart, pos - 1, versionPrefix)) return this.fail(Fault.badVersion);
        const minor = (bytes[pos - 1] as number) - 0x30;
        if (minor < 0 || minor > 9) return this.fail(Fault.badVersion);
        // RFC 9110 §2.5: a higher minor version is read as the highest one known.
        this.minorVersion = minor === 0 ? 0 : 1;
        const byte = bytes[pos] as number;
        pos++;
        if (byte === CR) state = Start.lineLf;
        else if (byte === LF) return this.endRequestLine(pos);
        else return this.fail(Fault.badVersion);
      }
      if (state === Start.lineLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) return this.fail(Fault.badVersion);
        return this.endRequestLine(pos + 1);
      }
    }
    if (pos - this.start > this.limits.startLineBytes) return this.fail(Fault.requestLineTooLong);
    this.pos = pos;
    this.state = state;
    return Parsed.incomplete;
  }

  private endRequestLine(pos: number): Parsed {
    if (pos - this.start > this.limits.startLineBytes) return this.fail(Fault.requestLineTooLong);
    this.pos = pos;
    this.fieldsStart = pos;
    this.state = At.fieldStart;
    return Parsed.complete;
  }

  protected override noteField(kind: Field, bytes: Uint8Array, start: number, end: number, index: number): void {
    switch (kind) {
      case Field.host:
        if (this.hostIndex >= 0) this.fault = Fault.duplicateHost;
        this.hostIndex = index;
        return;
      case Field.expect:
        this.expectsContinue = equalsIgnoringCase(bytes, start, end, continueText);
        return;
      case Field.forwardedFor:
        if (this.forwardedForIndex < 0) this.forwardedForIndex = index;
        return;
      default:
        super.noteField(kind, bytes, start, end, index);
    }
  }

  protected finish(bytes: Uint8Array): Parsed {
    const first = bytes[this.start] as number;
    if (first === 0x43 && matches(bytes, this.start, this.methodEnd, connect)) return this.fail(Fault.connectMethod);
    this.isHead =
      first === 0x48 &&
      this.methodEnd - this.start === 4 &&
      bytes[this.start + 1] === 0x45 &&
      isHeadMethod(bytes, this.start);
    const target = bytes[this.targetStart] as number;
    if (target !== 0x2f && !this.checkTarget(bytes, target)) return this.fail(Fault.badTarget);
    if (this.hostIndex >= 0) {
      const at = this.hostIndex * fieldStride;
      if (!isHostValue(bytes, this.spans[at + 2] as number, this.spans[at + 3] as number))
        return this.fail(Fault.badHost);
    } else if (this.minorVersion === 1) {
      return this.fail(Fault.missingHost);
    }
    return Parsed.complete;
  }

  /** Asterisk and absolute form (RFC 9112 §3.2.2, §3.2.4); any other start but `/` is no target for a proxy in front. */
  private checkTarget(bytes: Uint8Array, first: number): boolean {
    const { targetStart, targetEnd } = this;
    if (first === 0x2a) return targetEnd - targetStart === 1;
    let colon = targetStart;
    while (colon < targetEnd && bytes[colon] !== COLON) colon++;
    const isHttp =
      equalsIgnoringCase(bytes, targetStart, colon, http) || equalsIgnoringCase(bytes, targetStart, colon, https);
    if (!isHttp || bytes[colon + 1] !== 0x2f || bytes[colon + 2] !== 0x2f) return false;
    let end = colon + 3;
    while (end < targetEnd && bytes[end] !== 0x2f && bytes[end] !== 0x3f) end++;
    if (end === colon + 3 || !isHostValue(bytes, colon + 3, end)) return false;
    this.authorityStart = colon + 3;
    this.authorityEnd = end;
    return true;
  }

  isOptions(bytes: Uint8Array): boolean {
    return matches(bytes, this.start, this.methodEnd, options);
  }

  /** Whether the method may be sent again when no answer came (RFC 9110 §9.2.2). */
  isIdempotent(bytes: Uint8Array): boolean {
    if (bytes[this.start] === 0x47 && matches(bytes, this.start, this.methodEnd, get)) return true;
    for (const method of otherIdempotent) if (matches(bytes, this.start, this.methodEnd, method)) return true;
    return false;
  }
}

const isHeadMethod = (bytes: Uint8Array, start: number): boolean =>
  bytes[start + 2] === 0x41 && bytes[start + 3] === 0x44;

/** Bytes of `uri-host [":" port]` (RFC 9110 §7.2), coarsely: no blank, comma, slash, `?`, `#`, `@` or control byte. */
const isHostValue = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let pos = start; pos < end; pos++) {
    const byte = bytes[pos] as number;
    if (isTargetByte[byte] === 0 || byte === 0x2c || byte === 0x2f || byte === 0x3f || byte === 0x23 || byte === 0x40) {
      return false;
    }
  }
  return true;
};

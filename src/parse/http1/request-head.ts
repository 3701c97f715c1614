// The head of a request: request line, header fields, and what they say of the body and the connection (RFC 9112 §3).
//
// Strict; what isn't, or isn't compliant by desync mitigation's measure, completes as odd (see `head.ts`) and goes through
// `screen.ts`. Refused here, in every mode: what no mode can serve.
import { bytesOf, COLON, CR, equals, isTargetByte, isTokenByte, isVisibleByte, LF, SP } from "./bytes.ts";
import { Fault } from "./fault.ts";
import { Field } from "./field-name.ts";
import { At, HeadParser, Parsed } from "./head.ts";
import { fieldStride } from "./head-fields.ts";
import { isHostValue } from "./host-value.ts";
import type { HeadLimits } from "./limits.ts";
import { hasElement } from "./list.ts";
import { isLookAlike } from "./look-alike.ts";
import { readRequestLine } from "./raw-head.ts";
import { beginsAsVersion, connect, get, head, isIdempotentMethod, options, versionPrefix } from "./start-line.ts";
import { isChunkedAlone } from "./transfer-coding.ts";

const Start = { begin: 0, beginLf: 1, method: 2, target: 3, version: 4, lineLf: 5 } as const;

const continueText = bytesOf("100-continue");
const trailers = bytesOf("trailers");

export class RequestHeadParser extends HeadParser {
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  isHead = false;
  isGet = false;
  expectsContinue = false;
  /** The client takes trailers (`TE: trailers`, RFC 9110 §10.1.4). */
  wantsTrailers = false;
  /** A WebSocket handshake: a GET of HTTP/1.1 whose Connection and Upgrade ask for it (RFC 6455 §4.1). */
  upgradesToWebSocket = false;
  /** A whole HTTP/0.9 request, without version or fields: its answer is a body alone. */
  isBodyOnly = false;
  /** The index of the Host field, or -1. */
  hostIndex = -1;
  /** The index of the first X-Forwarded-For field, or -1. */
  forwardedForIndex = -1;
  /** Where an absolute-form target's authority stands (RFC 9112 §3.2.2), or -1: it takes the place of Host. */
  authorityStart = -1;
  authorityEnd = -1;
  protected readonly startLineFault = Fault.requestLineTooLong;
  private versionStart = 0;

  override begin(offset: number, limits?: HeadLimits, isRepaired = false): void {
    super.begin(offset, limits, isRepaired);
    this.isHead = false;
    this.isGet = false;
    this.expectsContinue = false;
    this.wantsTrailers = false;
    this.upgradesToWebSocket = false;
    this.isBodyOnly = false;
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

  protected parseStartLine(bytes: Uint8Array, end: number): Parsed {
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
        const isMethodByte = this.isRepaired ? isVisibleByte : isTokenByte;
        while (pos < end && isMethodByte[bytes[pos] as number] === 1) pos++;
        if (pos - this.start > this.limits.methodBytes) return this.fail(Fault.methodTooLong);
        if (pos === end) break;
        if (bytes[pos] !== SP || pos === this.start) {
          // No method can begin so, in any mode; what is visible may yet be one, to be judged when the head is whole.
          if (isVisibleByte[bytes[pos] as number] === 0) return this.fail(Fault.badMethod);
          return this.goOdd(bytes, pos, end, At.oddStartLine);
        }
        this.methodEnd = pos;
        pos++;
        this.targetStart = pos;
        state = Start.target;
      }
      if (state === Start.target) {
        while (pos < end && isTargetByte[bytes[pos] as number] === 1) pos++;
        if (pos === end) break;
        if (bytes[pos] !== SP || pos === this.targetStart) return this.goOdd(bytes, pos, end, At.oddStartLine);
        this.targetEnd = pos;
        pos++;
        this.versionStart = pos;
        state = Start.version;
      }
      if (state === Start.version) {
        // "HTTP/1.1" and the byte behind it.
        if (end - this.versionStart < 9) {
          // What has come must already look like it: a line of HTTP/0.9 is whole without.
          for (let at = this.versionStart; at < end && at < this.versionStart + versionPrefix.length; at++) {
            if (bytes[at] !== versionPrefix[at - this.versionStart]) {
              return this.goOdd(bytes, this.versionStart, end, At.oddStartLine);
            }
          }
          const digit = this.versionStart + versionPrefix.length;
          if (digit < end && !isDigit(bytes[digit] as number)) {
            return this.goOdd(bytes, this.versionStart, end, At.oddStartLine);
          }
          pos = end;
          break;
        }
        pos = this.versionStart + 8;
        const minor = (bytes[pos - 1] as number) - 0x30;
        if (!beginsAsVersion(bytes, this.versionStart, pos) || !isDigit(bytes[pos - 1] as number)) {
          return this.goOdd(bytes, this.versionStart, end, At.oddStartLine);
        }
        if (bytes[pos] !== CR) return this.goOdd(bytes, pos, end, At.oddStartLine);
        // RFC 9110 §2.5: a higher minor version is read as the highest one known.
        this.minorVersion = minor === 0 ? 0 : 1;
        if (minor > 1) this.isOdd = true;
        pos++;
        state = Start.lineLf;
      }
      if (state === Start.lineLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) return this.goOdd(bytes, pos, end, At.oddStartLine);
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

  protected override endsWithStartLine(bytes: Uint8Array, end: number): boolean {
    // `end` is behind the LF, and a CR before that is none of the line's.
    return readRequestLine(bytes, this.start, bytes[end - 2] === CR ? end - 2 : end - 1).isVersionless;
  }

  protected override noteOther(bytes: Uint8Array, start: number, end: number): void {
    // Names that could be mistaken for `content-length` (14 letters) or a longer one begin with c, t or no letter.
    if (end - start < 14) return;
    const first = (bytes[start] as number) | 0x20;
    if (first > 0x60 && first < 0x7b && first !== 0x63 && first !== 0x74) return;
    if (isLookAlike(bytes, start, end)) this.isOdd = true;
  }

  protected override noteField(kind: Field, bytes: Uint8Array, start: number, end: number, index: number): void {
    switch (kind) {
      case Field.host:
        if (this.hostIndex >= 0) this.fault = Fault.duplicateHost;
        this.hostIndex = index;
        return;
      case Field.expect:
        if (hasElement(bytes, start, end, continueText)) this.expectsContinue = true;
        return;
      case Field.forwardedFor:
        if (this.forwardedForIndex < 0) this.forwardedForIndex = index;
        return;
      case Field.te:
        if (hasElement(bytes, start, end, trailers)) this.wantsTrailers = true;
        return;
      default:
        super.noteField(kind, bytes, start, end, index);
    }
  }

  protected override noteContentLength(bytes: Uint8Array, start: number, end: number): void {
    // Once, and with no zero in front, which a reader might take for octal; an empty one means 0 to AWS.
    const isPlain = this.contentLength < 0 && start < end && (bytes[start] !== 0x30 || end - start === 1);
    if (!this.isRepaired && !isPlain) this.isOdd = true;
    else super.noteContentLength(bytes, start, end);
    // What can't be counted is judged with the whole head, and then refused in every mode.
    if (this.fault === Fault.badContentLength && !this.isRepaired) {
      this.fault = Fault.none;
      this.isOdd = true;
    }
  }

  protected override noteTransferEncoding(bytes: Uint8Array, start: number, end: number): void {
    if (!this.isRepaired && (this.hasTransferEncoding || !isChunkedAlone(bytes, start, end))) this.isOdd = true;
    else super.noteTransferEncoding(bytes, start, end);
  }

  protected finish(bytes: Uint8Array): Parsed {
    const { start, methodEnd } = this;
    const first = bytes[start] as number;
    this.isGet = first === 0x47 && equals(bytes, start, methodEnd, get);
    this.isHead = first === 0x48 && equals(bytes, start, methodEnd, head);
    if (!this.isRepaired) {
      // What frames a body, and shouldn't: in a GET or HEAD, twice, or in HTTP/1.0.
      if ((this.isGet || this.isHead) && (this.contentLength >= 0 || this.hasTransferEncoding)) this.isOdd = true;
      if (this.hasSuspectFraming) this.isOdd = true;
      // Whether it can be served at all is asked of the repaired head.
      if (this.isOdd) return Parsed.complete;
    }
    if (first === 0x43 && equals(bytes, start, methodEnd, connect)) return this.fail(Fault.connectMethod);
    if (bytes[this.targetStart] !== 0x2f && !this.readTarget(bytes)) return this.fail(Fault.badTarget);
    if (this.hostIndex >= 0) {
      const at = this.hostIndex * fieldStride;
      if (!isHostValue(bytes, this.spans[at + 2] as number, this.spans[at + 3] as number))
        return this.fail(Fault.badHost);
    } else if (this.minorVersion === 1) {
      return this.fail(Fault.missingHost);
    }
    this.upgradesToWebSocket =
      this.namesWebSocket &&
      this.isGet &&
      this.minorVersion === 1 &&
      this.nominated?.has("upgrade") === true &&
      !this.sendsChunks &&
      this.contentLength <= 0;
    return Parsed.complete;
  }

  /**
   * Absolute form (RFC 9112 §3.2.2), whatever its scheme: its authority takes the place of Host. Any other target is the
   * instance's to understand.
   */
  private readTarget(bytes: Uint8Array): boolean {
    const { targetStart, targetEnd } = this;
    const colon = schemeEnd(bytes, targetStart, targetEnd);
    if (colon < 0 || bytes[colon + 1] !== 0x2f || bytes[colon + 2] !== 0x2f || colon + 3 > targetEnd) return true;
    let start = colon + 3;
    let end = start;
    for (; end < targetEnd; end++) {
      const byte = bytes[end];
      if (byte === 0x2f || byte === 0x3f || byte === 0x23) break;
      // RFC 9110 §4.2.4: names and passwords have no place there, and don't go on.
      if (byte === 0x40) start = end + 1;
    }
    if (start === end || !isHostValue(bytes, start, end)) return false;
    this.authorityStart = start;
    this.authorityEnd = end;
    return true;
  }

  isOptions(bytes: Uint8Array): boolean {
    return equals(bytes, this.start, this.methodEnd, options);
  }

  /** Whether the method may be sent again when no answer came (RFC 9110 §9.2.2). */
  isIdempotent(bytes: Uint8Array): boolean {
    return isIdempotentMethod(bytes, this.start, this.methodEnd);
  }
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** Where the colon behind a scheme stands (RFC 3986 §3.1), or -1. */
const schemeEnd = (bytes: Uint8Array, start: number, end: number): number => {
  for (let pos = start; pos < end; pos++) {
    const byte = bytes[pos] as number;
    if (byte === COLON) return pos > start ? pos : -1;
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    const isOther = isDigit(byte) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
    if (!isLetter && (pos === start || !isOther)) return -1;
  }
  return -1;
};

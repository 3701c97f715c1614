// What request and response heads have in common: header lines, their limits, and the fields that frame a body.
//
// One strict pass over the bytes, resumable at any byte: what has been scanned is not scanned again, so that a client
// that trickles bytes costs what an honest one does. Nothing is copied or turned into text; a field is four offsets.
// It holds no bytes: the caller keeps the head in one buffer until it has been written on.
import {
  bytesOf,
  COLON,
  COMMA,
  CR,
  equalsIgnoringCase,
  HTAB,
  isTokenByte,
  isValueByte,
  LF,
  SP,
  textOf,
} from "./bytes.ts";
import { Fault } from "./fault.ts";
import { Field, recogniseField } from "./field-name.ts";
import { defaultHeadLimits, type HeadLimits } from "./limits.ts";

/** What a parser says of the bytes so far. */
export const Parsed = { incomplete: 0, complete: 1, faulty: 2 } as const;
/** One of {@link Parsed}'s codes. */
export type Parsed = (typeof Parsed)[keyof typeof Parsed];

/** Where a parser stands; numbers below 10 belong to start lines. */
export const At = { fieldStart: 10, name: 11, beforeValue: 12, value: 13, valueLf: 14, headLf: 15 } as const;

/** Offsets kept per field: name start, name end, value start, value end, end of line. */
export const fieldStride = 5;

const chunked = bytesOf("chunked");
const close = bytesOf("close");
const keepAlive = bytesOf("keep-alive");

export abstract class HeadParser {
  /** Offsets of each field, {@link fieldStride} numbers a field, into the buffer given to `parse`. */
  readonly spans: Int32Array;
  /** What each field is ({@link Field}). */
  readonly kinds: Uint8Array;
  /** 1 where a line can't be passed on as it is: it ended in a bare LF, or had blanks at its end. */
  readonly isUneven: Uint8Array;
  fieldCount = 0;
  fault: Fault = Fault.none;
  /** The next byte to look at; after a complete head, the first byte behind it. */
  pos = 0;
  /** Where the head begins: its first byte that isn't a leading empty line. */
  start = 0;
  /** Where the header lines begin. */
  fieldsStart = 0;
  /** HTTP/1.x's x. */
  minorVersion = 1;
  /** Content-Length in bytes, or -1. */
  contentLength = -1;
  hasTransferEncoding = false;
  isChunked = false;
  saysClose = false;
  saysKeepAlive = false;
  /** Lower-case names of header fields that Connection nominates as hop-by-hop (RFC 9110 §7.6.1), or undefined. */
  nominated: Set<string> | undefined = undefined;

  protected state = 0;
  private lineStart = 0;
  private nameEnd = 0;
  private valueStart = 0;
  private valueEnd = 0;

  constructor(readonly limits: HeadLimits = defaultHeadLimits) {
    this.spans = new Int32Array((limits.fieldCount + 1) * fieldStride);
    this.kinds = new Uint8Array(limits.fieldCount + 1);
    this.isUneven = new Uint8Array(limits.fieldCount + 1);
  }

  /** Forgets the last head; the next one begins at `offset` of the buffer that `parse` will get. */
  begin(offset: number): void {
    this.fieldCount = 0;
    this.fault = Fault.none;
    this.pos = offset;
    this.start = offset;
    this.minorVersion = 1;
    this.contentLength = -1;
    this.hasTransferEncoding = false;
    this.isChunked = false;
    this.saysClose = false;
    this.saysKeepAlive = false;
    this.nominated = undefined;
    this.state = 0;
  }

  /**
   * Goes on with the head in `bytes[pos, end)`.
   *
   * *Details*: after `incomplete`, call again with a buffer that holds the same bytes at the same offsets and more
   * behind them (see {@link rebase} when they moved). After `complete`, `pos` is the first byte behind the head.
   */
  abstract parse(bytes: Uint8Array, end: number): Parsed;

  /** The bytes moved down by `by` in their buffer. */
  rebase(by: number): void {
    this.pos -= by;
    this.start -= by;
    this.fieldsStart -= by;
    this.lineStart -= by;
    this.nameEnd -= by;
    this.valueStart -= by;
    this.valueEnd -= by;
    for (let index = 0; index < this.fieldCount * fieldStride; index++) this.spans[index]! -= by;
  }

  /** Reads a field that a proxy acts on; may set {@link fault}. Here: what frames a body and the connection. */
  protected noteField(kind: Field, bytes: Uint8Array, start: number, end: number, _index: number): void {
    if (kind === Field.contentLength) this.noteContentLength(bytes, start, end);
    else if (kind === Field.transferEncoding) this.noteTransferEncoding(bytes, start, end);
    else if (kind === Field.connection) this.noteConnection(bytes, start, end);
  }

  /** Checks that need the whole head. */
  protected abstract finish(bytes: Uint8Array): Parsed;

  protected fail(fault: Fault): Parsed {
    this.fault = fault;
    return Parsed.faulty;
  }

  protected parseFields(bytes: Uint8Array, end: number): Parsed {
    let pos = this.pos;
    let state = this.state;
    for (;;) {
      if (state === At.fieldStart) {
        if (pos === end) break;
        const byte = bytes[pos] as number;
        if (byte === CR) {
          pos++;
          state = At.headLf;
        } else if (byte === LF) {
          return this.end(bytes, pos + 1);
        } else if (byte === SP || byte === HTAB) {
          return this.fail(Fault.foldedField);
        } else {
          if (this.fieldCount === this.limits.fieldCount) return this.fail(Fault.tooManyFields);
          this.lineStart = pos;
          state = At.name;
        }
      }
      if (state === At.name) {
        while (pos < end && isTokenByte[bytes[pos] as number] === 1) pos++;
        if (pos === end) break;
        const byte = bytes[pos] as number;
        if (byte !== COLON) {
          return this.fail(byte === SP || byte === HTAB ? Fault.blankBeforeColon : Fault.badFieldName);
        }
        if (pos === this.lineStart) return this.fail(Fault.badFieldName);
        this.nameEnd = pos;
        pos++;
        state = At.beforeValue;
      }
      if (state === At.beforeValue) {
        while (pos < end && (bytes[pos] === SP || bytes[pos] === HTAB)) pos++;
        if (pos === end) break;
        this.valueStart = pos;
        state = At.value;
      }
      if (state === At.value) {
        while (pos < end && isValueByte[bytes[pos] as number] === 1) pos++;
        if (pos === end) break;
        const byte = bytes[pos] as number;
        this.valueEnd = pos;
        pos++;
        if (byte === CR) {
          state = At.valueLf;
        } else if (byte === LF) {
          if (!this.addField(bytes, pos, true)) return Parsed.faulty;
          state = At.fieldStart;
        } else {
          return this.fail(Fault.badFieldValue);
        }
      }
      if (state === At.valueLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) return this.fail(Fault.badFieldValue);
        pos++;
        if (!this.addField(bytes, pos, false)) return Parsed.faulty;
        state = At.fieldStart;
      }
      if (state === At.headLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) return this.fail(Fault.badFieldName);
        return this.end(bytes, pos + 1);
      }
    }
    this.pos = pos;
    this.state = state;
    if (state !== At.fieldStart && state !== At.headLf && pos - this.lineStart > this.limits.fieldBytes) {
      return this.fail(Fault.fieldTooLong);
    }
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    return Parsed.incomplete;
  }

  private end(bytes: Uint8Array, pos: number): Parsed {
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    this.pos = pos;
    return this.finish(bytes);
  }

  private addField(bytes: Uint8Array, lineEnd: number, isBareLf: boolean): boolean {
    const start = this.lineStart;
    if (lineEnd - start > this.limits.fieldBytes) {
      this.fault = Fault.fieldTooLong;
      return false;
    }
    if (lineEnd - this.start > this.limits.headBytes) {
      this.fault = Fault.headTooLarge;
      return false;
    }
    let valueEnd = this.valueEnd;
    let isUneven = isBareLf;
    while (valueEnd > this.valueStart) {
      const last = bytes[valueEnd - 1];
      if (last !== SP && last !== HTAB) break;
      valueEnd--;
      isUneven = true;
    }
    const index = this.fieldCount++;
    const at = index * fieldStride;
    const spans = this.spans;
    spans[at] = start;
    spans[at + 1] = this.nameEnd;
    spans[at + 2] = this.valueStart;
    spans[at + 3] = valueEnd;
    spans[at + 4] = lineEnd;
    this.isUneven[index] = isUneven ? 1 : 0;
    const kind = recogniseField(bytes, start, this.nameEnd);
    this.kinds[index] = kind;
    if (kind !== Field.other) {
      this.noteField(kind, bytes, this.valueStart, valueEnd, index);
      return this.fault === Fault.none;
    }
    return true;
  }

  /** RFC 9112 §6.2, RFC 9110 §8.6: digits only; a repeat must say the same. */
  private noteContentLength(bytes: Uint8Array, start: number, end: number): void {
    let length = 0;
    for (let pos = start; pos < end; pos++) {
      const digit = (bytes[pos] as number) - 0x30;
      if (digit < 0 || digit > 9) {
        this.fault = Fault.badContentLength;
        return;
      }
      length = length * 10 + digit;
    }
    if (start === end || length > Number.MAX_SAFE_INTEGER) this.fault = Fault.badContentLength;
    else if (this.contentLength >= 0 && this.contentLength !== length) this.fault = Fault.differentContentLengths;
    else this.contentLength = length;
  }

  /** RFC 9112 §6.1: `chunked`, once, is the only coding that a proxy can relay without knowing more. */
  private noteTransferEncoding(bytes: Uint8Array, start: number, end: number): void {
    if (this.hasTransferEncoding || !equalsIgnoringCase(bytes, start, end, chunked)) {
      this.fault = Fault.badTransferEncoding;
      return;
    }
    this.hasTransferEncoding = true;
    this.isChunked = true;
  }

  /** RFC 9110 §7.6.1: options; those other than `close` and `keep-alive` name header fields for this hop only. */
  private noteConnection(bytes: Uint8Array, start: number, end: number): void {
    let pos = start;
    while (pos < end) {
      while (pos < end && (bytes[pos] === COMMA || bytes[pos] === SP || bytes[pos] === HTAB)) pos++;
      let stop = pos;
      while (stop < end && bytes[stop] !== COMMA) stop++;
      let last = stop;
      while (last > pos && (bytes[last - 1] === SP || bytes[last - 1] === HTAB)) last--;
      if (last === pos) return;
      if (equalsIgnoringCase(bytes, pos, last, close)) this.saysClose = true;
      else if (equalsIgnoringCase(bytes, pos, last, keepAlive)) this.saysKeepAlive = true;
      else {
        this.nominated ??= new Set();
        this.nominated.add(textOf(bytes, pos, last).toLowerCase());
        if (this.nominated.size > this.limits.fieldCount) {
          this.fault = Fault.tooManyFields;
          return;
        }
      }
      pos = stop;
    }
  }

  /**
   * RFC 9112 §6.1: both framings at once, or chunks before HTTP/1.1. The message is read, but the connection that brought
   * it ends with it: somebody on the way may have read it otherwise.
   */
  get hasSuspectFraming(): boolean {
    return this.hasTransferEncoding && (this.contentLength >= 0 || this.minorVersion === 0);
  }

  /** Whether whoever sent this keeps the connection open behind the message (RFC 9112 §9.3), and may be trusted with it. */
  get keepsAlive(): boolean {
    return !this.saysClose && (this.minorVersion === 1 || this.saysKeepAlive) && !this.hasSuspectFraming;
  }

  /** Whether Connection nominated this field; only asked when it nominated any. */
  isNominated(bytes: Uint8Array, index: number): boolean {
    const at = index * fieldStride;
    const name = textOf(bytes, this.spans[at] as number, this.spans[at + 1] as number).toLowerCase();
    return (this.nominated as Set<string>).has(name);
  }
}

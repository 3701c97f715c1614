// What request and response heads have in common: header lines, their limits, and the fields that frame a body.
//
// One strict pass over the bytes, resumable at any byte: what has been scanned is not scanned again, so that a client
// that trickles bytes costs what an honest one does. Nothing is copied or turned into text; a field is four offsets.
// It holds no bytes: the caller keeps the head in one buffer until it has been written on.
//
// A head that isn't strict is odd: the pass only finds its end, and who asked has it repaired (`repair.ts`,
// `response-repair.ts`) and read again. So whatever goes on has been through this pass, byte by byte.
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
  SEMICOLON,
  SP,
  textOf,
} from "./bytes.ts";
import { Fault } from "./fault.ts";
import { Field, recogniseField } from "./field-name.ts";
import { defaultHeadLimits, type HeadLimits } from "./limits.ts";
import { Coding, codingNames, readCodings } from "./transfer-coding.ts";

/** What a parser says of the bytes so far. */
export const Parsed = { incomplete: 0, complete: 1, faulty: 2 } as const;
/** One of {@link Parsed}'s codes. */
export type Parsed = (typeof Parsed)[keyof typeof Parsed];

/** Where a parser stands; numbers below 10 belong to start lines. */
export const At = {
  fieldStart: 10,
  name: 11,
  beforeValue: 12,
  value: 13,
  valueLf: 14,
  headLf: 15,
  oddStartLine: 20,
  oddLine: 21,
  oddLineStart: 22,
  oddLf: 23,
} as const;

/** Offsets kept per field: name start, name end, value start, value end, end of line. */
export const fieldStride = 5;

const chunked = bytesOf("chunked");
const webSocket = bytesOf("websocket");
const close = bytesOf("close");
const keepAlive = bytesOf("keep-alive");

export abstract class HeadParser {
  /** Offsets of each field, {@link fieldStride} numbers a field, into the buffer given to `parse`. */
  spans: Int32Array;
  /** What each field is ({@link Field}). */
  kinds: Uint8Array;
  /** 1 where a line has blanks at its end, which don't go on. */
  isUneven: Uint8Array;
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
  /** The body has a transfer coding, or several. */
  hasTransferEncoding = false;
  /** The body arrives in chunks: `chunked` is the last coding. */
  isChunked = false;
  /** The head needs care before it can be used: it isn't strict, or not what RFC 9112 asks for. */
  isOdd = false;
  saysClose = false;
  saysKeepAlive = false;
  /** Upgrade names WebSocket (RFC 6455 §4.1). */
  namesWebSocket = false;
  /** Lower-case names of header fields that Connection nominates as hop-by-hop (RFC 9110 §7.6.1), or undefined. */
  nominated: Set<string> | undefined = undefined;

  protected state = 0;
  /** This head is one that was repaired: what made it odd has been dealt with. */
  protected isRepaired = false;
  protected limits: HeadLimits = defaultHeadLimits;
  /** The transfer codings under `chunked`, in order; usually none. */
  private codings: Array<Coding> = [];
  private lineStart = 0;
  private nameEnd = 0;
  private valueStart = 0;
  private valueEnd = 0;

  constructor() {
    const count = defaultHeadLimits.fieldCount + 1;
    this.spans = new Int32Array(count * fieldStride);
    this.kinds = new Uint8Array(count);
    this.isUneven = new Uint8Array(count);
  }

  /** Forgets the last head; the next one begins at `offset` of the buffer that `parse` will get. */
  begin(offset: number, limits: HeadLimits = defaultHeadLimits, isRepaired = false): void {
    this.limits = limits;
    this.isRepaired = isRepaired;
    if (limits.fieldCount >= this.kinds.length) this.makeRoom(limits.fieldCount + 1);
    this.fieldCount = 0;
    this.fault = Fault.none;
    this.pos = offset;
    this.start = offset;
    this.minorVersion = 1;
    this.contentLength = -1;
    this.hasTransferEncoding = false;
    this.isChunked = false;
    if (this.codings.length > 0) this.codings = [];
    this.isOdd = false;
    this.saysClose = false;
    this.saysKeepAlive = false;
    this.namesWebSocket = false;
    this.nominated = undefined;
    this.state = 0;
  }

  private makeRoom(count: number): void {
    this.spans = new Int32Array(count * fieldStride);
    this.kinds = new Uint8Array(count);
    this.isUneven = new Uint8Array(count);
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

  /** A name that a proxy doesn't act on. */
  protected noteOther(_bytes: Uint8Array, _start: number, _end: number): void {}

  /** Reads a field that a proxy acts on; may set {@link fault}. Here: what frames a body and the connection. */
  protected noteField(kind: Field, bytes: Uint8Array, start: number, end: number, _index: number): void {
    if (kind === Field.contentLength) this.noteContentLength(bytes, start, end);
    else if (kind === Field.transferEncoding) this.noteTransferEncoding(bytes, start, end);
    else if (kind === Field.connection) this.noteConnection(bytes, start, end);
    else if (kind === Field.upgrade && hasElement(bytes, start, end, webSocket)) this.namesWebSocket = true;
  }

  /** Checks that need the whole head. */
  protected abstract finish(bytes: Uint8Array): Parsed;

  /** The start line that ends at `end` is the whole head: a request without a version (HTTP/0.9). */
  protected endsWithStartLine(_bytes: Uint8Array, _end: number): boolean {
    return false;
  }

  /** From here on the head isn't strict: from `pos`, in the middle of a line, on to its end. */
  protected goOdd(bytes: Uint8Array, pos: number, end: number, state: number = At.oddLine): Parsed {
    this.isOdd = true;
    this.pos = pos;
    this.state = state;
    return this.passOdd(bytes, end);
  }

  /** Goes on to the end of an odd head: an empty line, ended by LF with or without CR. Only limits are judged here. */
  private passOdd(bytes: Uint8Array, end: number): Parsed {
    let { pos, state } = this;
    for (;;) {
      if (state === At.oddStartLine || state === At.oddLine) {
        const isStartLine = state === At.oddStartLine;
        const lineStart = isStartLine ? this.start : this.lineStart;
        while (pos < end && bytes[pos] !== LF) pos++;
        const isCut = pos === end;
        if (!isCut) pos++;
        const { startLineBytes, fieldBytes } = this.limits;
        if (isStartLine && pos - lineStart > startLineBytes) return this.fail(this.startLineFault);
        if (!isStartLine && pos - lineStart > fieldBytes) return this.fail(Fault.fieldTooLong);
        if (isCut) break;
        if (isStartLine && this.endsWithStartLine(bytes, pos)) {
          this.pos = pos;
          return Parsed.complete;
        }
        state = At.oddLineStart;
      }
      if (state === At.oddLineStart) {
        if (pos === end) break;
        this.lineStart = pos;
        const byte = bytes[pos];
        pos++;
        if (byte === LF) return this.endOdd(pos);
        if (this.fieldCount++ === this.limits.fieldCount) return this.fail(Fault.tooManyFields);
        state = byte === CR ? At.oddLf : At.oddLine;
      }
      if (state === At.oddLf) {
        if (pos === end) break;
        if (bytes[pos] === LF) return this.endOdd(pos + 1);
        state = At.oddLine;
      }
    }
    this.pos = pos;
    this.state = state;
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    return Parsed.incomplete;
  }

  private endOdd(pos: number): Parsed {
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    this.pos = pos;
    return Parsed.complete;
  }

  /** What a start line over its limit is. */
  protected abstract readonly startLineFault: Fault;

  protected fail(fault: Fault): Parsed {
    this.fault = fault;
    return Parsed.faulty;
  }

  protected parseFields(bytes: Uint8Array, end: number): Parsed {
    if (this.state >= At.oddStartLine) return this.passOdd(bytes, end);
    let pos = this.pos;
    let state = this.state;
    for (;;) {
      if (state === At.fieldStart) {
        if (pos === end) break;
        const byte = bytes[pos] as number;
        if (byte === CR) {
          pos++;
          state = At.headLf;
        } else if (byte === LF || byte === SP || byte === HTAB) {
          return this.goOdd(bytes, pos, end, At.oddLineStart);
        } else {
          if (this.fieldCount === this.limits.fieldCount) return this.fail(Fault.tooManyFields);
          this.lineStart = pos;
          state = At.name;
        }
      }
      if (state === At.name) {
        while (pos < end && isTokenByte[bytes[pos] as number] === 1) pos++;
        if (pos === end) break;
        if (bytes[pos] !== COLON || pos === this.lineStart) return this.goOddInLine(bytes, pos, end);
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
        if (byte !== CR) return this.goOddInLine(bytes, pos - 1, end);
        state = At.valueLf;
      }
      if (state === At.valueLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) return this.goOddInLine(bytes, pos, end);
        pos++;
        if (!this.addField(bytes, pos)) return Parsed.faulty;
        state = At.fieldStart;
      }
      if (state === At.headLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) {
          this.lineStart = pos - 1;
          return this.goOddInLine(bytes, pos, end);
        }
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

  /** The line under way isn't strict; it is one of the fields that are counted. */
  private goOddInLine(bytes: Uint8Array, pos: number, end: number): Parsed {
    if (this.fieldCount++ === this.limits.fieldCount) return this.fail(Fault.tooManyFields);
    return this.goOdd(bytes, pos, end);
  }

  private end(bytes: Uint8Array, pos: number): Parsed {
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    this.pos = pos;
    return this.finish(bytes);
  }

  private addField(bytes: Uint8Array, lineEnd: number): boolean {
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
    let isUneven = false;
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
    if (kind === Field.other) this.noteOther(bytes, start, this.nameEnd);
    else {
      this.noteField(kind, bytes, this.valueStart, valueEnd, index);
      return this.fault === Fault.none;
    }
    return true;
  }

  /** RFC 9112 §6.2, RFC 9110 §8.6: digits only; a repeat must say the same. */
  protected noteContentLength(bytes: Uint8Array, start: number, end: number): void {
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

  /** RFC 9112 §6.1: the codings of a line go behind those of earlier lines; nothing goes behind `chunked`. */
  protected noteTransferEncoding(bytes: Uint8Array, start: number, end: number): void {
    if (!this.hasTransferEncoding && isChunkedAlone(bytes, start, end)) {
      this.hasTransferEncoding = true;
      this.isChunked = true;
      return;
    }
    for (const coding of readCodings(bytes, start, end)) {
      if (coding === Coding.unknown || this.isChunked) {
        this.fault = Fault.badTransferEncoding;
        return;
      }
      if (coding === Coding.identity) continue;
      this.hasTransferEncoding = true;
      if (coding === Coding.chunked) this.isChunked = true;
      else this.codings.push(coding);
    }
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

  /** The body goes on in chunks, whatever it came in: other codings than `chunked` have no length to be told by. */
  get sendsChunks(): boolean {
    return this.isChunked || this.hasOtherCodings;
  }

  get hasOtherCodings(): boolean {
    return this.codings.length > 0;
  }

  /** The transfer codings under `chunked` as canonical text, such as `gzip` or `deflate, gzip`. */
  get otherCodings(): Uint8Array {
    return bytesOf(this.codings.map((coding) => codingNames[coding]).join(", "));
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

/** Whether a comma-separated list has an element that is `lower`, parameters apart (RFC 9110 §5.6.1). */
export const hasElement = (bytes: Uint8Array, start: number, end: number, lower: Uint8Array): boolean => {
  for (let pos = start; pos < end; ) {
    while (pos < end && (bytes[pos] === COMMA || bytes[pos] === SP || bytes[pos] === HTAB)) pos++;
    let stop = pos;
    while (stop < end && bytes[stop] !== COMMA) stop++;
    let last = pos;
    while (last < stop && bytes[last] !== SEMICOLON && bytes[last] !== SP && bytes[last] !== HTAB) last++;
    if (equalsIgnoringCase(bytes, pos, last, lower)) return true;
    pos = stop;
  }
  return false;
};

/** Whether a Transfer-Encoding line says `chunked` and nothing else. */
export const isChunkedAlone = (bytes: Uint8Array, start: number, end: number): boolean =>
  equalsIgnoringCase(bytes, start, end, chunked);

// What the fields of a head are and say: where each stands, how the body is framed, what becomes of the connection.
//
// The memory of the strict pass (`head.ts`), which tells it of every line that it has checked, and what others read once
// a head is complete. It holds offsets, no bytes. It looks at values only; a line's syntax is the pass's affair.
import { bytesOf, dropBlanks, equalsIgnoringCase, textOf } from "./bytes.ts";
import { Fault } from "./fault.ts";
import { Field } from "./field-name.ts";
import { defaultHeadLimits, type HeadLimits } from "./limits.ts";
import { elementEnd, hasElement, nextElement } from "./list.ts";
import { Coding, codingNames, isChunkedAlone, readCodings } from "./transfer-coding.ts";

/** Offsets kept per field: name start, name end, value start, value end, end of line. */
export const fieldStride = 5;

const webSocket = bytesOf("websocket");
const close = bytesOf("close");
const keepAlive = bytesOf("keep-alive");

export abstract class HeadFields {
  /** Offsets of each field, {@link fieldStride} numbers a field, into the buffer given to `parse`. */
  spans: Int32Array;
  /** What each field is ({@link Field}). */
  kinds: Uint8Array;
  /** 1 where a line has blanks at its end, which don't go on. */
  isUneven: Uint8Array;
  fieldCount = 0;
  fault: Fault = Fault.none;
  /** HTTP/1.x's x. */
  minorVersion = 1;
  /** Content-Length in bytes, or -1. */
  contentLength = -1;
  /** The body has a transfer coding, or several. */
  hasTransferEncoding = false;
  /** The body arrives in chunks: `chunked` is the last coding. */
  isChunked = false;
  saysClose = false;
  saysKeepAlive = false;
  /** Upgrade names WebSocket (RFC 6455 §4.1). */
  namesWebSocket = false;
  /** Lower-case names of header fields that Connection nominates as hop-by-hop (RFC 9110 §7.6.1), or undefined. */
  nominated: Set<string> | undefined = undefined;
  protected limits: HeadLimits = defaultHeadLimits;
  /** The transfer codings under `chunked`, in order; usually none. */
  private codings: Array<Coding> = [];

  constructor() {
    const count = defaultHeadLimits.fieldCount + 1;
    this.spans = new Int32Array(count * fieldStride);
    this.kinds = new Uint8Array(count);
    this.isUneven = new Uint8Array(count);
  }

  /** Forgets the fields of the last head. */
  protected beginFields(limits: HeadLimits): void {
    this.limits = limits;
    if (limits.fieldCount >= this.kinds.length) this.makeRoom(limits.fieldCount + 1);
    this.fieldCount = 0;
    this.fault = Fault.none;
    this.minorVersion = 1;
    this.contentLength = -1;
    this.hasTransferEncoding = false;
    this.isChunked = false;
    if (this.codings.length > 0) this.codings = [];
    this.saysClose = false;
    this.saysKeepAlive = false;
    this.namesWebSocket = false;
    this.nominated = undefined;
  }

  private makeRoom(count: number): void {
    this.spans = new Int32Array(count * fieldStride);
    this.kinds = new Uint8Array(count);
    this.isUneven = new Uint8Array(count);
  }

  /** The bytes moved down by `by` in their buffer. */
  protected rebaseFields(by: number): void {
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
    for (let pos = nextElement(bytes, start, end); pos < end; pos = nextElement(bytes, pos, end)) {
      const stop = elementEnd(bytes, pos, end);
      const last = dropBlanks(bytes, pos, stop);
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

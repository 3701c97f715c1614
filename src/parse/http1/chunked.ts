// Decodes a chunked body (RFC 9112 §7.1), resumable at any byte, and writes one anew.
//
// Works in place, and says which span of the buffer goes on: either the data of all chunks that one read brought, moved
// together, or those chunks as they came, sizes and all, which costs nothing where they are plain. Chunk extensions are
// checked and left out, trailer fields are kept for whoever ends the body. Line ends are strict CR LF: two readers that
// disagree on a chunk's end is how requests are smuggled.
//
// Long because the decoder is one state machine, whose states share what `decode` holds in its hands.
import type { ByteWriter } from "../byte-writer.ts";
import { bytesOf, COLON, CR, hexValue, isBlank, isTokenByte, isValueByte, LF, SEMICOLON } from "./bytes.ts";
import { Fault } from "./fault.ts";
import { Parsed } from "./head.ts";
import { TrailerSection } from "./trailers.ts";

const At = {
  sizeStart: 0,
  size: 1,
  afterSize: 2,
  extension: 3,
  sizeLf: 4,
  data: 5,
  dataCr: 6,
  dataLf: 7,
  /** Within a chunk that is too long to go on as one: the next part of it has yet to be announced. */
  part: 8,
  trailerStart: 9,
  trailerName: 10,
  trailerValue: 11,
  trailerLf: 12,
  lastLf: 13,
  done: 14,
} as const;

/** 2^52 and more bytes in one chunk are no body but an attack. */
const sizeMaxDigits = 13;
const extensionMaxBytes = 4 * 1024;
const trailerMaxBytes = 16 * 1024;
/** No chunk that goes on is longer than this: sizes beyond 31 bits are where readers begin to differ. */
const chunkMaxBytes = 2 ** 30;
/** Runs shorter than this are moved byte by byte: cheaper than the call. */
const shortRun = 32;

export class ChunkedDecoder {
  /** What the last `decode` found to go on stands at `[dataStart, dataEnd)` of its buffer. */
  dataStart = 0;
  dataEnd = 0;
  fault: Fault = Fault.none;
  /** Behind the last `decode`, the first byte that it did not take: of the next message once the body is complete. */
  pos = 0;
  /** With framing: a chunk of so many bytes must be announced in front of what goes on; -1 when none. */
  announcesBytes = -1;
  /** With framing: that chunk goes on in the middle of one, which must be ended first. */
  endsChunkFirst = false;
  /** With framing: what goes on has the end of the body in it; where not, {@link writeBodyEnd} does it. */
  isEndIncluded = false;
  /** The trailer fields that pass on; undefined when there were none. */
  trailers: TrailerSection | undefined = undefined;
  private state: number = At.sizeStart;
  private keepsFraming = false;
  private nominated: ReadonlySet<string> | undefined = undefined;
  private remaining = 0;
  /** How much of the sender's chunk lies behind the part of it that is announced. */
  private remainingParts = 0;
  private digits = 0;
  /** The size line is written as we would write it: no leading zero, no blank, no extension. */
  private isPlain = false;
  private lineBytes = 0;
  /** Where what goes on ends so far; -1 while there is nothing. */
  private write = -1;

  /** `partMaxBytes` is the longest chunk that goes on as one. */
  constructor(private readonly partMaxBytes = chunkMaxBytes) {}

  get isDone(): boolean {
    return this.state === At.done;
  }

  /**
   * Begins a body.
   *
   * *Details*: with `keepsFraming`, chunks go on as chunks, else their data alone. `nominated` holds lower-case names
   * that Connection named: such trailers stay behind (RFC 9110 §7.6.1).
   */
  begin(keepsFraming = false, nominated?: ReadonlySet<string>): void {
    this.state = At.sizeStart;
    this.fault = Fault.none;
    this.keepsFraming = keepsFraming;
    this.nominated = nominated;
    this.trailers = undefined;
    this.remainingParts = 0;
    this.isEndIncluded = false;
  }

  /**
   * Goes on with `bytes[start, end)`, moving what goes on in it together.
   *
   * *Details*: with framing it may stop before `end` though the body isn't complete, where a chunk is split in two; the
   * caller goes on from `pos`. A size line that isn't whole yet, and the end of the body, are held back.
   */
  decode(bytes: Uint8Array, start: number, end: number): Parsed {
    const { keepsFraming } = this;
    let pos = start;
    let state = this.state;
    // Where the size line or trailer line under way begins in this buffer; -1 for a size line that began before it.
    let lineStart = state >= At.trailerStart ? start : -1;
    this.dataStart = start;
    this.dataEnd = start;
    this.write = -1;
    this.announcesBytes = -1;
    this.endsChunkFirst = false;
    if (state === At.part && start < end) {
      this.announce(this.remainingParts);
      this.announcesBytes = this.remaining;
      this.endsChunkFirst = true;
      state = At.data;
    }
    while (pos < end) {
      if (state === At.data) {
        const count = Math.min(this.remaining, end - pos);
        this.keep(bytes, pos, pos + count);
        this.remaining -= count;
        pos += count;
        if (this.remaining > 0) break;
        if (this.remainingParts > 0) {
          state = At.part;
          break;
        }
        state = At.dataCr;
        continue;
      }
      const byte = bytes[pos] as number;
      pos++;
      switch (state) {
        case At.sizeStart:
          if (hexValue[byte] === 255) return this.fail(Fault.badChunkSize);
          this.remaining = hexValue[byte] as number;
          this.digits = 1;
          this.isPlain = true;
          lineStart = pos - 1;
          state = At.size;
          break;
        case At.size: {
          const digit = hexValue[byte] as number;
          if (digit !== 255) {
            if (++this.digits > sizeMaxDigits) return this.fail(Fault.badChunkSize);
            if (this.remaining === 0) this.isPlain = false;
            this.remaining = this.remaining * 16 + digit;
          } else if (byte === CR) {
            state = At.sizeLf;
          } else if (byte === SEMICOLON || isBlank(byte)) {
            this.lineBytes = 0;
            this.isPlain = false;
            state = byte === SEMICOLON ? At.extension : At.afterSize;
          } else return this.fail(Fault.badChunkSize);
          break;
        }
        case At.afterSize:
          // RFC 9112 §7.1.1: blanks only before an extension; some servers pad the size with them.
          if (byte === CR) state = At.sizeLf;
          else if (byte === SEMICOLON) state = At.extension;
          else if (!isBlank(byte) || ++this.lineBytes > extensionMaxBytes) {
            return this.fail(Fault.badChunkSize);
          }
          break;
        case At.extension:
          if (byte === CR) state = At.sizeLf;
          else if (isValueByte[byte] === 0 || ++this.lineBytes > extensionMaxBytes)
            return this.fail(Fault.badChunkSize);
          break;
        case At.sizeLf:
          if (byte !== LF) return this.fail(Fault.badChunkSize);
          this.lineBytes = 0;
          if (this.remaining === 0) {
            // The last chunk goes on with the end of the body, not before.
            if (!this.isPlain) lineStart = -1;
            state = At.trailerStart;
          } else {
            if (keepsFraming) this.keepSize(bytes, lineStart, pos);
            state = At.data;
          }
          break;
        case At.dataCr:
          if (byte !== CR) return this.fail(Fault.badChunkEnd);
          if (keepsFraming) this.keep(bytes, pos - 1, pos);
          state = At.dataLf;
          break;
        case At.dataLf:
          if (byte !== LF) return this.fail(Fault.badChunkEnd);
          if (keepsFraming) this.keep(bytes, pos - 1, pos);
          state = At.sizeStart;
          break;
        case At.trailerStart:
          if (byte === CR) state = At.lastLf;
          else if (isTokenByte[byte] === 1) {
            this.trailers ??= new TrailerSection();
            lineStart = pos - 1;
            state = At.trailerName;
          } else return this.fail(Fault.badTrailer);
          break;
        case At.trailerName:
          if (byte === COLON) state = At.trailerValue;
          else if (isTokenByte[byte] === 0) return this.fail(Fault.badTrailer);
          break;
        case At.trailerValue:
          if (byte === CR) state = At.trailerLf;
          else if (isValueByte[byte] === 0) return this.fail(Fault.badTrailer);
          break;
        case At.trailerLf:
          if (byte !== LF) return this.fail(Fault.badTrailer);
          this.trailers?.add(bytes, lineStart, pos);
          if (this.trailers?.endLine(this.nominated) === false) return this.fail(Fault.trailerTooLarge);
          state = At.trailerStart;
          break;
        case At.lastLf:
          if (byte !== LF) return this.fail(Fault.badTrailer);
          this.state = At.done;
          this.pos = pos;
          // `0 CR LF CR LF`, all of it here: it goes on as it came.
          if (keepsFraming && this.trailers === undefined && lineStart >= 0 && pos - lineStart === lastChunk.length) {
            this.keep(bytes, lineStart, pos);
            this.isEndIncluded = true;
          }
          return Parsed.complete;
      }
      if (state >= At.trailerStart && ++this.lineBytes > trailerMaxBytes) return this.fail(Fault.trailerTooLarge);
    }
    if (state >= At.trailerName && state <= At.trailerLf) this.trailers?.add(bytes, lineStart, pos);
    this.state = state;
    this.pos = pos;
    return Parsed.incomplete;
  }

  /** `bytes[from, to)` goes on, behind what already does. */
  private keep(bytes: Uint8Array, from: number, to: number): void {
    const { write } = this;
    if (write < 0) {
      this.dataStart = from;
      this.write = to;
    } else if (write === from) {
      this.write = to;
    } else {
      if (to - from < shortRun) for (let at = from; at < to; at++) bytes[write + at - from] = bytes[at] as number;
      else bytes.copyWithin(write, from, to);
      this.write = write + to - from;
    }
    this.dataEnd = this.write;
  }

  /** The size line at `bytes[lineStart, end)` goes on, as it is or as we write it, which is never longer. */
  private keepSize(bytes: Uint8Array, lineStart: number, end: number): void {
    const isWhole = this.remaining <= this.partMaxBytes;
    this.announce(this.remaining);
    if (lineStart < 0) {
      // It began in an earlier read, and nothing of it went on.
      this.announcesBytes = this.remaining;
    } else if (isWhole && this.isPlain) {
      this.keep(bytes, lineStart, end);
    } else {
      let digits = 1;
      for (let rest = this.remaining; rest >= 16; rest = Math.floor(rest / 16)) digits++;
      let rest = this.remaining;
      for (let at = lineStart + digits - 1; at >= lineStart; at--) {
        const digit = rest % 16;
        bytes[at] = digit < 10 ? 0x30 + digit : 0x37 + digit;
        rest = (rest - digit) / 16;
      }
      bytes[lineStart + digits] = CR;
      bytes[lineStart + digits + 1] = LF;
      this.keep(bytes, lineStart, lineStart + digits + 2);
    }
  }

  /** Takes as much of `length` bytes as may go on in one chunk. */
  private announce(length: number): void {
    this.remaining = Math.min(length, this.partMaxBytes);
    this.remainingParts = length - this.remaining;
  }

  private fail(fault: Fault): Parsed {
    this.fault = fault;
    return Parsed.faulty;
  }
}

const crlf = bytesOf("\r\n");

/** The end of a chunked body that has no trailer. */
export const lastChunk = bytesOf("0\r\n\r\n");
const lastSizeLine = bytesOf("0\r\n");

/** Writes the line in front of a chunk of `length` bytes; {@link writeChunkEnd} goes behind it. */
export const writeChunkStart = (length: number, out: ByteWriter): void => {
  out.putHex(length);
  out.put(crlf);
};

/** The line end behind a chunk's data. */
export const writeChunkEnd = (out: ByteWriter): void => {
  out.put(crlf);
};

/** The end of a chunked body: the last chunk, the trailer fields that pass on, the empty line. */
export const writeBodyEnd = (trailers: TrailerSection | undefined, out: ByteWriter): void => {
  if (trailers === undefined) {
    out.put(lastChunk);
    return;
  }
  out.put(lastSizeLine);
  out.put(trailers.lines.view());
  out.put(crlf);
};

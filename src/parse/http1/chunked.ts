// Decodes a chunked body (RFC 9112 §7.1), resumable at any byte, and writes one anew.
//
// Works in place: the data of all chunks that one read brought is moved together, so that the caller sends it on as one
// span. Chunk extensions and trailer fields are checked and left out. Line ends are strict CR LF: two readers that
// disagree on a chunk's end is how requests are smuggled.
import type { ByteWriter } from "../byte-writer.ts";
import { bytesOf, COLON, CR, HTAB, hexValue, isTokenByte, isValueByte, LF, SEMICOLON, SP } from "./bytes.ts";
import { Fault } from "./fault.ts";
import { Parsed } from "./head.ts";

const At = {
  sizeStart: 0,
  size: 1,
  afterSize: 2,
  extension: 3,
  sizeLf: 4,
  data: 5,
  dataCr: 6,
  dataLf: 7,
  trailerStart: 8,
  trailerName: 9,
  trailerValue: 10,
  trailerLf: 11,
  lastLf: 12,
  done: 13,
} as const;

/** 2^52 and more bytes in one chunk are no body but an attack. */
const sizeMaxDigits = 13;
const extensionMaxBytes = 4 * 1024;
const trailerMaxBytes = 16 * 1024;

export class ChunkedDecoder {
  /** The body's bytes that the last `decode` found stand at `[dataStart, dataEnd)` of its buffer. */
  dataStart = 0;
  dataEnd = 0;
  fault: Fault = Fault.none;
  /** Behind the last `decode`, the first byte that it did not take: of the next message once the body is complete. */
  pos = 0;
  private state: number = At.sizeStart;
  private remaining = 0;
  private digits = 0;
  private lineBytes = 0;

  begin(): void {
    this.state = At.sizeStart;
    this.fault = Fault.none;
  }

  /** Goes on with `bytes[start, end)`, moving the data in it together. */
  decode(bytes: Uint8Array, start: number, end: number): Parsed {
    let pos = start;
    let state = this.state;
    let write = -1;
    this.dataStart = start;
    this.dataEnd = start;
    while (pos < end) {
      const byte = bytes[pos] as number;
      if (state === At.data) {
        const count = Math.min(this.remaining, end - pos);
        if (write < 0) {
          this.dataStart = pos;
          write = pos + count;
        } else {
          bytes.copyWithin(write, pos, pos + count);
          write += count;
        }
        this.dataEnd = write;
        this.remaining -= count;
        pos += count;
        if (this.remaining === 0) state = At.dataCr;
        continue;
      }
      pos++;
      switch (state) {
        case At.sizeStart:
          if (hexValue[byte] === 255) return this.fail(Fault.badChunkSize);
          this.remaining = hexValue[byte] as number;
          this.digits = 1;
          state = At.size;
          break;
        case At.size: {
          const digit = hexValue[byte] as number;
          if (digit !== 255) {
            if (++this.digits > sizeMaxDigits) return this.fail(Fault.badChunkSize);
            this.remaining = this.remaining * 16 + digit;
          } else if (byte === CR) {
            state = At.sizeLf;
          } else if (byte === SEMICOLON || byte === SP || byte === HTAB) {
            this.lineBytes = 0;
            state = byte === SEMICOLON ? At.extension : At.afterSize;
          } else return this.fail(Fault.badChunkSize);
          break;
        }
        case At.afterSize:
          // RFC 9112 §7.1.1: blanks only before an extension; some servers pad the size with them.
          if (byte === CR) state = At.sizeLf;
          else if (byte === SEMICOLON) state = At.extension;
          else if ((byte !== SP && byte !== HTAB) || ++this.lineBytes > extensionMaxBytes) {
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
          state = this.remaining === 0 ? At.trailerStart : At.data;
          break;
        case At.dataCr:
          if (byte !== CR) return this.fail(Fault.badChunkEnd);
          state = At.dataLf;
          break;
        case At.dataLf:
          if (byte !== LF) return this.fail(Fault.badChunkEnd);
          state = At.sizeStart;
          break;
        case At.trailerStart:
          if (byte === CR) state = At.lastLf;
          else if (isTokenByte[byte] === 1) state = At.trailerName;
          else return this.fail(Fault.badTrailer);
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
          state = At.trailerStart;
          break;
        case At.lastLf:
          if (byte !== LF) return this.fail(Fault.badTrailer);
          this.state = At.done;
          this.pos = pos;
          return Parsed.complete;
      }
      if (state >= At.trailerStart && ++this.lineBytes > trailerMaxBytes) return this.fail(Fault.trailerTooLarge);
    }
    this.state = state;
    this.pos = pos;
    return Parsed.incomplete;
  }

  private fail(fault: Fault): Parsed {
    this.fault = fault;
    return Parsed.faulty;
  }
}

const crlf = bytesOf("\r\n");

/** The end of a chunked body that has no trailer. */
export const lastChunk = bytesOf("0\r\n\r\n");

/** Writes the line in front of a chunk of `length` bytes; {@link writeChunkEnd} goes behind it. */
export const writeChunkStart = (length: number, out: ByteWriter): void => {
  out.putHex(length);
  out.put(crlf);
};

/** The line end behind a chunk's data. */
export const writeChunkEnd = (out: ByteWriter): void => {
  out.put(crlf);
};

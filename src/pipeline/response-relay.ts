// A response on its way to the client: its head rewritten, its body framed as the client can read it, never gathered.
//
// Belongs to an exchange and is used again with it. It says how far the response is and what must follow for
// either connection; the session acts on that. It never completes a response that its instance did not complete.
import type { Reason } from "../errors.ts";
import type { Transport } from "../net/transport.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { ChunkedDecoder } from "../parse/http1/chunked.ts";
import { Parsed } from "../parse/http1/head.ts";
import { makeResponseReader } from "../parse/http1/head-reader.ts";
import type { ResponseHeadParser } from "../parse/http1/response-head.ts";
import { writeInterimHead, writeResponseHead } from "../parse/http1/serialise.ts";
import { joinMaxBytes, sendChunk } from "./chunk-writer.ts";
import { reasonOfResponseFault } from "./fault-reason.ts";

const Framing = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const;

/** What the exchange lets a response do. */
export interface ResponseTerms {
  /** The request was HEAD: no body follows whatever the head says (RFC 9110 §9.3.2). */
  readonly isHead: boolean;
  /** The client's HTTP/1.x: 0 knows neither chunks nor interim responses. */
  readonly minorVersion: number;
  /** The client's connection may serve another request, as far as anyone can say before the head. */
  mayKeepAlive(): boolean;
}

/** Heads are written here; nothing in it outlives the callback. */
const out = new ByteWriter(16 * 1024);

export class ResponseRelay {
  /** The final head has gone to the client, so no answer of our own can. */
  hasStarted = false;
  isDone = false;
  status = 0;
  /** The client's connection stays open behind this response. */
  keepsClient = false;
  /** The instance's connection can serve another request. */
  keepsBackend = false;
  /** What is wrong with the response, or undefined. */
  fault: Reason | undefined = undefined;
  /** Bytes handed to the client's transport. */
  sentBytes = 0;
  private readonly reader = makeResponseReader();
  private framing: number = Framing.none;
  private isRechunked = false;
  private left = 0;
  private decoder: ChunkedDecoder | undefined = undefined;

  begin(): void {
    this.hasStarted = false;
    this.isDone = false;
    this.status = 0;
    this.keepsClient = false;
    this.keepsBackend = false;
    this.fault = undefined;
    this.sentBytes = 0;
    this.reader.release();
  }

  /** Any byte of a response has come. */
  get hasBytes(): boolean {
    return this.hasStarted || this.reader.parser !== undefined;
  }

  /** Takes bytes from the instance; false when the client can't take more now (or a {@link fault} was found). */
  receive(chunk: Uint8Array, client: Transport, terms: ResponseTerms): boolean {
    return this.hasStarted ? this.relayBody(chunk, 0, chunk.length, client) : this.readHead(chunk, client, terms);
  }

  /** The instance has closed in good order: the end of a body without a length, a cut anywhere else. */
  end(): void {
    if (this.framing === Framing.untilClose && this.hasStarted) this.isDone = true;
  }

  private readHead(chunk: Uint8Array, client: Transport, terms: ResponseTerms): boolean {
    let bytes = chunk;
    for (;;) {
      const parsed = this.reader.read(bytes, 0);
      if (parsed === Parsed.incomplete) return client.isWritable;
      const parser = this.reader.parser as ResponseHeadParser;
      if (parsed === Parsed.faulty) return this.fail(reasonOfResponseFault(parser.fault));
      if (parser.status >= 200) return this.start(parser, client, terms);
      // Nobody was asked to switch protocols: Upgrade never reaches an instance.
      if (parser.status === 101) return this.fail("badResponse");
      // 100 was said already, or not asked for; the others are the client's (RFC 9110 §15.2).
      if (parser.status !== 100 && terms.minorVersion === 1) {
        out.clear();
        writeInterimHead(parser, this.reader.bytes, out);
        this.flush(client);
      }
      const rest = this.reader.bytes.subarray(parser.pos, this.reader.end);
      this.reader.release();
      if (rest.length === 0) return client.isWritable;
      bytes = rest;
    }
  }

  private start(parser: ResponseHeadParser, client: Transport, terms: ResponseTerms): boolean {
    const { bytes, end } = this.reader;
    const { status } = parser;
    this.status = status;
    this.framing = this.frame(parser, terms.isHead || status === 204 || status === 304);
    const isChunkReader = terms.minorVersion === 1;
    this.isRechunked = this.framing === Framing.chunked && isChunkReader;
    this.keepsBackend = parser.keepsAlive && this.framing !== Framing.untilClose;
    this.keepsClient =
      this.framing !== Framing.untilClose &&
      (this.framing !== Framing.chunked || isChunkReader) &&
      terms.mayKeepAlive();
    out.clear();
    const announcesChunks = parser.isChunked && isChunkReader && status !== 204;
    writeResponseHead(parser, bytes, announcesChunks, this.keepsClient, out);
    this.hasStarted = true;
    const bodyStart = parser.pos;
    const taken = this.relayBody(bytes, bodyStart, end, client);
    this.reader.release();
    return taken;
  }

  /** How the body is framed (RFC 9112 §6.3). */
  private frame(parser: ResponseHeadParser, isBodyless: boolean): number {
    if (isBodyless) return Framing.none;
    if (parser.isChunked) {
      this.decoder ??= new ChunkedDecoder();
      this.decoder.begin();
      return Framing.chunked;
    }
    if (parser.contentLength < 0) return Framing.untilClose;
    this.left = parser.contentLength;
    return Framing.length;
  }

  /** Sends `bytes[start, end)` on, behind the head that `out` may hold. */
  private relayBody(bytes: Uint8Array, start: number, end: number, client: Transport): boolean {
    let stop = end;
    if (this.framing === Framing.length) {
      stop = Math.min(end, start + this.left);
      this.left -= stop - start;
      this.isDone = this.left === 0;
    } else if (this.framing === Framing.chunked) {
      return this.relayChunked(bytes, start, end, client);
    } else if (this.framing === Framing.none) {
      stop = start;
      this.isDone = true;
    }
    // Bytes behind the end of a response belong to nobody: they go nowhere, and the connection is not used again.
    if (stop < end) this.keepsBackend = false;
    const length = stop - start;
    if (out.length === 0)
      return this.write(start === 0 && stop === bytes.length ? bytes : bytes.subarray(start, stop), client);
    if (length <= joinMaxBytes) {
      out.putRun(bytes, start, stop);
      return this.flush(client);
    }
    this.flush(client);
    return this.write(bytes.subarray(start, stop), client);
  }

  private relayChunked(bytes: Uint8Array, start: number, end: number, client: Transport): boolean {
    const decoder = this.decoder as ChunkedDecoder;
    const parsed = decoder.decode(bytes, start, end);
    if (parsed === Parsed.faulty) {
      // What was sound has not been sent yet; the client sees a cut, not a guess.
      this.flush(client);
      return this.fail("badResponseBody");
    }
    this.isDone = parsed === Parsed.complete;
    if (this.isDone && decoder.pos < end) this.keepsBackend = false;
    const { dataStart, dataEnd } = decoder;
    if (this.isRechunked) {
      this.sentBytes += sendChunk(bytes, dataStart, dataEnd, this.isDone, out, client);
      return client.isWritable;
    }
    this.flush(client);
    return dataEnd > dataStart ? this.write(bytes.subarray(dataStart, dataEnd), client) : client.isWritable;
  }

  private flush(client: Transport): boolean {
    if (out.length === 0) return client.isWritable;
    this.sentBytes += out.length;
    const isTaken = client.writeCopy(out.view());
    out.clear();
    return isTaken;
  }

  private write(bytes: Uint8Array, client: Transport): boolean {
    this.sentBytes += bytes.length;
    return client.write(bytes);
  }

  private fail(fault: Reason): boolean {
    this.fault = fault;
    out.clear();
    return false;
  }
}

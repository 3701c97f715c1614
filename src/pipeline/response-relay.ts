// A response on its way to the client: its head rewritten, its body framed as the client can read it, never gathered.
//
// Belongs to an exchange and is used again with it. It says how far the response is and what must follow for
// either connection; the exchange acts on that. It never completes a response that its instance did not complete. Long because
// a response is read, judged and sent on in one pass over each chunk.
import type { Reason } from "../errors.ts";
import { freeChunk, type Transport } from "../net/transport.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { ChunkedDecoder } from "../parse/http1/chunked.ts";
import { Fault } from "../parse/http1/fault.ts";
import { Parsed } from "../parse/http1/head.ts";
import type { HeadChange } from "../parse/http1/head-change.ts";
import { makeResponseReader } from "../parse/http1/head-reader.ts";
import type { HeadLimits } from "../parse/http1/limits.ts";
import type { ResponseHeadParser } from "../parse/http1/response-head.ts";
import { repairResponseHead } from "../parse/http1/response-repair.ts";
import { type OwnFields, writeInterimHead, writeResponseHead, writeUpgradeHead } from "../parse/http1/serialise.ts";
import { brokenBody, joinMaxBytes, sendChunk, sendChunks, sendSpan } from "./chunk-writer.ts";
import { reasonOfResponseFault } from "./fault-reason.ts";
import { PolicyRefusal } from "./policy/chain.ts";
import type { RequestPolicies } from "./policy/request-policies.ts";

const Framing = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const;

/** More interim responses to one request than this are a flood (RFC 9110 §15.2 sets no bound). */
const interimMaxCount = 100;

/** What the exchange lets a response do. */
export interface ResponseTerms extends OwnFields {
  /** The request was HEAD: no body follows whatever the head says (RFC 9110 §9.3.2). */
  readonly isHead: boolean;
  /** The client's HTTP/1.x: 0 knows neither chunks nor interim responses. */
  readonly minorVersion: number;
  /** An HTTP/0.9 client: it reads the body alone, until the end of the connection. */
  readonly isBodyOnly: boolean;
  /** How large the response's head may be. */
  readonly responseLimits: HeadLimits;
  /** The request was a WebSocket handshake that was passed on. */
  readonly mayUpgrade: boolean;
  /** Undefined where nobody changes responses. */
  readonly policies: RequestPolicies | undefined;
  /** What policies change in a final response's head; only asked where there are any. */
  changeResponse(head: ResponseHeadParser, bytes: Uint8Array): HeadChange | PolicyRefusal | undefined;
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
  /** Of those, what went out before the body: heads, interim ones among them. */
  headBytes = 0;
  /** The instance has switched to WebSocket: what follows is no HTTP (RFC 6455). */
  isUpgraded = false;
  /** Interim responses that have come, whether the client was told of them or not. */
  interimCount = 0;
  private readonly reader = makeResponseReader();
  private framing: number = Framing.none;
  /** The body goes on in chunks. */
  private sendsChunks = false;
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
    this.headBytes = 0;
    this.interimCount = 0;
    this.isUpgraded = false;
    this.reader.release();
  }

  /** Any byte of a response has come. */
  get hasBytes(): boolean {
    return this.hasStarted || this.reader.parser !== undefined;
  }

  /** Takes bytes from the instance; false when the client can't take more now (or a {@link fault} was found). */
  receive(chunk: Uint8Array, client: Transport, terms: ResponseTerms): boolean {
    const isTaken = this.hasStarted
      ? this.relayBody(chunk, 0, chunk.length, client)
      : this.readHead(chunk, client, terms);
    // When nothing waits for the client, nobody looks at the chunk any more.
    if (client.isWritable) freeChunk(chunk);
    return isTaken;
  }

  /** The instance has closed in good order: the end of a body without a length, a cut anywhere else. */
  end(client: Transport): void {
    if (this.framing !== Framing.untilClose || !this.hasStarted) return;
    this.isDone = true;
    if (this.sendsChunks) this.sentBytes += sendChunk(nothing, 0, 0, true, out, client);
  }

  private readHead(chunk: Uint8Array, client: Transport, terms: ResponseTerms): boolean {
    let bytes = chunk;
    for (;;) {
      const parsed = this.reader.read(bytes, 0, terms.responseLimits);
      if (parsed === Parsed.incomplete) return client.isWritable;
      const parser = this.reader.parser as ResponseHeadParser;
      const fault = parsed === Parsed.complete && parser.isOdd ? this.repair(parser, terms) : parser.fault;
      if (fault !== Fault.none) return this.fail(reasonOfResponseFault(fault));
      if (parser.status >= 200) return this.start(parser, client, terms);
      if (parser.status === 101) return this.upgrade(parser, client, terms);
      if (++this.interimCount > interimMaxCount) return this.fail("badResponse");
      // 100 was said already, or not asked for; the others are the client's (RFC 9110 §15.2).
      if (parser.status !== 100 && terms.minorVersion === 1 && !terms.isBodyOnly) {
        out.clear();
        writeInterimHead(parser, this.reader.bytes, out);
        this.flush(client);
        this.headBytes = this.sentBytes;
      }
      const rest = this.reader.bytes.subarray(parser.pos, this.reader.end);
      this.reader.release();
      if (rest.length === 0) return client.isWritable;
      bytes = rest;
    }
  }

  /** The instance switches protocols (RFC 9110 §15.2.2): to the one that it was asked for, or to none. */
  private upgrade(parser: ResponseHeadParser, client: Transport, terms: ResponseTerms): boolean {
    if (!terms.mayUpgrade || !parser.namesWebSocket) return this.fail("badResponse");
    const { bytes, end } = this.reader;
    const change = terms.policies === undefined ? undefined : terms.changeResponse(parser, bytes);
    if (change instanceof PolicyRefusal) return this.fail(change.reason);
    this.status = 101;
    this.hasStarted = true;
    this.isUpgraded = true;
    this.framing = Framing.untilClose;
    this.sendsChunks = false;
    out.clear();
    writeUpgradeHead(parser, bytes, out, terms, change);
    this.headBytes = this.sentBytes + out.length;
    // The instance may have spoken the new protocol already.
    const isTaken = this.send(bytes, parser.pos, end, client);
    this.reader.release();
    return isTaken;
  }

  /** Puts a strict head in the place of a sloppy one. */
  private repair(parser: ResponseHeadParser, terms: ResponseTerms): Fault {
    const { reader } = this;
    out.clear();
    const fault = repairResponseHead(reader.bytes, parser.start, parser.pos, out);
    if (fault !== Fault.none) return fault;
    const parsed = reader.replaceHead(out.view(), terms.responseLimits);
    if (parsed === Parsed.faulty) return parser.fault;
    // What is odd still has a byte that belongs in no head.
    return parsed === Parsed.complete && !parser.isOdd ? Fault.none : Fault.badFieldValue;
  }

  private start(parser: ResponseHeadParser, client: Transport, terms: ResponseTerms): boolean {
    const { bytes, end } = this.reader;
    const { status } = parser;
    const isChunkReader = terms.minorVersion === 1 && !terms.isBodyOnly;
    this.frame(parser, isChunkReader, terms.isHead || status === 204 || status === 304);
    const { framing } = this;
    if (framing !== Framing.none && !isChunkReader && parser.hasOtherCodings) {
      // RFC 9112 §6.1: a client before HTTP/1.1 can't be sent a coding.
      return this.fail("badResponse");
    }
    const change = terms.policies === undefined ? undefined : terms.changeResponse(parser, bytes);
    if (change instanceof PolicyRefusal) return this.fail(change.reason);
    this.status = status;
    this.keepsBackend = parser.keepsAlive && framing !== Framing.untilClose && !announcesImpossibleBody(parser);
    this.keepsClient =
      (framing === Framing.none || framing === Framing.length || this.sendsChunks) &&
      !terms.isBodyOnly &&
      terms.mayKeepAlive();
    out.clear();
    const announcesChunks = parser.sendsChunks && isChunkReader && status !== 204;
    if (!terms.isBodyOnly) {
      writeResponseHead(parser, bytes, announcesChunks, this.keepsClient, out, terms, change);
    }
    this.headBytes = this.sentBytes + out.length;
    this.hasStarted = true;
    const isTaken = this.relayBody(bytes, parser.pos, end, client);
    if (this.fault !== undefined) {
      // Broken in the same read as its head: nothing of it was sent.
      this.hasStarted = false;
      this.status = 0;
    }
    this.reader.release();
    return isTaken;
  }

  /** How the body is framed (RFC 9112 §6.3), and how it goes on. */
  private frame(parser: ResponseHeadParser, isChunkReader: boolean, isBodyless: boolean): void {
    this.sendsChunks = false;
    if (isBodyless) {
      this.framing = Framing.none;
    } else if (parser.isChunked) {
      this.framing = Framing.chunked;
      this.sendsChunks = isChunkReader;
      this.decoder ??= new ChunkedDecoder();
      this.decoder.begin(isChunkReader, parser.nominated);
    } else if (parser.hasOtherCodings || parser.contentLength < 0) {
      this.framing = Framing.untilClose;
      // RFC 9112 §6.1: other codings are sent under `chunked`, though the instance may leave it out.
      this.sendsChunks = isChunkReader && parser.hasOtherCodings;
    } else {
      this.framing = Framing.length;
      this.left = parser.contentLength;
    }
  }

  /** Sends `bytes[start, end)` on, behind the head that `out` may hold. */
  private relayBody(bytes: Uint8Array, start: number, end: number, client: Transport): boolean {
    let stop = end;
    switch (this.framing) {
      case Framing.length:
        stop = Math.min(end, start + this.left);
        this.left -= stop - start;
        this.isDone = this.left === 0;
        break;
      case Framing.chunked:
        return this.relayChunks(bytes, start, end, client);
      case Framing.none:
        stop = start;
        this.isDone = true;
        break;
      default:
        if (this.sendsChunks) {
          this.sentBytes += sendChunk(bytes, start, end, false, out, client);
          return client.isWritable;
        }
    }
    // Bytes behind the end of a response belong to nobody: they go nowhere, and the connection is not used again.
    if (stop < end) this.keepsBackend = false;
    return this.send(bytes, start, stop, client);
  }

  private relayChunks(bytes: Uint8Array, start: number, end: number, client: Transport): boolean {
    const decoder = this.decoder as ChunkedDecoder;
    if (this.sendsChunks) {
      const sentBytes = sendChunks(decoder, bytes, start, end, out, client);
      // What was sound before it isn't sent either; the client sees a cut, not a guess.
      if (sentBytes === brokenBody) return this.fail("badResponseBody");
      this.sentBytes += sentBytes;
    } else {
      if (decoder.decode(bytes, start, end) === Parsed.faulty) return this.fail("badResponseBody");
      this.send(bytes, decoder.dataStart, decoder.dataEnd, client);
      // A client before HTTP/1.1 has no place for trailers.
      decoder.trailers = undefined;
    }
    this.isDone = decoder.isDone;
    if (this.isDone && decoder.pos < end) this.keepsBackend = false;
    return client.isWritable;
  }

  /** Sends `bytes[start, stop)` as it is, behind the head that `out` may hold. */
  private send(bytes: Uint8Array, start: number, stop: number, client: Transport): boolean {
    const length = stop - start;
    if (length === 0) return this.flush(client);
    if (out.length > 0) {
      if (length <= joinMaxBytes) {
        out.putRun(bytes, start, stop);
        return this.flush(client);
      }
      this.flush(client);
    }
    this.sentBytes += length;
    return sendSpan(bytes, start, stop, client);
  }

  private flush(client: Transport): boolean {
    if (out.length === 0) return client.isWritable;
    this.sentBytes += out.length;
    const isTaken = client.writeCopy(out.bytes, out.length);
    out.clear();
    return isTaken;
  }

  private fail(fault: Reason): boolean {
    this.fault = fault;
    out.clear();
    return false;
  }
}

/**
 * A 204 or 304 that says that a body follows, which none can (RFC 9110 §8.6, RFC 9112 §6.1): its instance may yet send one,
 * and nobody could tell it from the next answer.
 */
const announcesImpossibleBody = ({ status, contentLength, hasTransferEncoding }: ResponseHeadParser): boolean =>
  (status === 204 && (contentLength > 0 || hasTransferEncoding)) || (status === 304 && hasTransferEncoding);

const nothing = new Uint8Array(0);

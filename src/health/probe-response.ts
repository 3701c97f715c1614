// The response to an HTTP check as its bytes come in: a status that counts, sound framing, and perhaps a text in the body.
//
// Fed by the probe; pure, and bounded in what it reads and keeps. The framing that passes here is the framing that the
// data path can serve (RFC 9112 §6.3), but for a body that ends with its connection: AWS wants its length told.
import type { HealthCheck } from "../model/health-check.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { ChunkedDecoder } from "../parse/http1/chunked.ts";
import { Fault, nameOfFault } from "../parse/http1/fault.ts";
import { Parsed } from "../parse/http1/head.ts";
import { makeResponseReader } from "../parse/http1/head-reader.ts";
import { defaultHeadLimits } from "../parse/http1/limits.ts";
import type { ResponseHeadParser } from "../parse/http1/response-head.ts";
import { repairResponseHead } from "../parse/http1/response-repair.ts";

/** What a check came to, and why. */
export interface Verdict {
  readonly isHealthy: boolean;
  /** For people, such as `status 500`. */
  readonly reason: string;
}

/** A body beyond this is no answer to a check, in bytes; one without end would be read for the whole timeout. */
export const bodyMaxBytes = 8 * 1024 * 1024;
/** How much of a body is searched for a text, in bytes. */
export const searchedBytes = 64 * 1024;
/** More interim responses than this are a flood (RFC 9110 §15.2 sets no bound). */
const interimMaxCount = 100;

const Framing = { unknown: 0, length: 1, chunked: 2, untilClose: 3 } as const;

const out = new ByteWriter();

export class ProbeResponse {
  private readonly reader = makeResponseReader();
  private readonly expected: Buffer | undefined;
  private framing: number = Framing.unknown;
  private status = 0;
  /** Bytes of the body that are still to come, by its length. */
  private left = 0;
  private readonly decoder = new ChunkedDecoder();
  private bodyBytes = 0;
  private interimCount = 0;
  private hasBytes = false;
  /** The beginning of the body, where a text is expected in it. */
  private searched: Buffer | undefined = undefined;

  constructor(private readonly check: Pick<HealthCheck, "successCodes" | "expectBody">) {
    this.expected = check.expectBody === undefined ? undefined : Buffer.from(check.expectBody);
  }

  /** Takes bytes, which it may change. Once there is a verdict, nothing more is to be given. */
  receive(chunk: Uint8Array): Verdict | undefined {
    this.hasBytes = true;
    const verdict = this.framing === Framing.unknown ? this.readHead(chunk) : this.readBody(chunk, 0, chunk.length);
    if (verdict !== undefined) this.reader.release();
    return verdict;
  }

  /** The instance will send no more. */
  end(): Verdict {
    this.reader.release();
    if (this.framing === Framing.untilClose) return this.complete();
    return fail(this.hasBytes ? "closed before the response was whole" : "closed without a response");
  }

  private readHead(chunk: Uint8Array): Verdict | undefined {
    const { reader } = this;
    for (let bytes = chunk; bytes.length > 0; ) {
      if (reader.read(bytes, 0, defaultHeadLimits) === Parsed.incomplete) return undefined;
      const parser = reader.parser as ResponseHeadParser;
      const fault = parser.fault === Fault.none && parser.isOdd ? this.repair(parser) : parser.fault;
      if (fault !== Fault.none) return failBy(fault);
      if (parser.status >= 200 || parser.status === 101) return this.start(parser);
      if (++this.interimCount > interimMaxCount) return fail("too many interim responses");
      bytes = reader.bytes.subarray(parser.pos, reader.end);
      reader.release();
    }
    return undefined;
  }

  /** What the data path repairs passes here, too. */
  private repair(parser: ResponseHeadParser): Fault {
    const { reader } = this;
    out.clear();
    const fault = repairResponseHead(reader.bytes, parser.start, parser.pos, out);
    if (fault !== Fault.none) return fault;
    if (reader.replaceHead(out.view(), defaultHeadLimits) === Parsed.faulty) return parser.fault;
    return parser.isOdd ? Fault.badFieldValue : Fault.none;
  }

  private start(parser: ResponseHeadParser): Verdict | undefined {
    const { status, contentLength } = parser;
    this.status = status;
    if (!this.check.successCodes.some(({ first, last }) => status >= first && status <= last)) {
      return fail(`status ${status}`);
    }
    if (status === 204 || status === 304) return this.complete();
    if (parser.isChunked) {
      this.framing = Framing.chunked;
      this.decoder.begin();
    } else if (parser.hasTransferEncoding || contentLength < 0) {
      this.framing = Framing.untilClose;
    } else {
      this.framing = Framing.length;
      this.left = contentLength;
      if (contentLength > bodyMaxBytes) return tooLarge;
      if (contentLength === 0) return this.complete();
    }
    const { reader } = this;
    const { bytes, end } = reader;
    const { pos } = parser;
    reader.release();
    return this.readBody(bytes, pos, end);
  }

  private readBody(bytes: Uint8Array, start: number, end: number): Verdict | undefined {
    if (start === end) return undefined;
    if (this.framing === Framing.length) {
      const stop = Math.min(end, start + this.left);
      this.left -= stop - start;
      this.keep(bytes, start, stop);
      return this.left === 0 ? this.complete() : undefined;
    }
    // "Troubleshoot a Classic Load Balancer: Health checks" (AWS): a body has a Content-Length or is chunked.
    if (this.framing === Framing.untilClose) return fail("a body without Content-Length or chunks");
    const { decoder } = this;
    const parsed = decoder.decode(bytes, start, end);
    if (parsed === Parsed.faulty) return failBy(decoder.fault);
    this.keep(bytes, decoder.dataStart, decoder.dataEnd);
    if (this.bodyBytes > bodyMaxBytes) return tooLarge;
    return parsed === Parsed.complete ? this.complete() : undefined;
  }

  private keep(bytes: Uint8Array, start: number, end: number): void {
    const at = this.bodyBytes;
    this.bodyBytes += end - start;
    if (this.expected === undefined || at >= searchedBytes || start === end) return;
    this.searched ??= Buffer.allocUnsafe(searchedBytes);
    this.searched.set(bytes.subarray(start, Math.min(end, start + searchedBytes - at)), at);
  }

  /** The response is whole and sound. */
  private complete(): Verdict {
    const { expected, searched } = this;
    const hasText = expected === undefined || searched?.subarray(0, this.bodyBytes).includes(expected) === true;
    if (!hasText) return fail(`status ${this.status}, but its body lacks the expected text`);
    return { isHealthy: true, reason: `status ${this.status}` };
  }
}

const fail = (reason: string): Verdict => ({ isHealthy: false, reason });

const tooLarge = fail(`a body of more than ${bodyMaxBytes / 1024 / 1024} MiB`);

const failBy = (fault: Fault): Verdict => {
  if (fault === Fault.badStatusLine) return fail("the answer isn't HTTP/1");
  return fail(`broken response: ${nameOfFault(fault).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`);
};

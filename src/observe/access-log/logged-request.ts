// What an access log says of a request: its line, host, user agent and trace, copied from its head before that is gone.
//
// Filled by an exchange when a head is whole, or refused, and read once when the exchange is over. It holds raw bytes of
// the client's, whatever they are; whoever writes a line escapes them. Used again, so that a request allocates nothing.
import { ByteWriter } from "../../parse/byte-writer.ts";
import { bytesOf, equalsIgnoringCase } from "../../parse/http1/bytes.ts";
import { fieldStride } from "../../parse/http1/head-fields.ts";
import { readRequestLine } from "../../parse/http1/raw-head.ts";
import type { RequestHeadParser } from "../../parse/http1/request-head.ts";

/** A user agent is cut at 8 KB ("Access logs for your Classic Load Balancer", AWS). */
const agentMaxBytes = 8 * 1024;
/** Longer targets, which only a raised limit lets in, are cut too: a line must fit into the writer's buffers. */
const targetMaxBytes = 16 * 1024;
const traceMaxBytes = 512;
const hostMaxBytes = 1024;
/** A buffer that one huge head has made this large isn't kept. */
const keptMaxBytes = 4 * 1024;

const userAgent = bytesOf("user-agent");
const traceparent = bytesOf("traceparent");
const amazonTraceId = bytesOf("x-amzn-trace-id");

const newline = 0x0a;
const carriageReturn = 0x0d;

/** Whose address a client has reached. */
interface Node {
  nodeAddress(): Uint8Array;
}

export class LoggedRequest {
  /** Behind one another: method, target, host, user agent, trace. */
  bytes: Uint8Array = nothing;
  methodEnd = 0;
  targetEnd = 0;
  hostEnd = 0;
  agentEnd = 0;
  traceEnd = 0;
  /** What stands behind the target, such as `HTTP/1.1`. */
  version: Uint8Array = unknownVersion;
  /** The target names scheme and authority itself (RFC 9112 §3.2.2). */
  isAbsolute = false;
  private out: ByteWriter | undefined = undefined;

  /** A line of it can be told. */
  get isKnown(): boolean {
    return this.methodEnd > 0;
  }

  /** Copies what is logged of a whole, sound head; `node` stands in for a host that nobody named. */
  copy(head: RequestHeadParser, bytes: Uint8Array, node: Node): void {
    const out = this.begin();
    const { spans, fieldCount, authorityStart, hostIndex } = head;
    out.putRun(bytes, head.start, head.methodEnd);
    this.methodEnd = out.length;
    out.putRun(bytes, head.targetStart, Math.min(head.targetEnd, head.targetStart + targetMaxBytes));
    this.targetEnd = out.length;
    this.isAbsolute = authorityStart >= 0;
    this.version = head.isBodyOnly ? http09 : head.minorVersion === 0 ? http10 : http11;
    let agentAt = -1;
    let traceAt = -1;
    for (let index = 0, at = 0; index < fieldCount; index++, at += fieldStride) {
      const start = spans[at] as number;
      const end = spans[at + 1] as number;
      const length = end - start;
      if (length === 10) {
        if (agentAt < 0 && equalsIgnoringCase(bytes, start, end, userAgent)) agentAt = at;
      } else if (length === 11) {
        // W3C Trace Context goes before Amazon's own header, which tells of the same.
        if (equalsIgnoringCase(bytes, start, end, traceparent)) traceAt = at;
      } else if (length === 15 && traceAt < 0 && equalsIgnoringCase(bytes, start, end, amazonTraceId)) traceAt = at;
    }
    if (!this.isAbsolute) {
      const at = hostIndex * fieldStride;
      if (hostIndex >= 0 && (spans[at + 3] as number) > (spans[at + 2] as number)) {
        this.putValue(bytes, spans, at, hostMaxBytes);
      } else out.put(node.nodeAddress());
    }
    this.hostEnd = out.length;
    if (agentAt >= 0) this.putValue(bytes, spans, agentAt, agentMaxBytes);
    this.agentEnd = out.length;
    if (traceAt >= 0) this.putValue(bytes, spans, traceAt, traceMaxBytes);
    this.end(out);
  }

  /** Copies what can be made out of the first line of a head that was refused, whole or not: `bytes[start, end)`. */
  copyRefused(bytes: Uint8Array, start: number, end: number, node: Node): void {
    const out = this.begin();
    const stop = Math.min(end, start + targetMaxBytes);
    let lineEnd = start;
    while (lineEnd < stop && bytes[lineEnd] !== newline) lineEnd++;
    const isWhole = lineEnd < stop;
    if (lineEnd > start && bytes[lineEnd - 1] === carriageReturn) lineEnd--;
    if (lineEnd > start) {
      const line = readRequestLine(bytes, start, lineEnd);
      out.putRun(bytes, line.methodStart, line.methodEnd);
      this.methodEnd = out.length;
      out.putRun(bytes, line.targetStart, line.targetEnd);
      this.targetEnd = out.length;
      this.version = isWhole ? versionOf(bytes, line.versionStart, line.versionEnd) : unknownVersion;
      if (this.targetEnd > this.methodEnd) out.put(node.nodeAddress());
    }
    this.hostEnd = out.length;
    this.agentEnd = out.length;
    this.end(out);
  }

  /** Nothing is known of the request. */
  clear(): void {
    if (this.methodEnd === 0) return;
    this.methodEnd = 0;
    if (this.bytes.length <= keptMaxBytes) return;
    this.out = undefined;
    this.bytes = nothing;
  }

  private begin(): ByteWriter {
    this.out ??= new ByteWriter(512);
    this.out.clear();
    this.isAbsolute = false;
    this.methodEnd = 0;
    this.targetEnd = 0;
    this.version = unknownVersion;
    return this.out;
  }

  private putValue(bytes: Uint8Array, spans: Int32Array, at: number, maxBytes: number): void {
    const start = spans[at + 2] as number;
    this.out?.putRun(bytes, start, Math.min(spans[at + 3] as number, start + maxBytes));
  }

  private end(out: ByteWriter): void {
    this.traceEnd = out.length;
    // The writer may have grown into another.
    this.bytes = out.bytes;
  }
}

const nothing = new Uint8Array(0);
const unknownVersion = bytesOf("-");
const http09 = bytesOf("HTTP/0.9");
const http10 = bytesOf("HTTP/1.0");
const http11 = bytesOf("HTTP/1.1");

/** A version as it was sent, where it looks like one at all. */
const versionOf = (bytes: Uint8Array, start: number, end: number): Uint8Array => {
  if (start === end) return unknownVersion;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, 16)).toString("latin1");
  return /^HTTP\/\d\.\d$/.test(text) ? bytesOf(text) : unknownVersion;
};

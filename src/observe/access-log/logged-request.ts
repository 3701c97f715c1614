// What an access log says of a request: where its line, host, user agent and trace stand in its head.
//
// Filled by an exchange when a head is whole, or refused, and read once when the exchange is over. It holds raw bytes of
// the client's, whatever they are; whoever writes a line escapes them. A small head that came alone is kept as it is, another small one
// copied, and of a large one what is logged.
// Used again, so that a request allocates nothing.
import { bytesOf, equalsIgnoringCase } from "../../parse/http1/bytes.ts";
import { fieldStride } from "../../parse/http1/head-fields.ts";
import { readRequestLine } from "../../parse/http1/raw-head.ts";
import type { RequestHeadParser } from "../../parse/http1/request-head.ts";
import { FixedText } from "./fixed-text.ts";

/** A user agent is cut at 8 KB ("Access logs for your Classic Load Balancer", AWS). */
const agentMaxBytes = 8 * 1024;
/** Longer targets, which only a raised limit lets in, are cut too: a line must fit into the writer's buffers. */
const targetMaxBytes = 16 * 1024;
const traceMaxBytes = 512;
const hostMaxBytes = 1024;
/** A larger buffer would be held for as long as a request takes. */
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
  /** Method, target, user agent and trace stand here; each lasts from its start to its end and is empty where there is none. */
  bytes: Uint8Array = nothing;
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  agentStart = 0;
  agentEnd = 0;
  traceStart = 0;
  traceEnd = 0;
  /** The host stands here: where the others do, or apart. */
  hostBytes: Uint8Array = nothing;
  hostStart = 0;
  hostEnd = 0;
  /** What stands behind the target, such as `HTTP/1.1`. */
  version: FixedText = unknownVersion;
  /** The target names scheme and authority itself (RFC 9112 §3.2.2). */
  isAbsolute = false;

  /** A line of it can be told. */
  get isKnown(): boolean {
    return this.methodEnd > this.methodStart;
  }

  /** How many of the client's bytes a line has, at most. */
  get lineBytes(): number {
    return (
      this.methodEnd -
      this.methodStart +
      (this.targetEnd - this.targetStart) +
      (this.hostEnd - this.hostStart) +
      (this.agentEnd - this.agentStart)
    );
  }

  /**
   * Notes what is logged of a whole, sound head; `node` stands in for a host that nobody named. `isAlone`: nothing stands
   * behind it in the same bytes, so that these stay as they are.
   */
  note(head: RequestHeadParser, bytes: Uint8Array, isAlone: boolean, node: Node): void {
    const { spans, fieldCount, authorityStart, hostIndex } = head;
    const isLarge = head.pos - head.start > keptMaxBytes;
    const isCopied = !isLarge && !(isAlone && bytes.length <= keptMaxBytes);
    /** How far a copy's bytes stand in front of where they came. */
    const shift = isCopied ? head.start : 0;
    const kept = isCopied ? new Uint8Array(bytes.subarray(shift, head.pos)) : bytes;
    this.bytes = kept;
    this.methodStart = head.start - shift;
    this.methodEnd = head.methodEnd - shift;
    this.targetStart = head.targetStart - shift;
    this.targetEnd = Math.min(head.targetEnd - shift, this.targetStart + targetMaxBytes);
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
    const hostAt = hostIndex * fieldStride;
    if (this.isAbsolute) this.setHost(kept, 0, 0);
    else if (hostIndex >= 0 && (spans[hostAt + 3] as number) > (spans[hostAt + 2] as number)) {
      const start = (spans[hostAt + 2] as number) - shift;
      this.setHost(kept, start, Math.min((spans[hostAt + 3] as number) - shift, start + hostMaxBytes));
    } else this.setNode(node);
    this.agentStart = agentAt < 0 ? 0 : (spans[agentAt + 2] as number) - shift;
    this.agentEnd = agentAt < 0 ? 0 : Math.min((spans[agentAt + 3] as number) - shift, this.agentStart + agentMaxBytes);
    this.traceStart = traceAt < 0 ? 0 : (spans[traceAt + 2] as number) - shift;
    this.traceEnd = traceAt < 0 ? 0 : Math.min((spans[traceAt + 3] as number) - shift, this.traceStart + traceMaxBytes);
    if (isLarge) this.copyParts();
  }

  /** Copies what can be made out of the first line of a head that was refused, whole or not: `bytes[start, end)`. */
  noteRefused(bytes: Uint8Array, start: number, end: number, node: Node): void {
    this.clear();
    this.version = unknownVersion;
    this.isAbsolute = false;
    this.setHost(nothing, 0, 0);
    this.agentEnd = this.agentStart;
    this.traceEnd = this.traceStart;
    const kept = new Uint8Array(bytes.subarray(start, Math.min(end, start + targetMaxBytes)));
    const newlineAt = kept.indexOf(newline);
    let lineEnd = newlineAt < 0 ? kept.length : newlineAt;
    if (lineEnd > 0 && kept[lineEnd - 1] === carriageReturn) lineEnd--;
    if (lineEnd === 0) return;
    const line = readRequestLine(kept, 0, lineEnd);
    this.bytes = kept;
    this.methodStart = line.methodStart;
    this.methodEnd = line.methodEnd;
    this.targetStart = line.targetStart;
    this.targetEnd = line.targetEnd;
    if (newlineAt >= 0) this.version = versionOf(kept, line.versionStart, line.versionEnd);
    if (this.targetEnd > this.targetStart) this.setNode(node);
  }

  /** Nothing is known of the request; keeps nothing of a client's alive. */
  clear(): void {
    this.bytes = nothing;
    this.hostBytes = nothing;
    this.methodStart = 0;
    this.methodEnd = 0;
  }

  /** Lets a large head go: keeps copies of what is logged, one behind the other. */
  private copyParts(): void {
    const { bytes } = this;
    const copy = new Uint8Array(this.lineBytes + this.traceEnd - this.traceStart);
    let end = 0;
    const put = (from: Uint8Array, partStart: number, partEnd: number): number => {
      const start = end;
      copy.set(from.subarray(partStart, partEnd), start);
      end += partEnd - partStart;
      return start;
    };
    this.methodStart = put(bytes, this.methodStart, this.methodEnd);
    this.methodEnd = end;
    this.targetStart = put(bytes, this.targetStart, this.targetEnd);
    this.targetEnd = end;
    this.setHost(copy, put(this.hostBytes, this.hostStart, this.hostEnd), end);
    this.agentStart = put(bytes, this.agentStart, this.agentEnd);
    this.agentEnd = end;
    this.traceStart = put(bytes, this.traceStart, this.traceEnd);
    this.traceEnd = end;
    this.bytes = copy;
  }

  private setHost(bytes: Uint8Array, start: number, end: number): void {
    this.hostBytes = bytes;
    this.hostStart = start;
    this.hostEnd = end;
  }

  private setNode(node: Node): void {
    const address = node.nodeAddress();
    this.setHost(address, 0, address.length);
  }
}

const nothing = new Uint8Array(0);
const unknownVersion = new FixedText("-");
const http09 = new FixedText("HTTP/0.9");
const http10 = new FixedText("HTTP/1.0");
const http11 = new FixedText("HTTP/1.1");

/** A version as it was sent, where it looks like one at all. */
const versionOf = (bytes: Uint8Array, start: number, end: number): FixedText => {
  if (start === end) return unknownVersion;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, 16)).toString("latin1");
  return /^HTTP\/\d\.\d$/.test(text) ? new FixedText(text) : unknownVersion;
};

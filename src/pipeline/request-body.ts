// A request's body on its way to the instance: framed once more by us, never gathered whole.
//
// Owns the count of what is still to come. The session decides where bytes come from and when to stop reading.
import type { Transport } from "../net/transport.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { ChunkedDecoder } from "../parse/http1/chunked.ts";
import { Parsed } from "../parse/http1/head.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import { sendChunk } from "./chunk-writer.ts";

const scratch = new ByteWriter(4096);

export class RequestBody {
  /** Every byte of the body has been handed on, or there is none. */
  isDone = true;
  /** Any byte of it has been handed on: the request can't be sent again. */
  hasBegun = false;
  /** The body's own framing was broken; nothing more of it is sent. */
  isFaulty = false;
  /** Behind `send`: the first byte of the buffer that isn't the body's. */
  pos = 0;
  /** Bytes of it that have come, framing included. */
  receivedBytes = 0;
  private left = 0;
  private isChunked = false;
  private decoder: ChunkedDecoder | undefined = undefined;

  /** Forgets a body, as if there were none. */
  reset(): void {
    this.isDone = true;
    this.hasBegun = false;
    this.isFaulty = false;
    this.receivedBytes = 0;
  }

  begin(head: RequestHeadParser): void {
    this.isChunked = head.isChunked;
    this.left = head.isChunked || head.contentLength < 0 ? 0 : head.contentLength;
    this.isDone = !this.isChunked && this.left === 0;
    this.hasBegun = false;
    this.isFaulty = false;
    this.receivedBytes = 0;
    if (this.isChunked) {
      this.decoder ??= new ChunkedDecoder();
      this.decoder.begin();
    }
  }

  /** Sends what of `bytes[start, end)` belongs to the body; false when the instance can't take more now. */
  send(bytes: Uint8Array, start: number, end: number, to: Transport): boolean {
    this.hasBegun = true;
    if (!this.isChunked) {
      this.take(start, end);
      return to.write(bytes.subarray(start, this.pos));
    }
    const decoder = this.decode(bytes, start, end);
    if (this.isFaulty) return false;
    sendChunk(bytes, decoder.dataStart, decoder.dataEnd, this.isDone, scratch, to);
    return to.isWritable;
  }

  /** Counts what of `bytes[start, end)` belongs to the body without sending it anywhere. */
  skip(bytes: Uint8Array, start: number, end: number): void {
    if (this.isChunked) this.decode(bytes, start, end);
    else this.take(start, end);
  }

  private take(start: number, end: number): void {
    this.pos = Math.min(end, start + this.left);
    this.left -= this.pos - start;
    this.receivedBytes += this.pos - start;
    this.isDone = this.left === 0;
  }

  private decode(bytes: Uint8Array, start: number, end: number): ChunkedDecoder {
    const decoder = this.decoder as ChunkedDecoder;
    const parsed = decoder.decode(bytes, start, end);
    if (parsed !== Parsed.faulty) {
      this.pos = decoder.pos;
      this.receivedBytes += this.pos - start;
    }
    this.isDone = parsed === Parsed.complete;
    this.isFaulty = parsed === Parsed.faulty;
    return decoder;
  }
}

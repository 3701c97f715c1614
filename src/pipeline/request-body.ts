// A request's body on its way to the instance: framed once more by us, never gathered whole.
//
// Owns the count of what is still to come. The exchange decides where bytes come from and when to stop reading.
import type { Transport } from "../net/transport.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { ChunkedDecoder } from "../parse/http1/chunked.ts";
import { Parsed } from "../parse/http1/head.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import { brokenBody, joinMaxBytes, sendChunk, sendChunks, sendSpan } from "./chunk-writer.ts";

/** Heads and framing are written here; nothing in it outlives the callback. */
const out = new ByteWriter(4096);

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
  private length = 0;
  private left = 0;
  private isChunked = false;
  private canRewind = false;
  /** It comes with a length and goes on in chunks: its codings other than `chunked` ask for that (RFC 9112 §6.1). */
  private isRechunked = false;
  private decoder: ChunkedDecoder | undefined = undefined;

  /** Forgets a body, as if there were none. */
  reset(): void {
    this.isDone = true;
    this.hasBegun = false;
    this.isFaulty = false;
    this.receivedBytes = 0;
    this.isChunked = false;
    this.isRechunked = false;
    this.left = 0;
  }

  /** Begins the body that a head announces. */
  begin(head: RequestHeadParser): void {
    this.isChunked = head.isChunked;
    this.length = head.isChunked || head.contentLength < 0 ? 0 : head.contentLength;
    this.left = this.length;
    // A decoder can't be taken back, nor what goes out in several writes.
    this.canRewind = !this.isChunked && !head.hasOtherCodings;
    this.isDone = !this.isChunked && this.left === 0;
    if (this.isDone) return;
    this.isRechunked = !head.isChunked && head.hasOtherCodings;
    if (this.isChunked) {
      this.decoder ??= new ChunkedDecoder();
      this.decoder.begin(true, head.nominated);
    }
  }

  /** How much of it is still to come at the least, in bytes: in chunks it may be any amount. */
  get leastLeftBytes(): number {
    if (this.isChunked) return this.isDone ? 0 : 1;
    return this.left;
  }

  /** Sends what of `bytes[start, end)` belongs to the body; false when the instance can't take more now. */
  send(bytes: Uint8Array, start: number, end: number, to: Transport): boolean {
    this.hasBegun = true;
    if (this.isChunked || this.isRechunked) return this.sendFramed(bytes, start, end, to);
    this.take(start, end);
    const { pos } = this;
    return sendSpan(bytes, start, pos, to);
  }

  /**
   * Sends a head and, like {@link send}, what has come of the body behind it: in one write unless that is much.
   *
   * *Details*: when the body is broken from the start, nothing is sent.
   */
  sendBehind(head: ByteWriter, bytes: Uint8Array, start: number, end: number, to: Transport): boolean {
    this.hasBegun = true;
    out.clear();
    out.putRun(head.bytes, 0, head.length);
    if (this.isChunked || this.isRechunked) return this.sendFramed(bytes, start, end, to);
    this.take(start, end);
    const { pos } = this;
    if (pos - start > joinMaxBytes) {
      out.clear();
      to.writeCopy(head.bytes, head.length);
      // Once the head has gone out, the request can't be taken back.
      if (to.isBroken) return false;
      this.canRewind = false;
      return to.write(bytes.subarray(start, pos));
    }
    out.putRun(bytes, start, pos);
    const isTaken = to.writeCopy(out.bytes, out.length);
    out.clear();
    return isTaken;
  }

  /** Takes back what was handed on, after a first write that sent nothing; false when that can't be done. */
  rewind(): boolean {
    if (!this.canRewind) return !this.hasBegun;
    this.left = this.length;
    this.isDone = this.left === 0;
    this.hasBegun = false;
    this.receivedBytes = 0;
    return true;
  }

  /** Counts what of `bytes[start, end)` belongs to the body without sending it anywhere. */
  skip(bytes: Uint8Array, start: number, end: number): void {
    if (!this.isChunked) {
      this.take(start, end);
      return;
    }
    const decoder = this.decoder as ChunkedDecoder;
    let pos = start;
    do {
      if (decoder.decode(bytes, pos, end) === Parsed.faulty) {
        this.isFaulty = true;
        return;
      }
      pos = decoder.pos;
    } while (pos < end && !decoder.isDone);
    this.note(decoder, start);
  }

  private take(start: number, end: number): void {
    this.pos = Math.min(end, start + this.left);
    this.left -= this.pos - start;
    this.receivedBytes += this.pos - start;
    this.isDone = this.left === 0;
  }

  /** In chunks, behind the head that `out` may hold. */
  private sendFramed(bytes: Uint8Array, start: number, end: number, to: Transport): boolean {
    if (this.isRechunked) {
      this.take(start, end);
      sendChunk(bytes, start, this.pos, this.isDone, out, to);
    } else {
      const decoder = this.decoder as ChunkedDecoder;
      if (sendChunks(decoder, bytes, start, end, out, to) === brokenBody) {
        this.isFaulty = true;
        out.clear();
        return false;
      }
      this.note(decoder, start);
    }
    return to.isWritable && !to.isBroken;
  }

  private note(decoder: ChunkedDecoder, start: number): void {
    this.pos = decoder.pos;
    this.receivedBytes += this.pos - start;
    this.isDone = decoder.isDone;
  }
}

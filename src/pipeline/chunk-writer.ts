// Sends a piece of a body as one chunk of ours, in as few writes as its size allows (RFC 9112 §7.1).
import type { Transport } from "../net/transport.ts";
import type { ByteWriter } from "../parse/byte-writer.ts";
import { lastChunk, writeChunkEnd, writeChunkStart } from "../parse/http1/chunked.ts";

/** Pieces up to this size are copied behind what goes in front of them: that costs less than a second system call. */
export const joinMaxBytes = 64 * 1024;

/**
 * Sends data as one chunk of ours, in as few writes as its size allows; `out` may hold a head to go in front.
 *
 * *Details*: returns how many bytes went to the transport, framing included.
 */
export const sendChunk = (
  bytes: Uint8Array,
  start: number,
  end: number,
  isLast: boolean,
  out: ByteWriter,
  to: Transport,
): number => {
  const length = end - start;
  let sentBytes = 0;
  if (length > 0) {
    writeChunkStart(length, out);
    if (length > joinMaxBytes) {
      sentBytes += out.length + length;
      to.writeCopy(out.view());
      to.write(bytes.subarray(start, end));
      out.clear();
    } else {
      out.putRun(bytes, start, end);
    }
    writeChunkEnd(out);
  }
  if (isLast) out.put(lastChunk);
  if (out.length > 0) to.writeCopy(out.view());
  sentBytes += out.length;
  out.clear();
  return sentBytes;
};

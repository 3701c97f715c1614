// Sends a piece of a body in chunks, in as few writes as its size allows (RFC 9112 §7.1).
//
// Two ways: `sendChunk` frames data that had no chunks, `sendChunks` passes on the chunks of a body that had. Both write
// behind a head that `out` may hold, and leave `out` empty.
import type { Transport } from "../net/transport.ts";
import type { ByteWriter } from "../parse/byte-writer.ts";
import { type ChunkedDecoder, writeBodyEnd, writeChunkEnd, writeChunkStart } from "../parse/http1/chunked.ts";
import { Parsed } from "../parse/http1/head.ts";

/** Pieces up to this size are copied behind what goes in front of them: that costs less than a second system call. */
export const joinMaxBytes = 64 * 1024;

/**
 * Sends data as one chunk of ours; `isLast` ends the body, without trailers.
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
  let sentBytes = 0;
  if (end > start) {
    writeChunkStart(end - start, out);
    sentBytes = sendBehind(bytes, start, end, out, to);
    writeChunkEnd(out);
  }
  if (isLast) writeBodyEnd(undefined, out);
  return sentBytes + flush(out, to);
};

/** What {@link sendChunks} answers for a broken body. */
export const brokenBody = -1;

/**
 * Passes on what `bytes[start, end)` holds of a chunked body, as the same chunks, and its trailers behind the last.
 *
 * *Details*: the decoder was begun with framing; `decoder.isDone` and `decoder.pos` say where the body stands. Returns
 * how many bytes went to the transport, or {@link brokenBody}: then `decoder.fault` says why, nothing of these bytes
 * was sent, and `out` holds what it held.
 */
export const sendChunks = (
  decoder: ChunkedDecoder,
  bytes: Uint8Array,
  start: number,
  end: number,
  out: ByteWriter,
  to: Transport,
): number => {
  let sentBytes = 0;
  let pos = start;
  // Once, but for a chunk so long that it goes on in parts.
  do {
    const parsed = decoder.decode(bytes, pos, end);
    if (parsed === Parsed.faulty) return brokenBody;
    pos = decoder.pos;
    if (decoder.announcesBytes >= 0) {
      if (decoder.endsChunkFirst) writeChunkEnd(out);
      writeChunkStart(decoder.announcesBytes, out);
    }
    const { dataStart, dataEnd } = decoder;
    const writesEnd = parsed === Parsed.complete && !decoder.isEndIncluded;
    if (dataEnd > dataStart) {
      if (out.length > 0 || (writesEnd && dataEnd - dataStart <= joinMaxBytes)) {
        sentBytes += sendBehind(bytes, dataStart, dataEnd, out, to);
      } else {
        sentBytes += dataEnd - dataStart;
        sendSpan(bytes, dataStart, dataEnd, to);
      }
    }
    if (writesEnd) {
      writeBodyEnd(decoder.trailers, out);
      decoder.trailers = undefined;
    }
    sentBytes += flush(out, to);
  } while (pos < end && !decoder.isDone);
  return sentBytes;
};

/** Sends `bytes[start, end)`, which the transport may keep, of a read that nobody looks at any more. */
export const sendSpan = (bytes: Uint8Array, start: number, end: number, to: Transport): boolean =>
  start === 0 && end === bytes.length ? to.writeOwned(bytes) : to.write(bytes.subarray(start, end));

/** Puts a piece behind what `out` holds: copied when that is the cheaper way, else written behind it. */
const sendBehind = (bytes: Uint8Array, start: number, end: number, out: ByteWriter, to: Transport): number => {
  const length = end - start;
  if (length <= joinMaxBytes) {
    out.putRun(bytes, start, end);
    return 0;
  }
  const sentBytes = flush(out, to) + length;
  to.write(bytes.subarray(start, end));
  return sentBytes;
};

const flush = (out: ByteWriter, to: Transport): number => {
  const sentBytes = out.length;
  if (sentBytes > 0) to.writeCopy(out.bytes, out.length);
  out.clear();
  return sentBytes;
};

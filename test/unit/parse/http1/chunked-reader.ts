// Reads a chunked body from pieces and says in one line what was read, or passed on. Neighbours of each piece must stay
// untouched.
import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { ChunkedDecoder, writeBodyEnd, writeChunkEnd, writeChunkStart } from "../../../../src/parse/http1/chunked.ts";
import { nameOfFault } from "../../../../src/parse/http1/fault.ts";
import { Parsed } from "../../../../src/parse/http1/head.ts";
import { joinPieces, type Pieces, wholeText } from "./splits.ts";

const guard = 0xc3;
const behind = 5;

/** Decodes each piece at `offset` of a buffer of its own. */
export const readChunked =
  (offset = 0, decoder = new ChunkedDecoder()) =>
  (pieces: Pieces): string => {
    const data: Array<Uint8Array> = [];
    decoder.begin();
    for (const [index, piece] of pieces.entries()) {
      const bytes = new Uint8Array(offset + piece.length + behind).fill(guard);
      bytes.set(piece, offset);
      const end = offset + piece.length;
      const parsed = decoder.decode(bytes, offset, end);
      if (parsed === Parsed.faulty) return `fault ${nameOfFault(decoder.fault)}`;
      const { dataStart, dataEnd, pos } = decoder;
      if (dataStart < offset || dataStart > dataEnd || dataEnd > pos || pos > end) {
        return `offsets out of order: ${dataStart} ${dataEnd} ${pos} in ${offset}–${end}`;
      }
      if (bytes.some((byte, at) => (at < offset || at >= end) && byte !== guard)) return "wrote beyond its bytes";
      if (bytes.subarray(pos, end).some((byte, at) => byte !== piece[pos - offset + at]))
        return "changed what is behind";
      data.push(bytes.slice(dataStart, dataEnd));
      if (parsed === Parsed.complete) {
        const rest = joinPieces([bytes.subarray(pos, end), ...pieces.slice(index + 1)]);
        return `"${wholeText(joinPieces(data))}" + "${wholeText(rest)}"`;
      }
      if (pos !== end) return `stopped at ${pos} of ${end}`;
    }
    return `"${wholeText(joinPieces(data))}"…`;
  };

export interface PassOnOptions {
  readonly offset?: number;
  readonly partMaxBytes?: number;
  readonly nominated?: ReadonlySet<string>;
  /** Looks at everything that went on so far, behind each piece. */
  readonly watch?: (sent: string) => void;
}

/** Passes on each piece as chunks, and says what went on and what was left: `sent` + `rest`, `sent`…, or the fault. */
export const passOnChunks =
  ({ offset = 0, partMaxBytes, nominated, watch }: PassOnOptions = {}) =>
  (pieces: Pieces): string => {
    const decoder = new ChunkedDecoder(partMaxBytes);
    const out = new ByteWriter();
    decoder.begin(true, nominated);
    for (const [index, piece] of pieces.entries()) {
      const bytes = new Uint8Array(offset + piece.length + behind).fill(guard);
      bytes.set(piece, offset);
      const end = offset + piece.length;
      let pos = offset;
      do {
        const parsed = decoder.decode(bytes, pos, end);
        if (parsed === Parsed.faulty) return `fault ${nameOfFault(decoder.fault)}`;
        const { dataStart, dataEnd, announcesBytes, endsChunkFirst } = decoder;
        if (dataStart < pos || dataStart > dataEnd || dataEnd > decoder.pos || decoder.pos > end) {
          return `offsets out of order: ${dataStart} ${dataEnd} ${decoder.pos} in ${pos}–${end}`;
        }
        if (endsChunkFirst) writeChunkEnd(out);
        if (announcesBytes >= 0) writeChunkStart(announcesBytes, out);
        out.putRun(bytes, dataStart, dataEnd);
        if (parsed === Parsed.complete && !decoder.isEndIncluded) writeBodyEnd(decoder.trailers, out);
        pos = decoder.pos;
      } while (pos < end && !decoder.isDone);
      if (bytes.some((byte, at) => (at < offset || at >= end) && byte !== guard)) return "wrote beyond its bytes";
      watch?.(wholeText(out.view()));
      if (decoder.isDone) {
        const rest = joinPieces([bytes.subarray(pos, end), ...pieces.slice(index + 1)]);
        return `${wholeText(out.view())} + ${wholeText(rest)}`;
      }
    }
    return `${wholeText(out.view())}…`;
  };

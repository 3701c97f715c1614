// Reads a chunked body from pieces and says in one line what was read. Neighbours of each piece must stay untouched.
import { ChunkedDecoder } from "../../../../src/parse/http1/chunked.ts";
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

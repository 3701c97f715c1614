// Reads heads from pieces and says in one line what was read, so that cases are text on both sides.
//
// A piece that was taken in is overwritten at once: a parser that still looks at it is caught.

import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { textOf } from "../../../../src/parse/http1/bytes.ts";
import { Fault, nameOfFault } from "../../../../src/parse/http1/fault.ts";
import { type HeadParser, Parsed } from "../../../../src/parse/http1/head.ts";
import { fieldStride } from "../../../../src/parse/http1/head-fields.ts";
import { type HeadReader, makeRequestReader, makeResponseReader } from "../../../../src/parse/http1/head-reader.ts";
import { defaultHeadLimits, type HeadLimits } from "../../../../src/parse/http1/limits.ts";
import { RequestHeadParser } from "../../../../src/parse/http1/request-head.ts";
import { ResponseHeadParser } from "../../../../src/parse/http1/response-head.ts";
import { repairResponseHead } from "../../../../src/parse/http1/response-repair.ts";
import { screenRequest } from "../../../../src/parse/http1/screen.ts";
import { joinPieces, type Pieces, wholeText } from "./splits.ts";

const poison = 0xbd;
const lead = 3;

/** What became of a head: a line that describes it, `fault …`, or `incomplete`. */
const readWith = <P extends HeadParser>(
  reader: HeadReader<P>,
  pieces: Pieces,
  onHead: (parser: P, bytes: Uint8Array, rest: string) => string,
): string => {
  try {
    for (const [index, piece] of pieces.entries()) {
      // Behind other bytes, as a pipelined head lies: offsets must move when the head gets a buffer of its own.
      const chunk = new Uint8Array(lead + piece.length).fill(poison);
      chunk.set(piece, lead);
      const parsed = reader.read(chunk, lead, defaultHeadLimits);
      if (parsed === Parsed.incomplete) {
        chunk.fill(poison);
        continue;
      }
      const parser = reader.parser as P;
      if (parsed === Parsed.faulty) return `fault ${nameOfFault(parser.fault)}`;
      const rest = joinPieces([reader.bytes.subarray(parser.pos, reader.end), ...pieces.slice(index + 1)]);
      return onHead(parser, reader.bytes, wholeText(rest));
    }
    return "incomplete";
  } finally {
    reader.release();
  }
};

const describeFields = (head: HeadParser, bytes: Uint8Array): string => {
  const fields: Array<string> = [];
  for (let at = 0; at < head.fieldCount * fieldStride; at += fieldStride) {
    const [nameStart, nameEnd, valueStart, valueEnd] = head.spans.subarray(at, at + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    fields.push(`${textOf(bytes, nameStart, nameEnd)}: ${textOf(bytes, valueStart, valueEnd)}`);
  }
  return `[${fields.join("; ")}]`;
};

const describeFraming = (head: HeadParser): string => {
  const words: Array<string> = [];
  if (head.contentLength >= 0) words.push(`length ${head.contentLength}`);
  if (head.isChunked) words.push("chunked");
  if (head.hasOtherCodings) words.push(`coded ${wholeText(head.otherCodings)}`);
  if (head.saysClose) words.push("close");
  if (head.saysKeepAlive) words.push("keep-alive");
  if (head.nominated !== undefined) words.push(`nominates ${[...head.nominated].join("+")}`);
  const uneven = Array.from({ length: head.fieldCount }, (_, index) => index).filter((index) => head.isUneven[index]);
  if (uneven.length > 0) words.push(`uneven ${uneven.join("+")}`);
  return words.map((word) => `, ${word}`).join("");
};

const describeOdd = (rest: string): string => (rest === "" ? "odd" : `odd, rest ${JSON.stringify(rest)}`);

export const describeRequest = (head: RequestHeadParser, bytes: Uint8Array, rest = ""): string => {
  const words: Array<string> = [];
  if (head.isOdd) return describeOdd(rest);
  if (head.wantsTrailers) words.push("trailers");
  if (head.upgradesToWebSocket) words.push("websocket");
  if (head.isHead) words.push("HEAD");
  if (head.expectsContinue) words.push("continue");
  if (head.authorityStart >= 0) words.push(`authority ${textOf(bytes, head.authorityStart, head.authorityEnd)}`);
  if (rest !== "") words.push(`rest ${JSON.stringify(rest)}`);
  const method = textOf(bytes, head.start, head.methodEnd);
  const target = textOf(bytes, head.targetStart, head.targetEnd);
  const line = `${method} ${target} 1.${head.minorVersion} ${describeFields(head, bytes)}${describeFraming(head)}`;
  return line + words.map((word) => `, ${word}`).join("");
};

export const describeResponse = (head: ResponseHeadParser, bytes: Uint8Array, rest = ""): string => {
  const words: Array<string> = [];
  if (head.isOdd) return describeOdd(rest);
  if (!head.isPlainStatusLine) words.push("not plain");
  if (head.keepsAlive) words.push("keeps");
  if (rest !== "") words.push(`rest ${JSON.stringify(rest)}`);
  const reason = textOf(bytes, head.start + 12, head.reasonEnd);
  const line = `${head.status} 1.${head.minorVersion} "${reason}" ${describeFields(head, bytes)}${describeFraming(head)}`;
  return line + words.map((word) => `, ${word}`).join("");
};

export const readRequest = (pieces: Pieces): string => readWith(makeRequestReader(), pieces, describeRequest);
export const readResponse = (pieces: Pieces): string => readWith(makeResponseReader(), pieces, describeResponse);

/** Reads a head through a reader, has an odd one repaired, and gives it to `onHead`. */
export const withRequest = (
  pieces: Pieces,
  onHead: (head: RequestHeadParser, bytes: Uint8Array, rest: string) => string,
): string => {
  const reader = makeRequestReader();
  return readWith(reader, pieces, (parser, bytes, rest) => {
    if (!parser.isOdd) return onHead(parser, bytes, rest);
    const { fault } = screenRequest(reader, "monitor", defaultHeadLimits);
    return fault === Fault.none ? onHead(parser, reader.bytes, rest) : `fault ${nameOfFault(fault)}`;
  });
};
export const withResponse = (
  pieces: Pieces,
  onHead: (head: ResponseHeadParser, bytes: Uint8Array, rest: string) => string,
): string => {
  const reader = makeResponseReader();
  return readWith(reader, pieces, (parser, bytes, rest) => {
    if (!parser.isOdd) return onHead(parser, bytes, rest);
    const repaired = new ByteWriter();
    const fault = repairResponseHead(bytes, parser.start, parser.pos, repaired);
    if (fault !== Fault.none) return `fault ${nameOfFault(fault)}`;
    if (reader.replaceHead(repaired.view(), defaultHeadLimits) === Parsed.faulty)
      return `fault ${nameOfFault(parser.fault)}`;
    return parser.isOdd ? "fault badFieldValue" : onHead(parser, reader.bytes, rest);
  });
};

/** Drives a parser itself, in one buffer at `offset`, behind which tempting line ends stand that have not come yet. */
const parseInPlace = <P extends HeadParser>(
  parser: P,
  pieces: Pieces,
  offset: number,
  limits: HeadLimits | undefined,
  onHead: (parser: P, bytes: Uint8Array, rest: string) => string,
): string => {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = new Uint8Array(offset + length + 16).fill(0x0a);
  let end = offset;
  parser.begin(offset, limits);
  for (const [index, piece] of pieces.entries()) {
    bytes.set(piece, end);
    end += piece.length;
    const parsed = parser.parse(bytes, end);
    if (parsed === Parsed.faulty) return `fault ${nameOfFault(parser.fault)}`;
    if (parsed === Parsed.incomplete) continue;
    const rest = joinPieces([bytes.subarray(parser.pos, end), ...pieces.slice(index + 1)]);
    return onHead(parser, bytes, wholeText(rest));
  }
  return "incomplete";
};

export const parseRequestInPlace =
  (offset = 0, limits?: HeadLimits) =>
  (pieces: Pieces): string =>
    parseInPlace(new RequestHeadParser(), pieces, offset, limits, describeRequest);

export const parseResponseInPlace =
  (offset = 0, limits?: HeadLimits) =>
  (pieces: Pieces): string =>
    parseInPlace(new ResponseHeadParser(), pieces, offset, limits, describeResponse);

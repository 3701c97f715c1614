// Cuts a request head into lines and words without judging it: the slow path's reading of heads that the strict pass
// calls odd.
//
// It sees the words that AWS's http-desync-guardian sees (its `parse_request_line` and `parse_headers`), so that
// `judge.ts` can tell a class and `repair.ts` can write the head anew. Linear in the bytes. It owns no bytes, changes
// none, and refuses nothing.
import { COLON, CR, isBlank, isTokenByte, LF, SP, skipBlanks } from "./bytes.ts";
import { beginsAsVersion } from "./start-line.ts";

/** One line behind the request line: offsets into the head's buffer, nothing trimmed. */
export interface RawLine {
  readonly start: number;
  /** Where the name ends: at the first colon, or where the line ends when it has none. */
  readonly nameEnd: number;
  /** Behind the colon, blanks and all; equals `end` when there is no colon. */
  readonly valueStart: number;
  /** Before the line's CR LF or LF. */
  readonly end: number;
  /** Whether it begins with SP or HTAB (RFC 9112 §5.2, obs-fold). */
  readonly isFold: boolean;
  readonly hasColon: boolean;
  /** Whether an LF without CR ended it, or nothing did. */
  readonly isBareLf: boolean;
  /** Of a fold: the index of the last line before it that is no fold and has a colon, or -1. */
  readonly header: number;
}

/** How a head's bytes end: with its empty line, between two lines, or in the middle of one. */
export const RawEnding = { emptyLine: 0, noEmptyLine: 1, cutLine: 2 } as const;
/** One of {@link RawEnding}'s codes. */
export type RawEnding = (typeof RawEnding)[keyof typeof RawEnding];

/** The words of a request line; offsets, blanks not trimmed, each span empty when the word isn't there. */
export interface RawRequestLine {
  readonly methodStart: number;
  readonly methodEnd: number;
  readonly targetStart: number;
  readonly targetEnd: number;
  readonly versionStart: number;
  readonly versionEnd: number;
  /** False when there is no SP in it: one word, which can't be a request. */
  readonly hasBlank: boolean;
  /** Whether it names no version: then it is a whole HTTP/0.9 request, and no header lines follow. */
  readonly isVersionless: boolean;
  /** Whether there is no target, or none but blanks. */
  readonly lacksTarget: boolean;
}

/** A request head as lines and words. */
export interface RawHead extends RawRequestLine {
  readonly start: number;
  /** The first byte behind the head. */
  readonly end: number;
  /** Whether the request line ended in an LF without CR. */
  readonly isRequestLineBareLf: boolean;
  /** Whether the empty line that ends the head is an LF without CR. */
  readonly isEmptyLineBareLf: boolean;
  readonly lines: ReadonlyArray<RawLine>;
  readonly ending: RawEnding;
}

/** Where the last word of `bytes[start, end)` begins; bytes behind it that are no token's belong to it. */
const lastWord = (bytes: Uint8Array, start: number, end: number): number => {
  let at = end - 1;
  let isBehind = true;
  while (at > start && (bytes[at] !== SP || isBehind)) {
    if (isTokenByte[bytes[at] as number] === 1) isBehind = false;
    at--;
  }
  return bytes[at] === SP ? at + 1 : at;
};

/**
 * Splits the request line in `bytes[start, end)` (without its line end): up to the first SP the method, behind the last
 * SP the version, between them the target. A line with one SP and no `HTTP/1.` behind it has no version.
 */
export const readRequestLine = (bytes: Uint8Array, start: number, end: number): RawRequestLine => {
  let methodEnd = start;
  while (methodEnd < end && bytes[methodEnd] !== SP) methodEnd++;
  const hasBlank = methodEnd < end;
  const rest = hasBlank ? methodEnd + 1 : end;
  let targetEnd = end;
  let versionStart = end;
  if (rest < end) {
    versionStart = lastWord(bytes, rest, end);
    // The SP before the version is there unless the word begins where the rest does.
    targetEnd = Math.max(rest, versionStart - 1);
    if (versionStart === rest && !beginsAsVersion(bytes, rest, end)) {
      targetEnd = end;
      versionStart = end;
    }
  }
  return {
    methodStart: start,
    methodEnd,
    targetStart: rest,
    targetEnd,
    versionStart,
    versionEnd: end,
    hasBlank,
    isVersionless: skipBlanks(bytes, versionStart, end) === end,
    lacksTarget: skipBlanks(bytes, rest, targetEnd) === targetEnd,
  };
};

/** Where the line that begins at `start` ends: the offset of its LF, or `end`. */
const lineFeed = (bytes: Uint8Array, start: number, end: number): number => {
  const at = bytes.indexOf(LF, start);
  return at < 0 || at >= end ? end : at;
};

/**
 * Reads the head in `bytes[start, end)`; bytes behind its end may be there too.
 *
 * *Details*: the head ends with its first empty line, or with a request line that names no version.
 */
export const readRawHead = (bytes: Uint8Array, start: number, end: number): RawHead => {
  let feed = lineFeed(bytes, start, end);
  let isBareLf = !(feed > start && bytes[feed - 1] === CR);
  const requestLine = readRequestLine(bytes, start, isBareLf ? feed : feed - 1);
  const lines: Array<RawLine> = [];
  const isRequestLineBareLf = isBareLf;
  let at = Math.min(feed + 1, end);
  let ending: RawEnding = RawEnding.emptyLine;
  let header = -1;
  let isEmptyLineBareLf = false;
  while (!requestLine.isVersionless) {
    feed = lineFeed(bytes, at, end);
    isBareLf = !(feed > at && bytes[feed - 1] === CR);
    const lineStart = at;
    const lineEnd = isBareLf ? feed : feed - 1;
    at = Math.min(feed + 1, end);
    if (lineEnd === lineStart) {
      // Nothing at all behind the last line end is no empty line, unless the request line was the last.
      if (lineStart === end && lines.length > 0) ending = RawEnding.noEmptyLine;
      else isEmptyLineBareLf = isBareLf;
      break;
    }
    const isFold = isBlank(bytes[lineStart]);
    let nameEnd = lineStart;
    while (nameEnd < lineEnd && bytes[nameEnd] !== COLON) nameEnd++;
    const hasColon = nameEnd < lineEnd;
    if (!isFold && hasColon) header = lines.length;
    lines.push({
      start: lineStart,
      nameEnd,
      valueStart: hasColon ? nameEnd + 1 : lineEnd,
      end: lineEnd,
      isFold,
      hasColon,
      isBareLf,
      header: isFold ? header : -1,
    });
    if (feed === end) {
      ending = RawEnding.cutLine;
      break;
    }
  }
  return { ...requestLine, start, end: at, isRequestLineBareLf, isEmptyLineBareLf, lines, ending };
};

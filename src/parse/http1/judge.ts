// Desync mitigation: what AWS's http-desync-guardian says of a request head, judged on its raw bytes.
//
// A port of `HttpRequestData::analyze_raw_request` (src/request_analyzer.rs, Apache-2.0, Copyright Amazon.com, Inc. or its
// affiliates). It stands on the slow path, behind the strict pass and before `repair.ts`. Pure; it changes nothing.
//
// Where it differs from the original, on purpose:
// - A version that sorts behind `HTTP/2` is Compliant there, as somebody else's business; on an HTTP/1 listener it is
//   BadVersion.
// - A target of nothing, or of nothing but blanks, is MissingUri as one that isn't there.
// - A bare LF is a line end (NonCrLfLineTermination) where the line is a line without it. Followed by SP or HTAB, or behind a
//   line without colon that goes on with no header, two readers see different headers: BadHeader.
// - A request line without version is a whole HTTP/0.9 request: what follows isn't read as its headers.
// - Of a folded Content-Type every byte is judged, not only what stands before a colon.
import {
  bytesOf,
  CR,
  dropBlanks,
  equals,
  equalsIgnoringCase,
  isTargetByte,
  isTokenByte,
  isValueByte,
  LF,
  SP,
  skipBlanks,
} from "./bytes.ts";
import { readLength } from "./content-length.ts";
import { classOf, type DesyncReason } from "./desync.ts";
import { contentLengthName, Likeness, likenessTo, transferEncodingName } from "./look-alike.ts";
import { RawEnding, type RawHead, type RawLine } from "./raw-head.ts";
import { beginsAsVersion, get, head } from "./start-line.ts";
import { Coding, readCodings } from "./transfer-coding.ts";

const contentType = bytesOf("content-type");
const version09 = bytesOf("HTTP/0.9");
const version10 = bytesOf("HTTP/1.0");

/** Bytes that no header and no target may hold, whatever the reader (NUL, CR, LF). */
const isBadByte = (byte: number): boolean => byte === 0 || byte === CR || byte === LF;

/** Where `bytes[start, end)` sorts, before `other` (below 0), with it (0) or behind it (above 0). */
const compare = (bytes: Uint8Array, start: number, end: number, other: Uint8Array): number => {
  for (let at = 0; at < other.length && start + at < end; at++) {
    const difference = (bytes[start + at] as number) - (other[at] as number);
    if (difference !== 0) return difference;
  }
  return end - start - other.length;
};

/** A header as the classifier sees it: of a fold that continues one, the name is that header's. */
interface SeenHeader {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** The worst class so far and its first reason. */
class Verdict {
  reason: DesyncReason | undefined = undefined;

  raise(reason: DesyncReason): void {
    if (classOf(reason) > classOf(this.reason)) this.reason = reason;
  }
}

/** Judges the head that `readRawHead` read from `bytes`: the reason of its class, or undefined when it is compliant. */
export const judgeHead = (raw: RawHead, bytes: Uint8Array): DesyncReason | undefined => {
  const verdict = new Verdict();
  const headers = judgeLines(raw, bytes, verdict);
  const encodings: Array<SeenHeader> = [];
  const lengths: Array<SeenHeader> = [];
  for (const header of headers) judgeHeader(header, bytes, verdict, encodings, lengths);
  judgeFraming(raw, bytes, verdict, encodings, lengths);
  if (!isToken(bytes, raw.methodStart, raw.methodEnd)) verdict.raise("BadMethod");
  judgeVersion(raw, bytes, verdict);
  judgeTarget(raw, bytes, verdict);
  return verdict.reason;
};

const isToken = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let at = start; at < end; at++) if (isTokenByte[bytes[at] as number] === 0) return false;
  return true;
};

/** Line ends, folds and missing parts; answers the headers. */
const judgeLines = (raw: RawHead, bytes: Uint8Array, verdict: Verdict): ReadonlyArray<SeenHeader> => {
  if (raw.isRequestLineBareLf) {
    verdict.raise("NonCrLfLineTermination");
    if (raw.lines[0]?.isFold) verdict.raise("BadHeader");
  }
  if (raw.lacksTarget) verdict.raise("MissingUri");
  const headers: Array<SeenHeader> = [];
  for (const [index, line] of raw.lines.entries()) {
    const isLast = index === raw.lines.length - 1;
    const isCut = isLast && raw.ending === RawEnding.cutLine;
    const owner = line.header < 0 ? undefined : raw.lines[line.header];
    const isMedia = owner !== undefined && equalsIgnoringCase(bytes, owner.start, owner.nameEnd, contentType);
    const continues = owner !== undefined && (isMedia || !line.hasColon);
    if (line.isBareLf) {
      verdict.raise("NonCrLfLineTermination");
      if (raw.lines[index + 1]?.isFold || (!line.hasColon && !continues && !isCut)) verdict.raise("BadHeader");
    }
    headers.push(seen(line, continues ? owner : undefined));
    if (!line.isFold && !line.hasColon) verdict.raise("MissingHeaderColon");
    if (line.isFold && !isMedia) verdict.raise("MultilineHeader");
    if (isCut) verdict.raise("PartialHeaderLine");
    else if (isLast && raw.ending === RawEnding.noEmptyLine) verdict.raise("MissingLastEmptyLine");
  }
  if (raw.isEmptyLineBareLf) verdict.raise("NonCrLfLineTermination");
  return headers;
};

const seen = (line: RawLine, owner: RawLine | undefined): SeenHeader =>
  owner === undefined
    ? { nameStart: line.start, nameEnd: line.nameEnd, valueStart: line.valueStart, valueEnd: line.end }
    : { nameStart: owner.start, nameEnd: owner.nameEnd, valueStart: line.start, valueEnd: line.end };

/** One header by itself; keeps it in mind when it frames the body, or looks as if it did. */
const judgeHeader = (
  header: SeenHeader,
  bytes: Uint8Array,
  verdict: Verdict,
  encodings: Array<SeenHeader>,
  lengths: Array<SeenHeader>,
): void => {
  const { nameStart, nameEnd } = header;
  const asEncoding = likenessTo(transferEncodingName, bytes, nameStart, nameEnd);
  const asLength =
    asEncoding === Likeness.distant ? likenessTo(contentLengthName, bytes, nameStart, nameEnd) : Likeness.distant;
  let isBad = false;
  let isOdd = false;
  for (let at = nameStart; at < nameEnd; at++) {
    const byte = bytes[at] as number;
    if (isTokenByte[byte] === 1) continue;
    isOdd = true;
    if (isBadByte(byte)) isBad = true;
  }
  for (let at = header.valueStart; at < header.valueEnd; at++) {
    const byte = bytes[at] as number;
    if (isValueByte[byte] === 1) continue;
    isOdd = true;
    if (isBadByte(byte)) isBad = true;
  }
  if (isBad) verdict.raise("BadHeader");
  else if (isOdd) verdict.raise("NonCompliantHeader");
  const isFraming = asEncoding === Likeness.same || asLength === Likeness.same;
  if (skipBlanks(bytes, nameStart, nameEnd) === nameEnd) {
    verdict.raise("EmptyHeader");
  } else if (isFraming || (!isBad && (asEncoding === Likeness.alike || asLength === Likeness.alike))) {
    if (!isFraming) verdict.raise("SuspiciousHeader");
    (asEncoding === Likeness.distant ? lengths : encodings).push(header);
  }
};

/** The body's framing: Transfer-Encoding, Content-Length, and what looks like them. */
const judgeFraming = (
  raw: RawHead,
  bytes: Uint8Array,
  verdict: Verdict,
  encodings: ReadonlyArray<SeenHeader>,
  lengths: ReadonlyArray<SeenHeader>,
): void => {
  // The version's bytes are compared as they stand, blanks and all, as the original does.
  const toVersion10 = raw.isVersionless ? -1 : compare(bytes, raw.versionStart, raw.versionEnd, version10);
  if (toVersion10 <= 0 && encodings.length > 0) {
    verdict.raise("UndefinedTransferEncodingSemantics");
    return;
  }
  if (toVersion10 < 0 && lengths.length > 0) {
    verdict.raise("UndefinedContentLengthSemantics");
    return;
  }
  judgeEncodings(bytes, verdict, encodings);
  const length = judgeLengths(bytes, verdict, lengths);
  const { methodStart, methodEnd } = raw;
  if (equals(bytes, methodStart, methodEnd, get) || equals(bytes, methodStart, methodEnd, head)) {
    if (encodings.length > 0) verdict.raise("UndefinedTransferEncodingSemantics");
    if (length !== undefined) {
      verdict.raise(length === "0" ? "GetHeadZeroContentLength" : "UndefinedContentLengthSemantics");
    }
  }
  if (encodings.length > 0 && length !== undefined) verdict.raise("BothTeClPresent");
};

/** Across all lines: every coding known, `chunked` never directly behind `chunked`. */
const judgeEncodings = (bytes: Uint8Array, verdict: Verdict, encodings: ReadonlyArray<SeenHeader>): void => {
  let isBehindChunked = false;
  for (const { valueStart, valueEnd } of encodings) {
    for (const coding of readCodings(bytes, valueStart, valueEnd)) {
      if (coding === Coding.unknown) {
        verdict.raise("BadTransferEncoding");
        continue;
      }
      if (isBehindChunked && coding === Coding.chunked) verdict.raise("MultipleTransferEncodingChunked");
      isBehindChunked = coding === Coding.chunked;
    }
  }
};

/** Answers the first length that can be read. */
const judgeLengths = (bytes: Uint8Array, verdict: Verdict, lengths: ReadonlyArray<SeenHeader>): string | undefined => {
  let first: string | undefined;
  for (const { valueStart, valueEnd } of lengths) {
    const length = readLength(bytes, valueStart, valueEnd);
    if (length === undefined) verdict.raise("BadContentLength");
    else if (first === undefined) first = length;
    else verdict.raise(first === length ? "DuplicateContentLength" : "MultipleContentLength");
  }
  return first;
};

const judgeVersion = (raw: RawHead, bytes: Uint8Array, verdict: Verdict): void => {
  const start = skipBlanks(bytes, raw.versionStart, raw.versionEnd);
  const end = dropBlanks(bytes, start, raw.versionEnd);
  if (raw.isVersionless || equals(bytes, start, end, version09)) {
    verdict.raise("NonCompliantVersion");
    return;
  }
  const minor = (bytes[end - 1] as number) - 0x30;
  const isHttp1 = end - start === 8 && beginsAsVersion(bytes, start, end) && minor >= 0 && minor <= 9;
  if (!isHttp1) verdict.raise("BadVersion");
  else if (minor > 1 || end - start !== raw.versionEnd - raw.versionStart) verdict.raise("NonCompliantVersion");
};

const judgeTarget = (raw: RawHead, bytes: Uint8Array, verdict: Verdict): void => {
  for (let at = raw.targetStart; at < raw.targetEnd; at++) {
    const byte = bytes[at] as number;
    if (isTargetByte[byte] === 1) continue;
    if (isBadByte(byte)) {
      verdict.raise("BadUri");
      return;
    }
    verdict.raise(byte === SP ? "SpaceInUri" : "AmbiguousUri");
  }
};

// Writes an odd request head anew, so that the strict parser reads it and the strictest reader agrees with the laxest.
//
// It stands behind `judge.ts`, for heads that their class lets through. What it writes is read by the strict pass before
// any byte goes on: method, one SP, target, one SP, HTTP/1.0 or 1.1, and `Name: value` lines ended by CR LF. It decides
// no class; it refuses only what has no single meaning in any mode. Slow path: it may allocate, but stays linear.
import { ByteWriter } from "../byte-writer.ts";
import {
  bytesOf,
  CR,
  dropBlanks,
  isBlank,
  isTargetByte,
  isTokenByte,
  isValueByte,
  isVisibleByte,
  SP,
  skipBlanks,
  textOf,
} from "./bytes.ts";
import { readLength } from "./content-length.ts";
import { Fault } from "./fault.ts";
import { Field, recogniseField } from "./field-name.ts";
import { elementEnd } from "./list.ts";
import { isLookAlike } from "./look-alike.ts";
import type { RawHead, RawLine } from "./raw-head.ts";
import { Coding, codingNames, readCodings } from "./transfer-coding.ts";

/** What became of a head; with a `fault`, nothing of use was written. */
export interface RepairedHead {
  /** Why the request is refused in every mode, or {@link Fault.none}. */
  readonly fault: Fault;
  /** Whether the request line named no version (HTTP/0.9): the answer is the body alone, and then the end. */
  readonly isBodyOnly: boolean;
}

const crlf = bytesOf("\r\n");
const colonBlank = bytesOf(": ");
const blank = bytesOf(" ");
const slash = bytesOf("/");
const version10 = bytesOf(" HTTP/1.0\r\n");
const version11 = bytesOf(" HTTP/1.1\r\n");
const name10 = "HTTP/1.0";
const name09 = "HTTP/0.9";
const transferEncodingColon = bytesOf("Transfer-Encoding: ");
const upperHex = bytesOf("0123456789ABCDEF");

/** What the framing lines say together. */
interface Framing {
  fault: Fault;
  /** The codings that stay, in order. */
  readonly codings: Array<Coding>;
  isChunked: boolean;
  /** The first Content-Length, normalised as `readLength` does. */
  length: string | undefined;
}

/** Writes the head that `readRawHead` read from `bytes` to `out`, as the strict parser wants it. */
export const repairHead = (raw: RawHead, bytes: Uint8Array, out: ByteWriter): RepairedHead => {
  const { fields, hasBadHost } = readFields(raw, bytes);
  const framing = readFraming(fields);
  if (hasBadHost && framing.fault === Fault.none) framing.fault = Fault.badHost;
  const fault = hasUsableLine(raw, bytes) ? framing.fault : Fault.badMethod;
  const isBodyOnly = raw.isVersionless;
  if (fault !== Fault.none) return { fault, isBodyOnly };
  out.putRun(bytes, raw.methodStart, raw.methodEnd);
  out.put(blank);
  writeTarget(raw, bytes, out);
  out.put(hasVersion10(raw, bytes) ? version10 : version11);
  writeFields(fields, bytes, framing, out);
  out.put(crlf);
  return { fault, isBodyOnly };
};

const allBytes = (bytes: Uint8Array, start: number, end: number, isMember: Uint8Array): boolean => {
  for (let at = start; at < end; at++) if (isMember[bytes[at] as number] === 0) return false;
  return true;
};

/** Whether there is a method of visible ASCII with a blank behind it (RFC 9112 §3). */
const hasUsableLine = (raw: RawHead, bytes: Uint8Array): boolean =>
  raw.hasBlank && raw.methodEnd > raw.methodStart && allBytes(bytes, raw.methodStart, raw.methodEnd, isVisibleByte);

/**
 * Whether it goes on as HTTP/1.0: that, and HTTP/0.9, which has nothing that HTTP/1.0 hasn't. Any other version is written
 * as HTTP/1.1, the highest minor version known (RFC 9110 §2.5).
 */
const hasVersion10 = (raw: RawHead, bytes: Uint8Array): boolean => {
  if (raw.isVersionless) return true;
  const start = skipBlanks(bytes, raw.versionStart, raw.versionEnd);
  const end = dropBlanks(bytes, start, raw.versionEnd);
  if (end - start !== name10.length) return false;
  const text = textOf(bytes, start, end);
  return text === name10 || text === name09;
};

/** Blanks around the target are separators; other blanks and control bytes in it go on percent-encoded (RFC 3986 §2.1). */
const writeTarget = (raw: RawHead, bytes: Uint8Array, out: ByteWriter): void => {
  const start = skipBlanks(bytes, raw.targetStart, raw.targetEnd);
  const end = dropBlanks(bytes, start, raw.targetEnd);
  if (start === end) out.put(slash);
  const encoded = bytesOf("%00");
  let from = start;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (isTargetByte[byte] === 1) continue;
    out.putRun(bytes, from, at);
    encoded[1] = upperHex[byte >> 4] as number;
    encoded[2] = upperHex[byte & 15] as number;
    out.put(encoded);
    from = at + 1;
  }
  out.putRun(bytes, from, end);
};

/** A header that stays, its folds joined. */
interface KeptField {
  readonly kind: Field;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly value: Uint8Array;
}

/**
 * The headers that go on, in order. Dropped, each with its folds: a line without colon, a name that is no token or looks
 * like a framing field's, a value with NUL or CR. A fold onto nothing goes with them.
 */
const readFields = (
  raw: RawHead,
  bytes: Uint8Array,
): { readonly fields: ReadonlyArray<KeptField>; readonly hasBadHost: boolean } => {
  const kept: Array<KeptField> = [];
  let hasBadHost = false;
  const joined = new ByteWriter();
  const { lines } = raw;
  for (let index = 0; index < lines.length; ) {
    const line = lines[index] as RawLine;
    let next = index + 1;
    while (next < lines.length && lines[next]?.isFold) next++;
    const { start, nameEnd } = line;
    const isSound = !line.isFold && line.hasColon && nameEnd > start && allBytes(bytes, start, nameEnd, isTokenByte);
    if (isSound && !isLookAlike(bytes, start, nameEnd)) {
      const kind = recogniseField(bytes, start, nameEnd);
      const isFraming = kind === Field.contentLength || kind === Field.transferEncoding;
      joined.clear();
      let isWhole = true;
      for (let part = index; part < next; part++) {
        const { valueStart, start: foldStart, end } = lines[part] as RawLine;
        if (!appendValue(bytes, part === index ? valueStart : foldStart, end, !isFraming, joined)) isWhole = false;
      }
      // A framing field or Host with such a byte isn't left out, as if nothing had been said: it makes the request faulty.
      if (!isWhole && kind === Field.host) hasBadHost = true;
      if (isWhole || isFraming) {
        kept.push({ kind, nameStart: start, nameEnd, value: joined.bytes.slice(0, joined.length) });
      }
    }
    index = next;
  }
  return { fields: kept, hasBadHost };
};

/**
 * Appends one line's part of a value, one SP before it when something stands there (RFC 9112 §5.2). Control bytes become
 * SP if `isCleaned`. Answers false when there is a NUL or CR.
 */
const appendValue = (bytes: Uint8Array, start: number, end: number, isCleaned: boolean, out: ByteWriter): boolean => {
  const isTrimmed = (byte: number): boolean => isBlank(byte) || (isCleaned && isValueByte[byte] === 0);
  let isSound = true;
  for (let at = start; at < end; at++) if (bytes[at] === 0 || bytes[at] === CR) isSound = false;
  let from = start;
  let stop = end;
  while (from < stop && isTrimmed(bytes[from] as number)) from++;
  while (stop > from && isTrimmed(bytes[stop - 1] as number)) stop--;
  if (from === stop) return isSound;
  if (out.length > 0) out.put(blank);
  const at = out.length;
  out.putRun(bytes, from, stop);
  if (!isCleaned) return isSound;
  for (let index = at; index < out.length; index++) {
    if (isValueByte[out.bytes[index] as number] === 0) out.bytes[index] = SP;
  }
  return isSound;
};

/** RFC 9112 §6.3: a body has one length, or the request is refused. */
const readFraming = (fields: ReadonlyArray<KeptField>): Framing => {
  const framing: Framing = { fault: Fault.none, codings: [], isChunked: false, length: undefined };
  let hasEncoding = false;
  for (const { kind, value } of fields) {
    if (kind === Field.contentLength) noteLength(framing, value);
    else if (kind === Field.transferEncoding) {
      hasEncoding = true;
      noteCodings(framing, value);
    }
  }
  if (hasEncoding && !framing.isChunked && framing.length === undefined && framing.fault === Fault.none) {
    framing.fault = Fault.badTransferEncoding;
  }
  return framing;
};

const noteLength = (framing: Framing, value: Uint8Array): void => {
  const length = readLength(value, 0, value.length);
  if (framing.fault !== Fault.none) return;
  if (length === undefined) framing.fault = Fault.badContentLength;
  else if (framing.length === undefined) framing.length = length;
  else if (framing.length !== length) framing.fault = Fault.differentContentLengths;
};

/**
 * `identity` is no coding (RFC 9110 §8.4.1), `chunked` means something at the end only, and there once (RFC 9112 §6.1). An
 * empty element of the list is passed over (RFC 9110 §5.6.1.2).
 */
const noteCodings = (framing: Framing, value: Uint8Array): void => {
  for (let at = 0; at < value.length; ) {
    const end = elementEnd(value, at, value.length);
    if (skipBlanks(value, at, end) < end) noteCoding(framing, readCodings(value, at, end)[0] as Coding);
    at = end + 1;
  }
};

const noteCoding = (framing: Framing, coding: Coding): void => {
  if (coding === Coding.unknown) {
    if (framing.fault === Fault.none) framing.fault = Fault.badTransferEncoding;
  } else if (coding === Coding.chunked) {
    framing.isChunked = true;
  } else {
    // RFC 9112 §6.3: what doesn't end in chunks has no end. `identity` changes nothing, but stands behind them.
    framing.isChunked = false;
    if (coding !== Coding.identity) framing.codings.push(coding);
  }
};

/** Content-Length once, unless chunks frame the body; every Transfer-Encoding in the place of the first. */
const writeFields = (fields: ReadonlyArray<KeptField>, bytes: Uint8Array, framing: Framing, out: ByteWriter): void => {
  let hasLength = framing.isChunked;
  let hasEncoding = false;
  for (const { kind, nameStart, nameEnd, value } of fields) {
    if (kind === Field.transferEncoding) {
      if (!hasEncoding) writeEncoding(framing, out);
      hasEncoding = true;
      continue;
    }
    if (kind === Field.contentLength) {
      if (hasLength) continue;
      hasLength = true;
    }
    out.putRun(bytes, nameStart, nameEnd);
    out.put(colonBlank);
    // Without zeros in front, which a reader might take for octal.
    out.put(kind === Field.contentLength ? bytesOf(framing.length ?? "0") : value);
    out.put(crlf);
  }
};

const writeEncoding = (framing: Framing, out: ByteWriter): void => {
  const { codings, isChunked } = framing;
  if (codings.length === 0 && !isChunked) return;
  out.put(transferEncodingColon);
  const names = codings.map((coding) => codingNames[coding]);
  if (isChunked) names.push("chunked");
  out.put(bytesOf(names.join(", ")));
  out.put(crlf);
};

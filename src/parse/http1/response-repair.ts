// Repairs the head of a response that isn't strict but that a proxy must be able to read: blanks before a colon (RFC 9112
// §5.1), folded lines (§5.2), bare LF at the end of lines (§2.2).
//
// The slow path: the strict pass (`response-head.ts`) has found the head's end and called it odd. What is written here
// goes through that pass again, which judges all the rest: names, values, the status line, lengths, limits. Pure.
import type { ByteWriter } from "../byte-writer.ts";
import { bytesOf, COLON, CR, dropBlanks, isBlank, isTokenByte, LF, skipBlanks } from "./bytes.ts";
import { Fault } from "./fault.ts";

const crlf = bytesOf("\r\n");
const blank = bytesOf(" ");
const colon = bytesOf(":");

/**
 * Writes the head in `bytes[start, end)`, its empty line included, with one line a field and each line ended by CR LF.
 *
 * *Details*: the fault says what can't be repaired, a line without name or colon, or a fold onto the status line; then
 * what was written is of no use.
 */
export const repairResponseHead = (bytes: Uint8Array, start: number, end: number, out: ByteWriter): Fault => {
  let pos = writeLine(bytes, start, end, out);
  let isFieldOpen = false;
  while (pos < end) {
    const lineEnd = endOfLine(bytes, pos, end);
    const textEnd = lineEnd > pos && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (textEnd === pos) break;
    if (isBlank(bytes[pos])) {
      // RFC 9112 §2.2: what is folded onto the status line must not become a field, nor part of the line.
      if (!isFieldOpen) return Fault.foldedField;
      writeValue(bytes, pos, textEnd, out);
    } else {
      if (isFieldOpen) out.put(crlf);
      isFieldOpen = true;
      let nameEnd = pos;
      while (nameEnd < textEnd && isTokenByte[bytes[nameEnd] as number] === 1) nameEnd++;
      const colonAt = skipBlanks(bytes, nameEnd, textEnd);
      if (nameEnd === pos || colonAt === textEnd || bytes[colonAt] !== COLON) return Fault.badFieldName;
      out.putRun(bytes, pos, nameEnd);
      out.put(colon);
      writeValue(bytes, colonAt + 1, textEnd, out);
    }
    pos = lineEnd + 1;
  }
  if (isFieldOpen) out.put(crlf);
  out.put(crlf);
  return Fault.none;
};

const endOfLine = (bytes: Uint8Array, start: number, end: number): number => {
  let pos = start;
  while (pos < end && bytes[pos] !== LF) pos++;
  return pos;
};

/** Copies the line at `start`, and says where the next one begins. */
const writeLine = (bytes: Uint8Array, start: number, end: number, out: ByteWriter): number => {
  const lineEnd = endOfLine(bytes, start, end);
  out.putRun(bytes, start, lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd);
  out.put(crlf);
  return lineEnd + 1;
};

/** One blank and the text without the blanks around it, or nothing when there is none. */
const writeValue = (bytes: Uint8Array, start: number, end: number, out: ByteWriter): void => {
  const from = skipBlanks(bytes, start, end);
  const to = dropBlanks(bytes, from, end);
  if (from === to) return;
  out.put(blank);
  out.putRun(bytes, from, to);
};

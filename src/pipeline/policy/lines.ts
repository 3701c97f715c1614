// Header names, values and lines that policies give, checked as a client's are and turned into bytes.
//
// Read once for each edit or answer (edit.ts, answer.ts). Owns what a policy may not say: what frames a message
// or belongs to one connection, and what elbow writes itself. What doesn't hold is an error of the policy.
import { bytesOf, isTokenByte, isValueByte } from "../../parse/http1/bytes.ts";
import { Field, recogniseField } from "../../parse/http1/field-name.ts";
import { likensFraming } from "../../parse/http1/look-alike.ts";
import { UnfitValue } from "./errors.ts";

/** A whole line, by the lower-case name of its field. */
export interface HeadLine {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** RFC 9110 §6.6.2: says what comes behind a body, which is the framing's to say. */
const trailerName = "trailer";

/** The kinds of fields that no message may be given. */
const framing: ReadonlySet<Field> = new Set([
  Field.contentLength,
  Field.transferEncoding,
  Field.connection,
  Field.keepAlive,
  Field.proxyConnection,
  Field.te,
  Field.upgrade,
]);

/** Names that were found good, with their lower case; a policy has a few. */
const requestNames = new Map<string, string>();
const responseNames = new Map<string, string>();
const knownNamesMax = 256;

/** The lower-case name of a field that may be changed: anything in a response but its framing, and less in a request. */
export const readName = (name: unknown, isRequest: boolean): string => {
  const known = isRequest ? requestNames : responseNames;
  let lower = typeof name === "string" ? known.get(name) : undefined;
  if (lower !== undefined) return lower;
  lower = checkName(name, isRequest);
  if (known.size < knownNamesMax) known.set(name as string, lower);
  return lower;
};

const checkName = (name: unknown, isRequest: boolean): string => {
  if (typeof name !== "string" || !isToken(name)) throw new UnfitValue(`${spell(name)}, which is no header's name`);
  const bytes = bytesOf(name);
  const field = recogniseField(bytes, 0, bytes.length);
  const isFraming = framing.has(field) || name.toLowerCase() === trailerName || likensFraming(bytes, 0, bytes.length);
  if (isFraming || (isRequest && field !== Field.other && field !== Field.host)) {
    throw new UnfitValue(`${spell(name)}, a header that is elbow's own to write`);
  }
  return name.toLowerCase();
};

/** A field's value; blanks around it don't count (RFC 9110 §5.5). */
export const readValue = (name: string, value: unknown): Uint8Array => {
  if (typeof value !== "string") throw new UnfitValue(`a ${name} header that is no text`);
  const bytes = encodeText(trimBlanks(value));
  if (bytes === undefined) {
    throw new UnfitValue(`a ${name} header with a character above U+00FF, which is no byte: ${spell(value)}`);
  }
  if (!bytes.every((byte) => isValueByte[byte] === 1)) {
    throw new UnfitValue(`a ${name} header with a character that no header may have: ${spell(value)}`);
  }
  return bytes;
};

/** A text without the blanks around it, as RFC 9110 §5.6.3 knows them. */
export const trimBlanks = (text: string): string => {
  // By hand: a regular expression for the end would begin anew at each blank inside, and clients write these.
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
};

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** A line as it goes on the wire, the name in the case that was given. */
export const makeLine = (name: string, value: Uint8Array): HeadLine => {
  const bytes = new Uint8Array(name.length + 4 + value.length);
  bytes.set(bytesOf(name));
  bytes[name.length] = 0x3a;
  bytes[name.length + 1] = 0x20;
  bytes.set(value, name.length + 2);
  bytes[bytes.length - 2] = 0x0d;
  bytes[bytes.length - 1] = 0x0a;
  return { name: name.toLowerCase(), bytes };
};

/** All lines, one behind the other. */
export const joinLines = (lines: ReadonlyArray<HeadLine>): Uint8Array => {
  const joined = new Uint8Array(lines.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of lines) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  return joined;
};

/** A byte per character, as contexts give texts out (RFC 9110 §5.5); undefined where a character is no byte. */
export const encodeText = (text: string): Uint8Array | undefined =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: every character that is a byte.
  /^[\u0000-\u00ff]*$/.test(text) ? bytesOf(text) : undefined;

/** The entries of what should be a record. */
export const entriesOf = (what: string, record: unknown): ReadonlyArray<readonly [string, unknown]> => {
  if (record === undefined) return [];
  if (!isRecord(record)) throw new UnfitValue(`${what}, which is no plain object`);
  return Object.entries(record);
};

/**
 * The members of what should be `what`, such as `an edit`; throws where it has any but those of `names`. What is misspelt or
 * meant for another hook would do nothing otherwise, and a request would pass that was to be stopped or changed.
 */
export const membersOf = (
  what: string,
  names: ReadonlyArray<string>,
  value: unknown,
): Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null) throw new UnfitValue(`${spell(value)}, which is not ${what}`);
  if (!isRecord(value)) throw new UnfitValue(`an object of another class, where ${what} is a plain one`);
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    throw new UnfitValue(`a member ${spell(name)}; ${what} has ${names.map((one) => `\`${one}\``).join(", ")}`);
  }
  return value;
};

/** What has no members but its own; a Map or Headers would seem to have none. */
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** A value for a message: short, on one line. */
export const spell = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : value === null ? "null" : typeof value;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

const isToken = (name: string): boolean =>
  name.length > 0 && [...name].every((character) => isTokenByte[character.codePointAt(0) as number] === 1);

// A line of an access log as a Classic Load Balancer writes it ("Access logs for your Classic Load Balancer", AWS).
//
// Fifteen fields, one blank between each, as bytes straight into the writer's buffer. A client's bytes can't forge a field
// or a line: whatever is no printable ASCII, quotes, backslashes and, but for the user agent, blanks are written as `\xHH`.
import type { ByteWriter } from "../../parse/byte-writer.ts";
import { bytesOf } from "../../parse/http1/bytes.ts";
import type { AccessEntry } from "./access-entry.ts";
import type { AccessLog } from "./access-log.ts";
import { putAgent, putDecimal, putFixed, putSeconds, putWord } from "./line-text.ts";
import type { LoggedRequest } from "./logged-request.ts";
import { putTime } from "./wall-clock.ts";

const blank = 0x20;
const quote = 0x22;
const hyphen = 0x2d;
const colon = 0x3a;
const slash = 0x2f;
const newline = 0x0a;

/** Everything but the client's bytes: numbers, names and addresses. */
const restMaxBytes = 512;

/** The most that the line of this entry takes. */
export const clbLineMaxBytes = ({ request }: AccessEntry): number =>
  restMaxBytes + (request === undefined || !request.isKnown ? 0 : 4 * request.agentEnd);

/** Writes a line, its end included; there must be room for it. */
export const writeClbLine = (entry: AccessEntry, { log, scheme, portSuffix }: AccessLog, out: ByteWriter): void => {
  const { request, backend, isLayer7, tls, status } = entry;
  const { bytes } = out;
  let at = putTime(bytes, out.length, entry.receivedAtMs);
  bytes[at++] = blank;
  at = putFixed(bytes, at, log.nameBytes);
  bytes[at++] = blank;
  at = putFixed(bytes, at, entry.clientAddress);
  bytes[at++] = colon;
  at = putDecimal(bytes, at, entry.clientPort);
  bytes[at++] = blank;
  if (backend === undefined) bytes[at++] = hyphen;
  else at = putFixed(bytes, at, backend);
  bytes[at++] = blank;
  at = putSeconds(bytes, at, entry.requestMs);
  bytes[at++] = blank;
  at = putSeconds(bytes, at, entry.backendMs);
  bytes[at++] = blank;
  at = putSeconds(bytes, at, entry.responseMs);
  bytes[at++] = blank;
  // A client that has gone before there was an answer was sent no status.
  if (isLayer7 && status > 0) at = putDecimal(bytes, at, status);
  else bytes[at++] = hyphen;
  bytes[at++] = blank;
  if (isLayer7) at = putDecimal(bytes, at, entry.backendStatus);
  else bytes[at++] = hyphen;
  bytes[at++] = blank;
  at = putDecimal(bytes, at, entry.receivedBytes);
  bytes[at++] = blank;
  at = putDecimal(bytes, at, entry.sentBytes);
  bytes[at++] = blank;
  if (request?.isKnown !== true) at = putFixed(bytes, at, noRequest);
  else at = putRequest(bytes, at, request, scheme, portSuffix);
  bytes[at++] = blank;
  at = putFixed(bytes, at, tls === undefined ? noTls : tlsText(tls.cipher, tls.protocol));
  bytes[at++] = newline;
  out.length = at;
};

/** `"GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0"`. */
const putRequest = (
  bytes: Uint8Array,
  start: number,
  request: LoggedRequest,
  scheme: Uint8Array,
  portSuffix: Uint8Array,
): number => {
  const { bytes: source, methodEnd, targetEnd, hostEnd, agentEnd } = request;
  let at = start;
  bytes[at++] = quote;
  at = putWord(bytes, at, source, 0, methodEnd);
  bytes[at++] = blank;
  if (targetEnd === methodEnd) bytes[at++] = hyphen;
  else {
    if (!request.isAbsolute) {
      at = putFixed(bytes, at, scheme);
      at = putWord(bytes, at, source, targetEnd, hostEnd);
      if (!namesPort(source, targetEnd, hostEnd)) at = putFixed(bytes, at, portSuffix);
      // `OPTIONS *`, or what isn't even that, must not run into the port.
      if (source[methodEnd] !== slash) bytes[at++] = slash;
    }
    at = putWord(bytes, at, source, methodEnd, targetEnd);
  }
  bytes[at++] = blank;
  at = putFixed(bytes, at, request.version);
  bytes[at++] = quote;
  bytes[at++] = blank;
  bytes[at++] = quote;
  if (agentEnd === hostEnd) bytes[at++] = hyphen;
  else at = putAgent(bytes, at, source, hostEnd, agentEnd);
  bytes[at++] = quote;
  return at;
};

/** Whether a host has a port behind it: a colon that no bracket of an IPv6 address follows (RFC 3986 §3.2.2). */
export const namesPort = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let at = end - 1; at >= start; at--) {
    const byte = bytes[at] as number;
    if (byte === colon) return true;
    if (byte < 0x30 || byte > 0x39) return false;
  }
  return false;
};

const noRequest = bytesOf('"- - - " "-"');
const noTls = bytesOf("- -");

/** Bounded by what the TLS library knows. */
const tlsTexts = new Map<string, Uint8Array>();

/**
 * Cipher and protocol. The suites of TLS 1.3, which no Classic Load Balancer has, get hyphens for their underscores: the
 * table that AWS documents for these logs in Athena takes no others.
 */
const tlsText = (cipher: string, protocol: string): Uint8Array => {
  const key = `${cipher} ${protocol}`;
  const known = tlsTexts.get(key);
  if (known !== undefined) return known;
  const text = bytesOf(key.replaceAll("_", "-"));
  tlsTexts.set(key, text);
  return text;
};

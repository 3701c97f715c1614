// A line of an access log as a Classic Load Balancer writes it ("Access logs for your Classic Load Balancer", AWS).
//
// Fifteen fields, one blank between each, as bytes straight into the writer's buffer. A client's bytes can't forge a field
// or a line: whatever is no printable ASCII, quotes, backslashes and, but for the user agent, blanks are written as `\xHH`.
import { bytesOf } from "../../parse/http1/bytes.ts";
import type { AccessEntry } from "./access-entry.ts";
import type { AccessLog } from "./access-log.ts";
import { putAgent, putDecimal, putFixed, putSeconds, putWord } from "./line-text.ts";
import type { LineBuffer } from "./log-writer.ts";
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
  restMaxBytes + (request === undefined || !request.isKnown ? 0 : 4 * request.lineBytes);

/** Writes a line, its end included; there must be room for it. */
export const writeClbLine = (entry: AccessEntry, { log, scheme, portSuffix }: AccessLog, out: LineBuffer): void => {
  const { request, backend, isLayer7, tls, status } = entry;
  const line = out.view;
  let at = putTime(line, out.length, entry.receivedAtMs);
  line.setUint8(at++, blank);
  at = putFixed(line, at, log.nameBytes);
  line.setUint8(at++, blank);
  at = putFixed(line, at, entry.clientAddress);
  line.setUint8(at++, colon);
  at = putDecimal(line, at, entry.clientPort);
  line.setUint8(at++, blank);
  if (backend === undefined) line.setUint8(at++, hyphen);
  else at = putFixed(line, at, backend);
  line.setUint8(at++, blank);
  at = putSeconds(line, at, entry.requestMs);
  line.setUint8(at++, blank);
  at = putSeconds(line, at, entry.backendMs);
  line.setUint8(at++, blank);
  at = putSeconds(line, at, entry.responseMs);
  line.setUint8(at++, blank);
  // A client that has gone before there was an answer was sent no status.
  if (isLayer7 && status > 0) at = putDecimal(line, at, status);
  else line.setUint8(at++, hyphen);
  line.setUint8(at++, blank);
  if (isLayer7) at = putDecimal(line, at, entry.backendStatus);
  else line.setUint8(at++, hyphen);
  line.setUint8(at++, blank);
  at = putDecimal(line, at, entry.receivedBytes);
  line.setUint8(at++, blank);
  at = putDecimal(line, at, entry.sentBytes);
  line.setUint8(at++, blank);
  if (request?.isKnown !== true) at = putFixed(line, at, noRequest);
  else at = putRequest(line, at, request, scheme, portSuffix);
  line.setUint8(at++, blank);
  at = putFixed(line, at, tls === undefined ? noTls : tlsText(tls.cipher, tls.protocol));
  line.setUint8(at++, newline);
  out.length = at;
};

/** `"GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0"`. */
const putRequest = (
  line: DataView,
  start: number,
  request: LoggedRequest,
  scheme: Uint8Array,
  portSuffix: Uint8Array,
): number => {
  const { bytes: source, targetStart, targetEnd, hostBytes, hostStart, hostEnd, agentStart, agentEnd } = request;
  let at = start;
  line.setUint8(at++, quote);
  at = putWord(line, at, source, request.methodStart, request.methodEnd);
  line.setUint8(at++, blank);
  if (targetEnd === targetStart) line.setUint8(at++, hyphen);
  else {
    if (!request.isAbsolute) {
      at = putFixed(line, at, scheme);
      at = putWord(line, at, hostBytes, hostStart, hostEnd);
      if (!namesPort(hostBytes, hostStart, hostEnd)) at = putFixed(line, at, portSuffix);
      // `OPTIONS *`, or what isn't even that, must not run into the port.
      if (source[targetStart] !== slash) line.setUint8(at++, slash);
    }
    at = putWord(line, at, source, targetStart, targetEnd);
  }
  line.setUint8(at++, blank);
  at = putFixed(line, at, request.version);
  line.setUint8(at++, quote);
  line.setUint8(at++, blank);
  line.setUint8(at++, quote);
  if (agentEnd === agentStart) line.setUint8(at++, hyphen);
  else at = putAgent(line, at, source, agentStart, agentEnd);
  line.setUint8(at++, quote);
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

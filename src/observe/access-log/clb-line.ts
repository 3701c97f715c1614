// A line of an access log as a Classic Load Balancer writes it ("Access logs for your Classic Load Balancer", AWS).
//
// Fifteen fields, one blank between each, as bytes straight into the writer's buffer. A client's bytes can't forge a field
// or a line: whatever is no printable ASCII, quotes, backslashes and, but for the user agent, blanks are written as `\xHH`.
import type { AccessEntry } from "./access-entry.ts";
import type { AccessLog } from "./access-log.ts";
import { FixedText, putFixed } from "./fixed-text.ts";
import { putAgent, putDecimal, putSeconds, putWord } from "./line-text.ts";
import type { LineBuffer } from "./log-writer.ts";
import type { LoggedRequest } from "./logged-request.ts";
import { putTime } from "./wall-clock.ts";

const blank = 0x20;
const quote = 0x22;
const hyphen = 0x2d;
const colon = 0x3a;
const slash = 0x2f;

/** Everything but the client's bytes: numbers, names and addresses. */
const restMaxBytes = 512;

/** The most that the line of this entry takes. */
export const clbLineMaxBytes = ({ request }: AccessEntry): number =>
  restMaxBytes + (request === undefined || !request.isKnown ? 0 : 4 * request.lineBytes);

/** Writes a line, its end included; there must be room for it. */
export const writeClbLine = (entry: AccessEntry, { log, scheme, portSuffix }: AccessLog, out: LineBuffer): void => {
  const { request, backend, isLayer7, client, status } = entry;
  const line = out.view;
  // Everything that is put leaves a blank behind it, but for what a client has sent.
  let at = putTime(line, out.length, entry.receivedAtMs) + 1;
  at = putFixed(line, at, log.nameText) + 1;
  at = putFixed(line, at, client.end) + 1;
  at = putFixed(line, at, backend ?? nothing) + 1;
  at = putSeconds(line, at, entry.requestMs) + 1;
  at = putSeconds(line, at, entry.backendMs) + 1;
  at = putSeconds(line, at, entry.responseMs) + 1;
  // A client that has gone before there was an answer was sent no status.
  at = (isLayer7 && status > 0 ? putDecimal(line, at, status) : putFixed(line, at, nothing)) + 1;
  at = (isLayer7 ? putDecimal(line, at, entry.backendStatus) : putFixed(line, at, nothing)) + 1;
  at = putDecimal(line, at, entry.receivedBytes) + 1;
  at = putDecimal(line, at, entry.sentBytes) + 1;
  at = request?.isKnown === true ? putRequest(line, at, request, scheme, portSuffix) : putFixed(line, at, noRequest);
  out.length = putFixed(line, at, client.lineEnd);
};

/** `"GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0"`. */
const putRequest = (
  line: DataView,
  start: number,
  request: LoggedRequest,
  scheme: FixedText,
  portSuffix: FixedText,
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
  at = putFixed(line, at, betweenQuotes);
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

const nothing = new FixedText("-");
const noRequest = new FixedText('"- - - " "-"');
const betweenQuotes = new FixedText('" "');

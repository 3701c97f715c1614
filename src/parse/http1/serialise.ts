// Writes heads onward: what an instance or a client gets is always a message of our own making, one framing, HTTP/1.1.
//
// The header policy, as passes in the order of what is written. A request:
//   1. its line: the method, the target in origin or asterisk form, our version;
//   2. Host: the target's authority, else as sent, else (HTTP/1.0) the node's own address;
//   3. the fields, as received and in their order, but for those left out: hop-by-hop ones and what Connection names;
//      Expect, which we have answered; X_Forwarded_…, which could be mistaken for ours; X-Amzn-Mtls-Clientcert…, which
//      only we may say; a length that is a repeat or stands beside a coding; and what the passes around this one write
//      anew;
//      what policies remove goes too, what they add stands behind;
//   4. framing: one Transfer-Encoding where the body goes on in chunks (else the Content-Length among the fields holds);
//   5. what is meant for the next hop: TE: trailers, or a handshake's Upgrade;
//   6. X-Forwarded-For, with the client's address behind those received; X-Forwarded-Proto and -Port; what a verified
//      client certificate says;
//   7. Connection.
// A response: its status line, the fields but for the hop-by-hop ones, what policies add, framing, Connection.
//
// Lines that pass unchanged are copied as whole spans of the received bytes, which the parser has checked one by one;
// only what changes is written anew. Pure: from a parsed head and its bytes into a writer.
import type { ByteWriter } from "../byte-writer.ts";
import { bytesOf } from "./bytes.ts";
import { Field } from "./field-name.ts";
import type { HeadParser } from "./head.ts";
import type { HeadChange } from "./head-change.ts";
import { fieldStride } from "./head-fields.ts";
import type { RequestHeadParser } from "./request-head.ts";
import type { ResponseHeadParser } from "./response-head.ts";

const crlf = bytesOf("\r\n");
const colonBlank = bytesOf(": ");
const blank = bytesOf(" ");
const slash = bytesOf("/");
const asterisk = bytesOf("*");
const commaBlank = bytesOf(", ");
const hostName = bytesOf("Host: ");
const forwardedForName = bytesOf("X-Forwarded-For: ");
const requestVersion = bytesOf(" HTTP/1.1\r\n");
const responseVersion = bytesOf("HTTP/1.1");
const transferEncodingLine = bytesOf("Transfer-Encoding: chunked\r\n");
const transferEncodingName = bytesOf("Transfer-Encoding: ");
const chunkedBehind = bytesOf(", chunked\r\n");
const trailersLine = bytesOf("TE: trailers\r\n");
const webSocketLine = bytesOf("Upgrade: websocket\r\n");
const keepAliveEnd = bytesOf("Connection: keep-alive\r\n\r\n");
const closeEnd = bytesOf("Connection: close\r\n\r\n");
const trailersEnd = bytesOf("Connection: keep-alive, TE\r\n\r\n");
const upgradeEnd = bytesOf("Connection: upgrade\r\n\r\n");

/** A table of fields: 1 for each of `kinds`. */
const makeFieldTable = (kinds: ReadonlyArray<Field>): Uint8Array => {
  const table = new Uint8Array(256);
  for (const kind of kinds) table[kind] = 1;
  return table;
};

/** What never passes a proxy (RFC 9110 §7.6.1); Transfer-Encoding is written anew. */
const hopByHop = [
  Field.connection,
  Field.keepAlive,
  Field.proxyConnection,
  Field.te,
  Field.upgrade,
  Field.transferEncoding,
] as const;

const leftOutOfRequest = makeFieldTable([
  ...hopByHop,
  Field.host,
  Field.expect,
  Field.forwardedFor,
  Field.forwardedProto,
  Field.forwardedPort,
  Field.forwardedLookAlike,
  Field.clientCertificate,
]);
const leftOutOfResponse = makeFieldTable(hopByHop);
/** RFC 9110 §8.6: an interim response and 204 have no length. */
const leftOutWithoutBody = makeFieldTable([...hopByHop, Field.contentLength]);

/** What a request head says of the client that sent it. */
export interface ClientFacts {
  /** The client's address, for X-Forwarded-For. */
  readonly address: Uint8Array;
  /** What ends every request of the connection: see {@link makeLastLines} and {@link joinLastLines}. */
  readonly lastLines: Uint8Array;
  /** The node's own address: the Host of an HTTP/1.0 request without one ("How Elastic Load Balancing works", AWS). */
  readonly nodeAddress: () => Uint8Array;
}

/** The lines that end every request of a connection: X-Forwarded-Proto and -Port, Connection, and the empty one. */
export const makeLastLines = (proto: "http" | "https", port: number): Uint8Array =>
  bytesOf(`X-Forwarded-Proto: ${proto}\r\nX-Forwarded-Port: ${port}\r\nConnection: keep-alive\r\n\r\n`);

/**
 * The last lines of a connection whose client has shown a certificate: `certificateLines`, whole header lines as
 * `makeClientCertificateLines` makes them, before Connection. Made once per connection.
 */
export const joinLastLines = (lastLines: Uint8Array, certificateLines: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(lastLines.length + certificateLines.length);
  const at = lastLines.length - keepAliveEnd.length;
  joined.set(lastLines.subarray(0, at));
  joined.set(certificateLines, at);
  joined.set(keepAliveEnd, at + certificateLines.length);
  return joined;
};

/**
 * Writes a request head for an instance: Host first, else the order and case received, ours last.
 *
 * *Details*: `passesUpgrade` lets a WebSocket handshake ask the instance for what the client asked; `change` is what
 * policies change.
 */
export const writeRequestHead = (
  head: RequestHeadParser,
  bytes: Uint8Array,
  client: ClientFacts,
  out: ByteWriter,
  passesUpgrade = false,
  change?: HeadChange,
): void => {
  writeRequestLine(head, bytes, out, change?.path);
  writeHost(head, bytes, client, out, change?.host);
  writeFields(head, bytes, head.fieldsStart, leftOutOfRequest, out, change);
  if (change !== undefined) out.put(change.lines);
  if (head.sendsChunks) writeTransferEncoding(head, out);
  // A handshake leaves Connection to the upgrade alone, and TE may not go on without being named there (RFC 9110 §10.1.4).
  if (passesUpgrade) out.put(webSocketLine);
  else if (head.wantsTrailers) out.put(trailersLine);
  writeForwardedFor(head, bytes, client, out);
  if (passesUpgrade) writeLastLines(client, upgradeEnd, out);
  else if (head.wantsTrailers) writeLastLines(client, trailersEnd, out);
  else out.put(client.lastLines);
};

/** Method, target in origin or asterisk form (RFC 9112 §3.2.1), our version. */
const writeRequestLine = (
  head: RequestHeadParser,
  bytes: Uint8Array,
  out: ByteWriter,
  path: Uint8Array | undefined,
): void => {
  if (path !== undefined) {
    out.putRun(bytes, head.start, head.methodEnd);
    out.put(blank);
    out.put(path);
  } else if (head.authorityStart < 0) {
    out.putRun(bytes, head.start, head.targetEnd);
  } else {
    out.putRun(bytes, head.start, head.methodEnd);
    out.put(blank);
    // RFC 9112 §3.2.4: without a path, OPTIONS asks about the server as a whole.
    if (head.authorityEnd === head.targetEnd) out.put(head.isOptions(bytes) ? asterisk : slash);
    else if (bytes[head.authorityEnd] !== 0x2f) out.put(slash);
    out.putRun(bytes, head.authorityEnd, head.targetEnd);
  }
  out.put(requestVersion);
};

/** Host, spelled so, in front of every other field (RFC 9110 §7.2; RFC 9112 §3.2.2 for a target's authority). */
const writeHost = (
  head: RequestHeadParser,
  bytes: Uint8Array,
  client: ClientFacts,
  out: ByteWriter,
  host: Uint8Array | undefined,
): void => {
  out.put(hostName);
  if (host !== undefined) out.put(host);
  else if (head.authorityStart >= 0) out.putRun(bytes, head.authorityStart, head.authorityEnd);
  else if (head.hostIndex >= 0) {
    const at = head.hostIndex * fieldStride;
    out.putRun(bytes, head.spans[at + 2] as number, head.spans[at + 3] as number);
  } else out.put(client.nodeAddress());
  out.put(crlf);
};

const writeTransferEncoding = (head: HeadParser, out: ByteWriter): void => {
  if (!head.hasOtherCodings) {
    out.put(transferEncodingLine);
    return;
  }
  out.put(transferEncodingName);
  out.put(head.otherCodings);
  out.put(chunkedBehind);
};

/** One line: the addresses of all that were received, in order, and the client's own behind them. */
const writeForwardedFor = (head: RequestHeadParser, bytes: Uint8Array, client: ClientFacts, out: ByteWriter): void => {
  out.put(forwardedForName);
  if (head.forwardedForIndex >= 0) writeEarlierForwardedFor(head, bytes, out);
  out.put(client.address);
  out.put(crlf);
};

const writeEarlierForwardedFor = (head: RequestHeadParser, bytes: Uint8Array, out: ByteWriter): void => {
  for (let index = head.forwardedForIndex; index < head.fieldCount; index++) {
    if (head.kinds[index] !== Field.forwardedFor) continue;
    const at = index * fieldStride;
    const start = head.spans[at + 2] as number;
    const end = head.spans[at + 3] as number;
    if (start === end) continue;
    out.putRun(bytes, start, end);
    out.put(commaBlank);
  }
};

/** The last lines with another Connection than usual: it names what is meant for the next hop alone. */
const writeLastLines = ({ lastLines }: ClientFacts, connectionEnd: Uint8Array, out: ByteWriter): void => {
  out.putRun(lastLines, 0, lastLines.length - keepAliveEnd.length);
  out.put(connectionEnd);
};

/** Who adds fields of our own to an answer, behind the instance's: whole lines, or nothing. */
export interface OwnFields {
  writeOwnFields(head: ResponseHeadParser, bytes: Uint8Array, out: ByteWriter): void;
}

/**
 * Writes a response head for a client: fields in the order and case received, what `change` adds, then `own`, our Connection
 * last.
 */
export const writeResponseHead = (
  head: ResponseHeadParser,
  bytes: Uint8Array,
  isChunked: boolean,
  keepsAlive: boolean,
  out: ByteWriter,
  own?: OwnFields,
  change?: HeadChange,
): void => {
  let from = head.start;
  if (!head.isPlainStatusLine) {
    from = head.fieldsStart;
    writeStatusLine(head, bytes, out);
  }
  writeFields(head, bytes, from, head.status === 204 ? leftOutWithoutBody : leftOutOfResponse, out, change);
  if (change !== undefined) out.put(change.lines);
  own?.writeOwnFields(head, bytes, out);
  if (isChunked) writeTransferEncoding(head, out);
  out.put(keepsAlive ? keepAliveEnd : closeEnd);
};

/** Writes an interim response (1xx) whole; its fields pass, the connection's state is not spoken of. */
export const writeInterimHead = (head: ResponseHeadParser, bytes: Uint8Array, out: ByteWriter): void => {
  writeStatusLine(head, bytes, out);
  writeFields(head, bytes, head.fieldsStart, leftOutWithoutBody, out);
  out.put(crlf);
};

/** Writes the response that ends HTTP on a connection (101): its fields, and the upgrade that was asked for. */
export const writeUpgradeHead = (
  head: ResponseHeadParser,
  bytes: Uint8Array,
  out: ByteWriter,
  own?: OwnFields,
  change?: HeadChange,
): void => {
  writeStatusLine(head, bytes, out);
  writeFields(head, bytes, head.fieldsStart, leftOutWithoutBody, out, change);
  if (change !== undefined) out.put(change.lines);
  own?.writeOwnFields(head, bytes, out);
  out.put(webSocketLine);
  out.put(upgradeEnd);
};

const writeStatusLine = (head: ResponseHeadParser, bytes: Uint8Array, out: ByteWriter): void => {
  const code = head.start + responseVersion.length;
  out.put(responseVersion);
  out.putRun(bytes, code, head.reasonEnd);
  // RFC 9112 §4: the blank behind the code stands even when there is no reason.
  if (head.reasonEnd === code + 4) out.put(blank);
  out.put(crlf);
};

/** Copies runs of unchanged lines, beginning at `from`; leaves out what `leftOut`, `change` and Connection name. */
const writeFields = (
  head: HeadParser,
  bytes: Uint8Array,
  from: number,
  leftOut: Uint8Array,
  out: ByteWriter,
  change?: HeadChange,
): void => {
  const { spans, kinds, isUneven, fieldCount } = head;
  let runStart = from;
  let runEnd = head.fieldsStart;
  for (let index = 0; index < fieldCount; index++) {
    const at = index * fieldStride;
    const lineEnd = spans[at + 4] as number;
    const kind = kinds[index] as number;
    const isLeftOut =
      leftOut[kind] === 1 ||
      change?.leavesOut(bytes, spans[at] as number, spans[at + 1] as number) === true ||
      // RFC 9112 §6.1: Transfer-Encoding overrides Content-Length, which then must not go on.
      (kind === Field.contentLength && (head.hasTransferEncoding || isRepeated(head, index))) ||
      (head.nominated !== undefined && kind !== Field.contentLength && head.isNominated(bytes, index));
    if (!isLeftOut && isUneven[index] === 0) {
      runEnd = lineEnd;
      continue;
    }
    if (runEnd > runStart) out.putRun(bytes, runStart, runEnd);
    if (!isLeftOut) writeField(bytes, spans, at, out);
    runStart = lineEnd;
    runEnd = lineEnd;
  }
  if (runEnd > runStart) out.putRun(bytes, runStart, runEnd);
};

/** A second Content-Length (with the same number, or the parser would have refused) is left out. */
const isRepeated = (head: HeadParser, index: number): boolean => {
  for (let earlier = 0; earlier < index; earlier++) if (head.kinds[earlier] === Field.contentLength) return true;
  return false;
};

const writeField = (bytes: Uint8Array, spans: Int32Array, at: number, out: ByteWriter): void => {
  out.putRun(bytes, spans[at] as number, spans[at + 1] as number);
  out.put(colonBlank);
  out.putRun(bytes, spans[at + 2] as number, spans[at + 3] as number);
  out.put(crlf);
};

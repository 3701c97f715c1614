// A line of an access log as a JSON object: every field of the CLB format under a clear name, and what that has no place for.
//
// For machines that read logs line by line: no line break can be in it, whatever a client has sent, since JSON escapes them.
// It allocates freely, which the CLB format (clb-line.ts) doesn't.
import { classOf, desyncClassNames } from "../../parse/http1/desync.ts";
import type { AccessEntry } from "./access-entry.ts";
import type { AccessLog } from "./access-log.ts";
import { namesPort } from "./clb-line.ts";
import type { LoggedRequest } from "./logged-request.ts";
import { timeText } from "./wall-clock.ts";

/** The whole line, its end included. */
export const jsonLineOf = (entry: AccessEntry, accessLog: AccessLog): string => {
  const { client, desync, fields, isLayer7, request } = entry;
  return `${JSON.stringify({
    time: timeText(entry.receivedAtMs),
    elb: accessLog.log.name,
    listener: `${accessLog.protocol}:${accessLog.port}`,
    client: client.address,
    clientPort: client.port,
    backend: entry.backend?.text,
    instance: entry.instance,
    requestProcessingTime: secondsOf(entry.requestMs),
    backendProcessingTime: secondsOf(entry.backendMs),
    responseProcessingTime: secondsOf(entry.responseMs),
    duration: secondsOf(Math.max(0, entry.endedAtMs - entry.receivedAtMs)),
    status: isLayer7 ? entry.status : undefined,
    backendStatus: isLayer7 ? entry.backendStatus : undefined,
    receivedBytes: entry.receivedBytes,
    sentBytes: entry.sentBytes,
    ...(request?.isKnown === true ? describeRequest(request, accessLog) : {}),
    sslCipher: client.tls?.cipher,
    sslProtocol: client.tls?.protocol,
    reason: entry.reason,
    desync: desync && desyncClassNames[classOf(desync)],
    desyncReason: desync,
    retries: isLayer7 ? entry.retries : undefined,
    fields: fields === undefined || Object.keys(fields).length === 0 ? undefined : fields,
  })}\n`;
};

/** Seconds with six decimals; -1 where something didn't happen, as in the CLB format. */
const secondsOf = (ms: number): number => (ms < 0 ? -1 : Math.round(ms * 1000) / 1e6);

const describeRequest = (request: LoggedRequest, { scheme, portSuffix }: AccessLog): Record<string, unknown> => {
  const { bytes, targetStart, targetEnd, hostBytes, hostStart, hostEnd, agentStart, agentEnd, traceStart, traceEnd } =
    request;
  const target = utf8Text(bytes, targetStart, targetEnd);
  const host = utf8Text(hostBytes, hostStart, hostEnd);
  const port = namesPort(hostBytes, hostStart, hostEnd) ? "" : portSuffix.text;
  const origin = `${scheme.text}${host}${port}${target.startsWith("/") ? "" : "/"}`;
  return {
    method: utf8Text(bytes, request.methodStart, request.methodEnd),
    url: target === "" ? undefined : request.isAbsolute ? target : `${origin}${target}`,
    httpVersion: request.version.text,
    userAgent: agentEnd === agentStart ? undefined : utf8Text(bytes, agentStart, agentEnd),
    traceId: traceEnd === traceStart ? undefined : utf8Text(bytes, traceStart, traceEnd),
  };
};

/** What isn't UTF-8 becomes U+FFFD. */
const utf8Text = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");

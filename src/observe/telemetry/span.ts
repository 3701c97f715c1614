// One request, or one layer-4 connection, as a span of OTLP: made from the entry that the access log is made from too.
//
// Behind the pipeline, which fills the entry when an exchange is over, in front of the queue of spans. It decides which
// become spans, and owns their names; what a client has sent stands in attributes only.
// Source: OpenTelemetry semantic conventions for HTTP spans; what they have no word for begins with `elbow.`.
import type { OtlpTracer } from "effect/observability";
import { reasons } from "../../errors.ts";
import { classOf, desyncClassNames } from "../../parse/http1/desync.ts";
import type { AccessEntry } from "../access-log/access-entry.ts";
import type { LoggedRequest } from "../access-log/logged-request.ts";
import { makeTraceId, readTraceParent, type TraceParent } from "./trace-parent.ts";

/** A span as Effect's exporter takes it. */
export type Span = OtlpTracer.TraceData["resourceSpans"][number]["scopeSpans"][number]["spans"][number];

/** Where it happened. */
export interface SpanPlace {
  readonly loadBalancer: string;
  readonly protocol: string;
  readonly port: number;
}

const serverKind = 2;
const statusUnset = 0;
const statusError = 2;

/** The most of any text of a client's that a span keeps: thousands of spans may wait. */
const textMaxBytes = 1024;

/** Methods that may be a span's name (RFC 9110 §9, RFC 5789); any other is a client's invention. */
const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"]);

/**
 * The span of what is over; undefined where it isn't to be recorded.
 *
 * *Details*: a parent that is recorded takes it along, one that isn't leaves it out; `share` of those without one are recorded.
 */
export const makeSpan = (entry: AccessEntry, place: SpanPlace, share: number): Span | undefined => {
  const request = entry.request?.isKnown === true ? entry.request : undefined;
  const parent = request && parentOf(request);
  if (!isChosen(parent, share)) return undefined;
  const method = request && textOf(request.bytes, request.methodStart, request.methodEnd);
  const offsetMs = Date.now() - performance.now();
  const attributes = [
    ...attributesOf(entry, place),
    ...(request && method ? requestAttributesOf(request, method) : []),
  ];
  return {
    traceId: parent?.traceId ?? makeTraceId(16),
    spanId: makeTraceId(8),
    parentSpanId: parent?.spanId,
    name: entry.isLayer7
      ? method !== undefined && knownMethods.has(method)
        ? method
        : "HTTP"
      : `${place.protocol} connection`,
    kind: serverKind,
    startTimeUnixNano: nanosOf(entry.receivedAtMs, offsetMs),
    endTimeUnixNano: nanosOf(Math.max(entry.receivedAtMs, entry.endedAtMs), offsetMs),
    attributes,
    droppedAttributesCount: 0,
    events: eventsOf(entry, offsetMs),
    droppedEventsCount: 0,
    status: statusOf(entry),
    links: [],
    droppedLinksCount: 0,
  };
};

/** Whether what is over is to be recorded, as {@link makeSpan} decides it. */
export const isRecorded = ({ request }: AccessEntry, share: number): boolean =>
  isChosen(request?.isKnown === true ? parentOf(request) : undefined, share);

const isChosen = (parent: TraceParent | undefined, share: number): boolean =>
  parent === undefined ? Math.random() < share : parent.isSampled;

type Attribute = Span["attributes"][number];

const text = (key: string, value: string): Attribute => ({ key, value: { stringValue: value } });
const whole = (key: string, value: number): Attribute => ({ key, value: { intValue: value } });

const attributesOf = (entry: AccessEntry, { loadBalancer, protocol, port }: SpanPlace): Array<Attribute> => {
  const { status, backendStatus, reason, desync, instance, retries, client } = entry;
  const attributes = [
    text("elbow.load_balancer", loadBalancer),
    text("elbow.protocol", protocol),
    whole("server.port", port),
    text("client.address", client.address),
    whole("client.port", client.port),
    whole("elbow.received_bytes", entry.receivedBytes),
    whole("elbow.sent_bytes", entry.sentBytes),
  ];
  if (instance !== undefined) attributes.push(text("elbow.instance", instance));
  if (entry.backend !== undefined) attributes.push(text("elbow.instance_address", entry.backend.text));
  if (status > 0) attributes.push(whole("http.response.status_code", status));
  if (backendStatus > 0) attributes.push(whole("elbow.instance_status_code", backendStatus));
  if (retries > 0) attributes.push(whole("http.request.resend_count", retries));
  if (reason !== undefined) attributes.push(text("elbow.fault", reason));
  if (desync !== undefined) {
    attributes.push(text("elbow.desync.class", desyncClassNames[classOf(desync)]), text("elbow.desync.reason", desync));
  }
  if (client.tls !== undefined) {
    const { cipher, protocol } = client.tls;
    attributes.push(text("tls.protocol.version", protocol.replace(/^TLSv/, "")), text("tls.cipher", cipher));
  }
  return attributes;
};

const requestAttributesOf = (request: LoggedRequest, method: string): ReadonlyArray<Attribute> => {
  const { bytes, targetStart, targetEnd, hostBytes, hostStart, hostEnd, agentStart, agentEnd } = request;
  const mark = bytes.indexOf(questionMark, targetStart);
  const pathEnd = mark < 0 ? targetEnd : Math.min(mark, targetEnd);
  const attributes = [
    text("http.request.method", knownMethods.has(method) ? method : "_OTHER"),
    text("url.path", textOf(bytes, targetStart, pathEnd)),
    text("network.protocol.version", request.version.text.replace(/^HTTP\//, "")),
  ];
  if (!knownMethods.has(method)) attributes.push(text("http.request.method_original", method));
  if (pathEnd < targetEnd) attributes.push(text("url.query", textOf(bytes, pathEnd + 1, targetEnd)));
  if (hostEnd > hostStart) attributes.push(text("server.address", textOf(hostBytes, hostStart, hostEnd)));
  if (agentEnd > agentStart) attributes.push(text("user_agent.original", textOf(bytes, agentStart, agentEnd)));
  return attributes;
};

/** What lies between its beginning and its end, as far as it came. */
const eventsOf = (entry: AccessEntry, offsetMs: number): Span["events"] => {
  const { receivedAtMs, requestMs, backendMs, responseMs, isLayer7 } = entry;
  const names = isLayer7
    ? ["request sent to the instance", "response head received", "response begun to the client"]
    : ["sent to the instance", "answered by the instance", "begun to the client"];
  const events: Span["events"] = [];
  let atMs = receivedAtMs;
  for (const [index, durationMs] of [requestMs, backendMs, responseMs].entries()) {
    if (durationMs < 0) break;
    atMs += durationMs;
    const name = names[index] as string;
    events.push({ name, timeUnixNano: nanosOf(atMs, offsetMs), attributes: [], droppedAttributesCount: 0 });
  }
  return events;
};

/** A client's own fault is no error of a server's span; an answer of 500 and more is. */
const statusOf = ({ status, reason }: AccessEntry): Span["status"] => {
  const isFault = reason !== undefined && reasons[reason].side !== "client";
  if (status < 500 && !isFault) return { code: statusUnset };
  return reason === undefined ? { code: statusError } : { code: statusError, message: reason };
};

const parentOf = (request: LoggedRequest): TraceParent | undefined => {
  const { bytes, traceStart, traceEnd } = request;
  return traceEnd - traceStart < 55 ? undefined : readTraceParent(textOf(bytes, traceStart, traceEnd));
};

const latin1 = new TextDecoder("latin1");
const questionMark = 0x3f;

/** What a client has sent, but no more than {@link textMaxBytes} of it. */
const textOf = (bytes: Uint8Array, start: number, end: number): string =>
  latin1.decode(bytes.subarray(start, Math.min(end, start + textMaxBytes)));

/** Unix time in nanoseconds of a time on the monotonic clock, as OTLP's JSON has 64-bit numbers; `offsetMs` lies between both. */
const nanosOf = (monotonicMs: number, offsetMs: number): string => `${Math.round((offsetMs + monotonicMs) * 1000)}000`;

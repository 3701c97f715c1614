/**
 * Trace context: every request has an id and a W3C `traceparent`, which the instance, the client and the log all see.
 * What a client brings is kept where it is well-formed and made anew where it isn't (W3C, "Trace Context", §3.2). Ids are
 * kept with their requests, and go with them.
 */
import { definePolicy, type RequestContext, Schema } from "elbow";

const headerName = { title: "a header's name", expected: 'one such as "X-Request-Id"' };

interface Ids {
  readonly requestId: string;
  readonly traceparent: string;
  readonly isNewTrace: boolean;
}

/** So many random bytes in hexadecimal. */
const drawHex = (bytes: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Of version 00 nothing follows the flags; of a later one, only what begins with a hyphen. */
export const isTraceparent = (text: string): boolean => {
  const [, version, trace, parent, rest] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(text) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return false;
  return !/^0+$/.test(trace ?? "") && !/^0+$/.test(parent ?? "");
};

const isRequestId = (text: string): boolean => /^[\w.+/=-]{8,128}$/.test(text);

const makeIds = (request: RequestContext, header: string): Ids => {
  const offeredId = request.header(header);
  const offeredTrace = request.header("traceparent");
  const isNewTrace = offeredTrace === undefined || !isTraceparent(offeredTrace);
  return {
    requestId: offeredId !== undefined && isRequestId(offeredId) ? offeredId : crypto.randomUUID(),
    traceparent: isNewTrace ? `00-${drawHex(16)}-${drawHex(8)}-01` : offeredTrace,
    isNewTrace,
  };
};

/** The ids of requests, made when they are first asked for. */
class IdStore {
  private readonly known = new WeakMap<RequestContext, Ids>();

  constructor(readonly header: string) {}

  of(request: RequestContext): Ids {
    let ids = this.known.get(request);
    if (ids === undefined) {
      ids = makeIds(request, this.header);
      this.known.set(request, ids);
    }
    return ids;
  }
}

export default definePolicy({
  type: "trace-context",
  attributes: Schema.Struct({
    /** The header of requests and answers that has the id; `X-Request-Id` where it is left out. */
    header: Schema.optional(
      Schema.String.annotate(headerName).check(Schema.makeFilter((text) => /^[\w-]+$/.test(text), headerName)),
    ),
  }),
  state: ({ header = "X-Request-Id" }) => new IdStore(header),
  requestHead(_attributes, request, ids) {
    const { requestId, traceparent, isNewTrace } = ids.of(request);
    // Without a sound traceparent, tracestate means nothing (§3.3).
    return { remove: isNewTrace ? ["tracestate"] : [], set: { [ids.header]: requestId, traceparent } };
  },
  responseHead: (_attributes, { request }, ids) => ({ set: { [ids.header]: ids.of(request).requestId } }),
  log(_attributes, { request }, ids) {
    if (request === undefined) return undefined;
    const { requestId, traceparent } = ids.of(request);
    return { requestId, traceId: traceparent.slice(3, 35) };
  },
});

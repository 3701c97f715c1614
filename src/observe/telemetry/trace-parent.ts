// Which trace a request belongs to, by its `traceparent` header, and whether that trace is recorded.
//
// Source: W3C Trace Context, "Traceparent Header". Pure; a header that isn't one is as if there were none.

/** Who asked for it, in the trace's own terms. */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

const shape = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a `traceparent`; undefined where it is none. */
export const readTraceParent = (text: string): TraceParent | undefined => {
  const [, version, traceId, spanId, flags, rest] = shape.exec(text) ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  // More may follow in later versions only, and ff is none.
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
};

/** A random id of so many bytes, in hexadecimal; never all zeros. */
export const makeTraceId = (bytes: 8 | 16): string => {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  if (random.every((byte) => byte === 0)) random[0] = 1;
  return random.toHex();
};

// An OTLP/HTTP collector on loopback that keeps what it is sent: JSON as values, anything else as bytes; it answers as told.

/** One push as it came. */
export interface PushedBatch {
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

type Json = Readonly<Record<string, unknown>>;

/** A span of OTLP's JSON, as far as tests look at it. */
export interface PushedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: ReadonlyArray<{ readonly name: string; readonly timeUnixNano: string }>;
  readonly status: { readonly code: number; readonly message?: string };
}

export class Collector implements Disposable {
  readonly batches: Array<PushedBatch> = [];
  /** How a push is answered; undefined never. */
  status: number | undefined = 200;
  private readonly server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const body = new Uint8Array(await request.arrayBuffer());
      this.batches.push({ path: new URL(request.url).pathname, headers: request.headers, body });
      const { status } = this;
      return status === undefined ? new Promise<Response>(() => {}) : new Response("{}", { status });
    },
  });

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  /** What came to a path, as JSON. */
  read(path: string): ReadonlyArray<Json> {
    return this.batches.filter((one) => one.path === path).map(({ body }) => JSON.parse(Buffer.from(body).toString()));
  }

  /** All metrics of the last push, by name. */
  lastMetrics(): ReadonlyMap<string, Json> {
    const last = this.read("/v1/metrics").at(-1) as
      | { resourceMetrics: Array<{ scopeMetrics: Array<{ metrics: Array<Json & { name: string }> }> }> }
      | undefined;
    return new Map(last?.resourceMetrics[0]?.scopeMetrics[0]?.metrics.map((one) => [one.name, one]));
  }

  /** All spans that have come. */
  spans(): ReadonlyArray<PushedSpan> {
    return this.read("/v1/traces").flatMap((batch) => {
      const { resourceSpans } = batch as {
        resourceSpans: Array<{ scopeSpans: Array<{ spans: Array<Record<string, unknown>> }> }>;
      };
      return resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) =>
          spans.map((span) => ({
            ...(span as unknown as PushedSpan),
            attributes: Object.fromEntries(
              (span.attributes as Array<{ key: string; value: Json }>).map(({ key, value }) => [
                key,
                Object.values(value)[0],
              ]),
            ),
          })),
        ),
      );
    });
  }

  [Symbol.dispose](): void {
    void this.server.stop(true);
  }
}

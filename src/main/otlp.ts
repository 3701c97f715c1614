// The push of metrics and traces to an OTLP collector, by Effect's own exporter; loaded only where a configuration asks for it.
//
// Opened and closed by telemetry.ts. Owns what the exporter leaves open: a limit on how long a collector may take, one line
// when it can't be reached and one when it can again, and counts of both. One batch of each kind is on its way at a time, so a
// collector that hangs holds no more than that and the bounded queue of spans.
import { Effect, Layer, type Scope } from "effect";
import { FetchHttpClient, type HttpBody, HttpClient, HttpClientError, type HttpClientRequest } from "effect/http";
import { OtlpExporter, OtlpResource, OtlpSerialization } from "effect/observability";
import type { Otlp } from "../model/telemetry.ts";
import { type MetricFamily, registerMetrics } from "../observe/metrics.ts";
import { tellNotice } from "../observe/notices.ts";
import { makeMetricsData } from "../observe/telemetry/otlp-metrics.ts";
import { SpanQueue, spans } from "../observe/telemetry/spans.ts";
import { version } from "./version.ts";

/** How long a collector may take to answer, in seconds. */
const answerTimeout = 10;
/** How long a push may hold up the end of the process, in seconds. */
const lastPushTimeout = 1;
/** The longest wait of a span, in seconds: more often than metrics, so that its queue stays short. */
const spanInterval = 2;

/** What is pushed, and as whom. */
export interface Push {
  readonly otlp: Otlp;
  readonly zone: string | undefined;
  readonly collect: () => ReadonlyArray<MetricFamily>;
}

/** Pushes until the scope closes, once more at its end. */
export const pushTelemetry = (push: Push): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { otlp, zone, collect } = push;
    const serialization = yield* OtlpSerialization.OtlpSerialization;
    const resource = OtlpResource.make({
      serviceName: "elbow",
      serviceVersion: version,
      attributes: zone === undefined ? {} : { "cloud.availability_zone": zone },
    });
    const startNanos = nanosOf(performance.timeOrigin);
    const settings = { headers: otlp.headers, maxBatchSize: "disabled", exportEmpty: true } as const;
    yield* OtlpExporter.make({
      ...settings,
      label: "elbow-metrics",
      url: `${otlp.url}/v1/metrics`,
      exportInterval: `${otlp.interval} seconds`,
      shutdownTimeout: `${lastPushTimeout} seconds`,
      body: () =>
        encode("metrics", () => {
          const moment = { resource, version, startNanos, nowNanos: nanosOf(Date.now()) };
          return serialization.metrics(makeMetricsData(collect(), moment));
        }),
    });
    yield* Effect.acquireRelease(
      Effect.sync(() => registerMetrics(readPushMetrics)),
      (unregister) => Effect.sync(unregister),
    );
    if (otlp.traces === 0) return;
    const queue = new SpanQueue(otlp.traces);
    yield* OtlpExporter.make({
      ...settings,
      label: "elbow-traces",
      url: `${otlp.url}/v1/traces`,
      exportInterval: `${Math.min(otlp.interval, spanInterval)} seconds`,
      shutdownTimeout: `${lastPushTimeout} seconds`,
      body: () =>
        encode(
          "traces",
          () => {
            const scopeSpans = [{ scope: { name: "elbow", version }, spans: queue.takeAll() }];
            return serialization.traces({ resourceSpans: [{ resource, scopeSpans }] });
          },
          Effect.sync(() => queue.notePushed()),
        ),
    });
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        spans.queue = queue;
        return registerMetrics(() => readSpanMetrics(queue));
      }),
      (unregister) =>
        Effect.sync(() => {
          unregister();
          if (spans.queue === queue) spans.queue = undefined;
        }),
    );
  }).pipe(Effect.provide(layerPush(push.otlp)));

/** The exporter drops what can't be written in silence. */
const encode = (
  signal: string,
  write: () => HttpBody.HttpBody,
  onArrived: Effect.Effect<void> = Effect.void,
): readonly [HttpBody.HttpBody, Effect.Effect<void>] => {
  try {
    return [write(), onArrived];
  } catch (error) {
    tellNotice(
      `an error in elbow itself: ${signal} for the collector: ${error instanceof Error ? error.stack : error}`,
    );
    throw error;
  }
};

const layerPush = ({ encoding }: Otlp) =>
  Layer.mergeAll(
    OtlpExporter.layerFlusher,
    encoding === "json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf,
    Layer.provide(layerWatchedClient, FetchHttpClient.layer),
  );

/** How pushes have ended, by what was pushed; as long as the process, since a reload may open the push anew. */
const pushes = new Map<string, { succeeded: number; failed: number; isFailing: boolean }>();

/** A client that gives up in time, and says when a collector can't be reached. */
const layerWatchedClient = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (client) =>
    client.pipe(
      HttpClient.transform((answer, request) =>
        answer.pipe(
          // A collector that sends elsewhere isn't followed: the headers may be a key to this one alone.
          Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
          Effect.timeoutOrElse({ duration: `${answerTimeout} seconds`, orElse: () => Effect.fail(lateness(request)) }),
          Effect.tap(({ status }) =>
            Effect.sync(() => notePush(request.url, status >= 200 && status < 300 ? undefined : `status ${status}`)),
          ),
          Effect.tapError((error) => Effect.sync(() => notePush(request.url, describe(error)))),
        ),
      ),
    ),
  ),
);

const lateness = (request: HttpClientRequest.HttpClientRequest) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, description: `no answer within ${answerTimeout} s` }),
  });

const describe = ({ reason }: HttpClientError.HttpClientError): string => {
  const { cause } = reason as { readonly cause?: unknown };
  if (cause instanceof Error) return (cause as { readonly code?: string }).code ?? cause.message;
  return ("description" in reason && reason.description) || reason._tag;
};

const notePush = (url: string, problem: string | undefined): void => {
  const signal = url.endsWith("/v1/traces") ? "traces" : "metrics";
  const known = pushes.get(signal) ?? { succeeded: 0, failed: 0, isFailing: false };
  pushes.set(signal, known);
  if (problem === undefined) {
    known.succeeded++;
    if (known.isFailing) tellNotice(`telemetry: ${url} takes ${signal} again`);
  } else {
    known.failed++;
    if (!known.isFailing) tellNotice(`telemetry: ${url} takes no ${signal}: ${problem}; what it misses is dropped`);
  }
  known.isFailing = problem !== undefined;
};

const readSpanMetrics = (queue: SpanQueue): ReadonlyArray<MetricFamily> => [
  {
    name: "elbow_telemetry_spans_total",
    help: "Spans that were pushed, or dropped because too many waited or their push failed; since traces were configured as they are.",
    type: "counter",
    samples: [
      { labels: { result: "pushed" }, value: queue.pushed },
      { labels: { result: "dropped" }, value: queue.dropped },
    ],
  },
];

const readPushMetrics = (): ReadonlyArray<MetricFamily> => [
  {
    name: "elbow_telemetry_pushes_total",
    help: "Attempts to push to the collector, by what was pushed and how it ended.",
    type: "counter",
    samples: [...pushes].flatMap(([signal, { succeeded, failed }]) => [
      { labels: { signal, result: "succeeded" }, value: succeeded },
      { labels: { signal, result: "failed" }, value: failed },
    ]),
  },
];

const nanosOf = (unixMs: number): string => `${Math.round(unixMs * 1000)}000`;

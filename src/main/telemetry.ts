// The push of metrics and traces as a configuration asks for it, from the start through every reload.
//
// Held by serve.ts. Owns the push that is open; without one in the configuration nothing is loaded, made or asked. A change of
// the settings closes the one before, which pushes what it still has; anything else in a reload leaves it alone.
import { Effect, Exit, Scope } from "effect";
import type { Configuration } from "../model/configuration.ts";
import type { MetricFamily } from "../observe/metrics.ts";

/** What follows a configuration. */
export interface Telemetry {
  /** Pushes as the configuration says, from now on. */
  readonly follow: (configuration: Configuration) => Effect.Effect<void>;
}

/** Pushes nothing yet; what is open when the scope closes is closed with it. `collect` answers all metrics. */
export const makeTelemetry = (
  collect: () => ReadonlyArray<MetricFamily>,
): Effect.Effect<Telemetry, never, Scope.Scope> =>
  Effect.map(Effect.scope, (lifetime) => {
    let open: { readonly key: string; readonly scope: Scope.Closeable } | undefined;
    const follow = Effect.fnUntraced(function* ({ otlp, zone }: Configuration) {
      const key = JSON.stringify([otlp, zone]);
      if (otlp === undefined ? open === undefined : open?.key === key) return;
      const before = open;
      open = undefined;
      if (before !== undefined) yield* Scope.close(before.scope, Exit.void);
      if (otlp === undefined) return;
      const { pushTelemetry } = yield* Effect.promise(() => import("./otlp.ts"));
      const scope = yield* Scope.fork(lifetime);
      yield* Scope.provide(pushTelemetry({ otlp, zone, collect }), scope);
      open = { key, scope };
    });
    return { follow: (configuration) => Effect.uninterruptible(follow(configuration)) };
  });

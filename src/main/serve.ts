// A serving process from its first configuration to its end: load, open the management server, apply, say what listens,
// reload on SIGHUP, drain on SIGTERM. It sits on top of control/ and admin/ and owns their order. It never opens a
// listener of the data path itself and never sees a connection.

import { Clock, Effect, Exit, Scope } from "effect";
import type { AdminSources, Readiness } from "../admin/app.ts";
import { processMetrics } from "../admin/process-metrics.ts";
import { openAdminServer } from "../admin/server.ts";
import { findRemarks } from "../control/configuration/remarks.ts";
import { Control } from "../control/control.ts";
import type { BindError } from "../errors.ts";
import type { Configuration } from "../model/configuration.ts";
import { selfTest } from "../net/self-test.ts";
import { collectMetrics } from "../observe/metrics.ts";
import type { CertificateError } from "../tls/certificate-error.ts";
import { formatBindError } from "./bind-refusal.ts";
import { CommandFailure } from "./command-failure.ts";
import type { ConfigurationSource } from "./configuration-source.ts";
import { withCookieSecrets } from "./cookie-secrets.ts";
import { Signals } from "./signals.ts";
import { formatStartUpTable, type StartUpTable } from "./start-up-table.ts";
import { version } from "./version.ts";

const say = (text: string) =>
  Effect.sync(() => {
    process.stderr.write(`elbow: ${text}\n`);
  });

const refuse = (source: ConfigurationSource) => (error: BindError | CertificateError) => {
  const text = error._tag === "BindError" ? formatBindError(error, source.nameSetting) : error.message;
  return new CommandFailure({ text: `elbow: ${text}`, exitCode: 1 });
};

/** A management server and the scope that closes it. */
interface Management {
  readonly address: string;
  /** As configured, to notice a change; 0 where any free port was asked for. */
  readonly askedPort: number;
  readonly port: number;
  readonly scope: Scope.Closeable;
}

/**
 * Serves what a source configures until a signal asks for the end, then drains; succeeds after an orderly end. Fails
 * with the words to print when the first configuration can't be had or an address can't be bound.
 */
export const serve = Effect.fnUntraced(function* (
  source: ConfigurationSource,
): Effect.fn.Return<void, CommandFailure, Control | Signals> {
  const signals = yield* Signals;
  const lifetime = Effect.scoped(serveUntilInterrupted(source));
  const announceEnd = Effect.flatMap(signals.termination, (signal) =>
    say(`${signal}: no new connections; open ones may finish, a second signal ends at once`),
  );
  // The loser is interrupted and awaited: that runs the finalizers below, in the reverse of the order of start.
  yield* Effect.raceFirst(lifetime, announceEnd);
});

const serveUntilInterrupted = Effect.fnUntraced(function* (
  source: ConfigurationSource,
): Effect.fn.Return<never, CommandFailure, Control | Signals | Scope.Scope> {
  const control = yield* Control;
  const signals = yield* Signals;
  // Older than the data path's own finalizer, whichever server a reload puts into it: what shows the draining ends last.
  const managementScope = yield* Scope.fork(yield* Effect.scope);
  let readiness: Readiness = "starting";
  let hasReloaded: boolean | undefined;

  const openManagement = Effect.fnUntraced(function* ({ management }: Configuration) {
    const sources: AdminSources = {
      version,
      address: management.address,
      readiness: () => readiness,
      status: control.status,
      metrics: () => [...collectMetrics(), ...processMetrics({ version, hasReloaded })],
    };
    const own = yield* Scope.fork(managementScope);
    const port = yield* openAdminServer({ ...sources, port: management.port, setting: "management.port" }).pipe(
      Scope.provide(own),
      Effect.onError(() => Scope.close(own, Exit.void)),
    );
    return { address: management.address, askedPort: management.port, port, scope: own } satisfies Management;
  });

  for (const remark of yield* Effect.promise(selfTest)) yield* say(remark);
  const load = Effect.flatMap(source.load, (loaded) => withCookieSecrets(loaded));
  let configuration = yield* load;
  // Management first, so that a taken port is known before a client is accepted.
  let management: Management = yield* openManagement(configuration).pipe(Effect.mapError(refuse(source)));
  // Before there is anything to shut down, since the end may come while instances are asked for the first time.
  yield* Effect.addFinalizer(() => {
    readiness = "draining";
    return control.shutdown(configuration.shutdownGrace * 1_000);
  });
  yield* control.apply(configuration).pipe(Effect.mapError(refuse(source)));
  readiness = "serving";
  const print = (options: Pick<StartUpTable, "title" | "hasTrial" | "authorityFile">) =>
    Effect.sync(() => {
      process.stdout.write(formatStartUpTable({ ...options, management, status: control.status() }));
    });
  yield* print({ title: source.title, hasTrial: source.hasTrial, authorityFile: source.findAuthorityFile?.() });
  // What is odd and served all the same: suites that the TLS library lacks, certificates near their end.
  const sayRemarks = Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Effect.flatMap(
      Effect.suspend(() => findRemarks(configuration, nowMs)),
      (remarks) => Effect.forEach(remarks, say, { discard: true }),
    ),
  );
  yield* sayRemarks;

  // Everything new is bound before anything old is let go, so that a refused reload has changed nothing.
  const change = Effect.fnUntraced(function* (
    next: Configuration,
    restore: <A, E>(wait: Effect.Effect<A, E>) => Effect.Effect<A, E>,
  ) {
    const isMoved = next.management.address !== management.address || next.management.port !== management.askedPort;
    const moved = isMoved ? yield* openManagement(next) : management;
    yield* Effect.onError(restore(control.apply(next)), () =>
      isMoved ? Scope.close(moved.scope, Exit.void) : Effect.void,
    );
    configuration = next;
    hasReloaded = true;
    if (isMoved) {
      const old = management;
      management = moved;
      yield* Scope.close(old.scope, Exit.void);
    }
    yield* print({ title: `reloaded ${source.title}`, hasTrial: false });
    yield* sayRemarks;
  });

  // Loading runs the user's module and may be given up, and so may `apply` while it waits for instances: it does all or
  // nothing. A half-changed process would be worse than a late end.
  const reload = load.pipe(
    Effect.flatMap((next) =>
      Effect.uninterruptibleMask((restore) => change(next, restore)).pipe(Effect.mapError(refuse(source))),
    ),
    Effect.catch((failure) => {
      hasReloaded = false;
      return say(`reload refused, everything stays as it was\n${failure.text}`);
    }),
  );

  return yield* Effect.forever(
    Effect.andThen(
      signals.reload,
      source.isReloadable ? reload : say(`SIGHUP: there is nothing to reload in ${source.title}`),
    ),
  );
});

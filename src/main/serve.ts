// A serving process from its first configuration to its end: load, open the management server, apply, say what listens,
// reload on SIGHUP, drain on SIGTERM. It sits on top of control/ and admin/ and owns their order. It never opens a
// listener of the data path itself and never sees a connection.

import { Clock, Effect, Scope } from "effect";
import type { AdminSources, Readiness } from "../admin/app.ts";
import { processMetrics } from "../admin/process-metrics.ts";
import { openAdminServer } from "../admin/server.ts";
import { findRemarks } from "../control/configuration/remarks.ts";
import { Control } from "../control/control.ts";
import type { ReloadReport } from "../control/reload-report.ts";
import type { ApplyError } from "../control/running-state.ts";
import type { Configuration } from "../model/configuration.ts";
import { selfTest } from "../net/self-test.ts";
import { tellDefectsTo } from "../net/transport.ts";
import { watchEventLoop } from "../observe/event-loop.ts";
import { type LogFields, type LogLevel, log } from "../observe/log.ts";
import { collectMetrics } from "../observe/metrics.ts";
import { formatBindError, type Holder } from "./bind-refusal.ts";
import { CommandFailure } from "./command-failure.ts";
import type { ConfigurationSource } from "./configuration-source.ts";
import { withCookieSecrets } from "./cookie-secrets.ts";
import { watchFiles } from "./file-watch.ts";
import { Reloads } from "./reloads.ts";
import { Signals } from "./signals.ts";
import { describeStart } from "./start-line.ts";
import { formatStartUpTable, type StartUpTable } from "./start-up-table.ts";
import { findSupervisor } from "./supervisor.ts";
import { makeTelemetry } from "./telemetry.ts";
import { handleUnhandled } from "./unhandled.ts";
import { version } from "./version.ts";

const say = (level: LogLevel, text: string, fields: LogFields = {}) => Effect.sync(() => log(level, text, fields));

const refuse = (source: ConfigurationSource, findHolders?: () => ReadonlyArray<Holder>) => (error: ApplyError) => {
  const text = error._tag === "BindError" ? formatBindError(error, source.nameSetting, findHolders?.()) : error.message;
  return new CommandFailure({ text: `elbow: ${text}`, exitCode: 1 });
};

const hasLogOnStandardOutput = ({ loadBalancers }: Configuration): boolean =>
  loadBalancers.some(({ attributes: { accessLog } }) => accessLog.enabled && accessLog.stdout === true);

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
    say("info", `${signal}: no new connections; open ones may finish, a second signal ends at once`),
  );
  // The loser is interrupted and awaited: that runs the finalizers below, in the reverse of the order of start.
  yield* Effect.raceFirst(lifetime, announceEnd);
});

const serveUntilInterrupted = Effect.fnUntraced(function* (
  source: ConfigurationSource,
): Effect.fn.Return<never, CommandFailure, Control | Signals | Scope.Scope> {
  const control = yield* Control;
  const signals = yield* Signals;
  // Older than the data path's own finalizer, wherever a reload moves it: what shows the draining ends last.
  const managementScope = yield* Scope.fork(yield* Effect.scope);
  let readiness: Readiness = "starting";
  const reloads = new Reloads();

  const metrics = () => [
    ...collectMetrics(),
    ...processMetrics({ version, hasReloaded: reloads.last?.isApplied }),
    ...reloads.readMetrics(),
  ];
  const telemetry = yield* makeTelemetry(metrics);

  const sources: AdminSources = {
    version,
    startedAt: new Date().toISOString(),
    source: source.title,
    readiness: () => readiness,
    metrics,
    control,
    reload: () => (source.isReloadable ? Effect.runPromise(reloads.request("API")) : Promise.resolve(undefined)),
    lastReload: () => reloads.last,
  };

  tellDefectsTo((text) => log("error", text));
  yield* handleUnhandled(control.noteUnhandled);
  yield* Effect.acquireRelease(Effect.sync(watchEventLoop), (stop) => Effect.sync(stop));
  const supervisor = yield* Effect.acquireRelease(
    Effect.sync(() => findSupervisor(process.env)),
    ({ close }) => Effect.sync(close),
  );
  for (const remark of yield* Effect.promise(selfTest)) yield* say("warn", remark);
  const load = Effect.flatMap(source.load, (loaded) => withCookieSecrets(loaded));
  let configuration = yield* load;
  // Management first, so that a taken port is known before a client is accepted.
  const management = yield* openAdminServer(sources, configuration.management).pipe(
    Scope.provide(managementScope),
    Effect.mapError(refuse(source)),
  );
  // Before there is anything to shut down, since the end may come while instances are asked for the first time.
  yield* Effect.addFinalizer(() => {
    readiness = "draining";
    supervisor.stopping("draining: open connections may finish", configuration.shutdownGrace * 1_000);
    return control.shutdown(configuration.shutdownGrace * 1_000);
  });
  yield* control.apply(configuration).pipe(Effect.mapError(refuse(source)));
  readiness = "serving";
  yield* telemetry.follow(configuration);
  const print = (options: Pick<StartUpTable, "title" | "hasTrial" | "authorityFile">) =>
    Effect.sync(() => {
      // What reads a log there isn't to find a table in it; the line in the process's own log says the same.
      if (hasLogOnStandardOutput(configuration)) return;
      process.stdout.write(
        formatStartUpTable({ ...options, management: management.place(), status: control.status() }),
      );
    });
  yield* print({ title: source.title, hasTrial: source.hasTrial, authorityFile: source.findAuthorityFile?.() });
  yield* say("info", `serving ${source.title}`, describeStart(control.status(), configuration, management.place()));
  // What is odd and served all the same: suites that the TLS library lacks, certificates near their end.
  const sayRemarks = Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Effect.flatMap(
      Effect.suspend(() => findRemarks(configuration, nowMs)),
      (remarks) => Effect.forEach(remarks, (remark) => say("warn", remark), { discard: true }),
    ),
  );
  yield* sayRemarks;
  const title = `serving ${source.title}`;
  supervisor.ready(title);
  // Listeners that a shutdown has closed are no fault.
  supervisor.watch(() => (readiness === "serving" ? control.findDeafListener() : undefined));

  const findHolders = (): ReadonlyArray<Holder> => [
    { name: "the management server", setting: "management", ...management.place() },
    ...control.status().flatMap(({ name, listeners }) =>
      listeners.map(({ address, port }) => ({
        ...{ name: `a listener of ${name}`, setting: "loadBalancers" as const, address, port },
      })),
    ),
  ];

  // Everything new is bound before anything old is let go, so that a refused reload has changed nothing.
  const change = Effect.fnUntraced(function* (
    next: Configuration,
    restore: <A, E>(wait: Effect.Effect<A, E>) => Effect.Effect<A, E>,
  ) {
    const prepared = yield* management.prepare(next.management);
    yield* Effect.onError(restore(control.apply(next)), () => prepared.drop);
    configuration = next;
    yield* telemetry.follow(next);
    yield* prepared.take;
    yield* print({ title: `reloaded ${source.title}`, hasTrial: false });
    yield* sayRemarks;
  });

  // Loading runs the user's module and may be given up, and so may `apply` while it waits for instances: it does all or
  // nothing. A half-changed process would be worse than a late end.
  const reload = Effect.sync(supervisor.reloading).pipe(
    Effect.andThen(load),
    Effect.flatMap((next) =>
      Effect.uninterruptibleMask((restore) => change(next, restore)).pipe(Effect.mapError(refuse(source, findHolders))),
    ),
  );
  const told = ({ cause, durationMs, problems }: ReloadReport, failure: CommandFailure | undefined) =>
    Effect.suspend(() => {
      supervisor.ready(failure === undefined ? title : `${title} as it was: the last reload was refused`);
      return failure === undefined
        ? say("info", `reloaded ${source.title}`, { cause, durationMs })
        : say("error", "reload refused, everything stays as it was", { cause, problems });
    });

  yield* Effect.forkScoped(Effect.forever(Effect.andThen(signals.reopen, control.reopenLogs)));
  const { files } = source;
  if (files !== undefined) {
    const onChange = Effect.asVoid(reloads.request("file"));
    yield* Effect.forkScoped(watchFiles({ files, isOn: () => configuration.watch ?? true, onChange }));
  }
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        signals.reload,
        source.isReloadable
          ? Effect.asVoid(reloads.request("SIGHUP"))
          : Effect.andThen(
              say("warn", "SIGHUP: nothing to reload, elbow runs without a configuration file"),
              Effect.sync(() => {
                // Whoever sent the signal waits for both.
                supervisor.reloading();
                supervisor.ready(title);
              }),
            ),
      ),
    ),
  );
  return yield* reloads.serve(reload, told);
});

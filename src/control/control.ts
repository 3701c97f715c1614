// What may be asked of the load balancers while they run: the one place through which listeners and instances come and go.
//
// `apply` makes a checked configuration real, all or nothing; the changes beside it make the next configuration from the present
// one and go the same way. Owns the layer and what it repeats; how it is done is running-state.ts's affair.
import { Context, Effect, FiberSet, Layer } from "effect";
import type { BindError } from "../errors.ts";
import { HealthChecker } from "../health/checker.ts";
import type { Configuration } from "../model/configuration.ts";
import { monotonicMs } from "../net/clock.ts";
import { tellEvent } from "../observe/events.ts";
import { log } from "../observe/log.ts";
import { registerMetrics } from "../observe/metrics.ts";
import { tellNotice } from "../observe/notices.ts";
import { readCertificateMetrics } from "./certificate-metrics.ts";
import {
  type AttributeSettings,
  deregister,
  drain,
  type HealthCheckSetting,
  type InstanceNotRegistered,
  LoadBalancerNotFound,
  register,
  setAttributes,
  setHealthCheck,
  undrain,
} from "./changes.ts";
import type { ConfigurationError } from "./configuration/configuration-error.ts";
import { type InstanceHealth, readInstanceHealth } from "./instance-health.ts";
import { lookEveryMs } from "./keychain.ts";
import { readMetrics } from "./listener-metrics.ts";
import { type Lookup, Names, resolveEveryMs } from "./resolver.ts";
import { type ApplyError, RunningState } from "./running-state.ts";
import type { LoadBalancerStatus } from "./status.ts";

/** How names are looked up; the system's resolver every 30 s, but in tests. */
export interface ControlOptions {
  readonly lookup?: Lookup;
  readonly resolveEveryMs?: number;
}

export class Control extends Context.Service<
  Control,
  {
    /**
     * Makes a checked configuration real; the first time, and at every reload.
     *
     * *Fails with*: {@link ApplyError} when a listener can't be bound, or a certificate, key or authority can't be used, or a policy can't begin; then
     * everything is as it was.
     */
    readonly apply: (configuration: Configuration) => Effect.Effect<void, ApplyError>;
    /**
     * Registers instances with a load balancer, written as in its list in a configuration. Who is registered stays as it is.
     *
     * *Details*: a later {@link apply} that leaves an instance's entry as it was leaves it registered, or deregistered; on health
     * checks and attributes it has the last word. All of it ends with the process.
     */
    readonly register: (
      loadBalancer: string,
      instances: ReadonlyArray<string>,
    ) => Effect.Effect<void, ConfigurationError | LoadBalancerNotFound | BindError>;
    /** Deregisters instances by their ids: nothing new begins on them, and what is in progress drains. */
    readonly deregister: (
      loadBalancer: string,
      ids: ReadonlyArray<string>,
    ) => Effect.Effect<void, InstanceNotRegistered | LoadBalancerNotFound | BindError>;
    /**
     * Drains an instance that stays registered, of this load balancer, or of every one that has it: it gets nothing new, and
     * what is in progress on it drains. It survives a later {@link apply} as {@link register} does.
     */
    readonly drain: (
      loadBalancer: string | undefined,
      id: string,
    ) => Effect.Effect<void, InstanceNotRegistered | LoadBalancerNotFound | BindError>;
    /** Ends that an instance is drained. */
    readonly undrain: (
      loadBalancer: string | undefined,
      id: string,
    ) => Effect.Effect<void, InstanceNotRegistered | LoadBalancerNotFound | BindError>;
    /** Sets what a load balancer's instances are asked; undefined asks nobody anything. */
    readonly setHealthCheck: (
      loadBalancer: string,
      check: HealthCheckSetting | undefined,
    ) => Effect.Effect<void, ConfigurationError | LoadBalancerNotFound | BindError>;
    /** Sets these attributes of a load balancer, and leaves the others as they are. */
    readonly setAttributes: (
      loadBalancer: string,
      attributes: AttributeSettings,
    ) => Effect.Effect<void, ConfigurationError | LoadBalancerNotFound | BindError>;
    /** The running state, now. */
    readonly status: () => ReadonlyArray<LoadBalancerStatus>;
    /** A listener that should be listening and isn't, in words; undefined as long as all is well. */
    readonly findDeafListener: () => string | undefined;
    /** The state of these instances, registered or not; without ids, of all that are registered or being deregistered. */
    readonly instanceHealth: (
      loadBalancer: string,
      ids?: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<InstanceHealth>, LoadBalancerNotFound>;
    /**
     * Blames what nobody caught on the user's policy through whose module it came; false where it came through none. It is
     * counted all the same if it `isUsers`.
     */
    readonly noteUnhandled: (error: unknown, isUsers: boolean) => boolean;
    /** Opens the files of access logs anew, for who has moved them away. */
    readonly reopenLogs: Effect.Effect<void>;
    /** Stops accepting, lets connections finish for `graceMs` milliseconds, then cuts the rest. */
    readonly shutdown: (graceMs: number) => Effect.Effect<void>;
  }
>()("elbow/control/Control") {
  static get layer(): Layer.Layer<Control> {
    return layerControl();
  }
}

/** Control that looks names up in its own way. */
export const layerControl = (options: ControlOptions = {}): Layer.Layer<Control> =>
  Layer.provide(
    Layer.effect(
      Control,
      Effect.gen(function* () {
        // A connection's fiber ends with this scope at the latest.
        const fork = yield* FiberSet.makeRuntime<never, void, never>();
        const state = new RunningState(fork, yield* HealthChecker, new Names(options.lookup));
        const unregister = registerMetrics(() => [
          ...readMetrics(state.listeners.running.values(), state.listeners.leaving),
          ...state.readMetrics(),
          ...readCertificateMetrics(state.listeners.running.values(), state.staleCertificates),
        ]);
        yield* Effect.addFinalizer(() => Effect.andThen(Effect.sync(unregister), state.shutdown(0)));
        yield* Effect.forkScoped(repeatEvery(options.resolveEveryMs ?? resolveEveryMs, state.refreshNames));
        yield* Effect.forkScoped(repeatEvery(lookEveryMs, state.refreshKeys));
        yield* Effect.forkScoped(repeatEvery(1000, state.refreshShares));
        return Control.of({
          apply: (configuration) => state.apply(configuration),
          register: (loadBalancer, instances) =>
            tellDone(state.change(register(loadBalancer, instances)), "registered", () => [loadBalancer], instances),
          deregister: (loadBalancer, ids) =>
            tellDone(state.change(deregister(loadBalancer, ids)), "deregistered", () => [loadBalancer], ids),
          drain: (loadBalancer, id) =>
            tellDone(
              Effect.suspend(() => state.change(drain(loadBalancer, id, monotonicMs()))),
              "drained by an operator",
              () => (loadBalancer === undefined ? state.having(id) : [loadBalancer]),
              [id],
            ),
          undrain: (loadBalancer, id) =>
            tellDone(
              state.change(undrain(loadBalancer, id)),
              "back from draining",
              () => (loadBalancer === undefined ? state.having(id) : [loadBalancer]),
              [id],
            ),
          setHealthCheck: (loadBalancer, check) => state.change(setHealthCheck(loadBalancer, check)),
          setAttributes: (loadBalancer, attributes) => state.change(setAttributes(loadBalancer, attributes)),
          status: () => state.status(),
          findDeafListener: () => {
            for (const { bind, port, isDeaf } of state.listeners.running.values()) {
              if (isDeaf) return `${bind.loadBalancer}: nothing listens on port ${port} any more`;
            }
            return undefined;
          },
          instanceHealth: (loadBalancer, ids) => {
            const instances = state.instances(loadBalancer);
            if (instances === undefined) return Effect.fail(new LoadBalancerNotFound({ loadBalancer }));
            return Effect.succeed(readInstanceHealth(instances, ids));
          },
          noteUnhandled: (error, isUsers) => state.noteUnhandled(error, isUsers),
          reopenLogs: Effect.sync(() => state.accessLogs.reopen()),
          shutdown: (graceMs) => state.shutdown(graceMs),
        });
      }),
    ),
    HealthChecker.layer,
  );

/** Tells of each instance, for each load balancer that it concerns, what was done to it, once it is done. */
const tellDone = <E>(
  change: Effect.Effect<void, E>,
  what: string,
  concerned: () => ReadonlyArray<string>,
  ids: ReadonlyArray<string>,
): Effect.Effect<void, E> =>
  Effect.tap(change, () =>
    Effect.sync(() => {
      for (const loadBalancer of concerned()) {
        for (const instance of new Set(ids)) {
          const message = `${loadBalancer}: ${instance} ${what}`;
          tellEvent({ type: "instance", loadBalancer, instance, message });
          log("info", message);
        }
      }
    }),
  );

/** For ever: a defect in one turn is told, and must not end the others. */
const repeatEvery = (everyMs: number, turn: Effect.Effect<void>): Effect.Effect<never> =>
  Effect.forever(
    Effect.andThen(
      Effect.sleep(everyMs),
      Effect.catchDefect(turn, (defect) =>
        Effect.sync(() =>
          tellNotice(`an error in elbow itself: ${defect instanceof Error ? defect.stack : defect}`, "error"),
        ),
      ),
    ),
  );

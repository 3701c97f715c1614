// Desired state to running listeners: the one place through which listeners and instances come and go.
//
// `apply` makes a checked configuration real, all or nothing: new sockets are bound first, then every route is swapped
// by one assignment each. What didn't change isn't touched. Owns the listeners, their connections' fibers and the
// members; it reads no file and checks no rule.
import { Context, Effect, FiberSet, Layer, Semaphore } from "effect";
import { makePoolTerms } from "../backend/pool-terms.ts";
import type { BindError } from "../errors.ts";
import { HealthChecker } from "../health/checker.ts";
import type { HealthTarget } from "../health/health-target.ts";
import { Admission } from "../listen/admission.ts";
import { type Configuration, defaultManagement, defaultShutdownGrace } from "../model/configuration.ts";
import { isLayer7 } from "../model/protocol.ts";
import { registerMetrics } from "../observe/metrics.ts";
import { tellNotice } from "../observe/notices.ts";
import type { CertificateError } from "../tls/certificate-error.ts";
import { monotonicMs } from "./balance-terms.ts";
import { readCertificateMetrics } from "./certificate-metrics.ts";
import { InstanceChecks } from "./instance-checks.ts";
import { Keys, loadKeys, lookEveryMs, refreshKeys } from "./keychain.ts";
import { readMetrics } from "./listener-metrics.ts";
import { makeSecurities } from "./listener-security.ts";
import { Members } from "./members.ts";
import { Names, resolveEveryMs } from "./resolver.ts";
import { type RouteSecurity, Routes, type WantedListener, wantedListeners } from "./routes.ts";
import { RunningListener } from "./running-listener.ts";
import type { Fork, Service } from "./service.ts";
import { type LoadBalancerStatus, readStatus } from "./status.ts";

export { BindError } from "../errors.ts";
export type { CertificateError } from "../tls/certificate-error.ts";
export type { InstanceStatus, ListenerStatus, LoadBalancerStatus } from "./status.ts";

/** How long the connections of a listener that was removed may go on, in milliseconds: draining's default. */
const removedListenerGraceMs = 300_000;

const empty: Configuration = {
  management: defaultManagement,
  shutdownGrace: defaultShutdownGrace,
  loadBalancers: [],
};

export class Control extends Context.Service<
  Control,
  {
    /**
     * Makes a checked configuration real; the first time, and at every reload.
     *
     * *Fails with*: {@link BindError} when a listener can't be bound, {@link CertificateError} when a certificate, key or
     * authority can't be used; then everything is as it was.
     */
    readonly apply: (configuration: Configuration) => Effect.Effect<void, BindError | CertificateError>;
    /** The running state, now. */
    readonly status: () => ReadonlyArray<LoadBalancerStatus>;
    /** Stops accepting, lets connections finish for `graceMs` milliseconds, then cuts the rest. */
    readonly shutdown: (graceMs: number) => Effect.Effect<void>;
  }
>()("elbow/control/Control") {
  static readonly layer: Layer.Layer<Control> = Layer.provide(
    Layer.effect(
      Control,
      Effect.gen(function* () {
        // A connection's fiber ends with this scope at the latest.
        const fork = yield* FiberSet.makeRuntime<never, void, never>();
        const state = new State(fork, yield* HealthChecker);
        const unregister = registerMetrics(() => [
          ...readMetrics(state.running.values(), state.leaving),
          ...readCertificateMetrics(state.running.values(), state.staleCertificates, Date.now()),
        ]);
        yield* Effect.addFinalizer(() => Effect.andThen(Effect.sync(unregister), state.shutdown(0)));
        yield* Effect.forkScoped(repeatEvery(resolveEveryMs, state.refreshNames));
        yield* Effect.forkScoped(repeatEvery(lookEveryMs, state.refreshKeys));
        yield* Effect.forkScoped(repeatEvery(1000, state.refreshShares));
        return Control.of({
          apply: (configuration) => state.apply(configuration),
          status: () => state.status(),
          shutdown: (graceMs) => state.shutdown(graceMs),
        });
      }),
    ),
    HealthChecker.layer,
  );
}

/** For ever: a defect in one turn is told, and must not end the others. */
const repeatEvery = (everyMs: number, turn: Effect.Effect<void>): Effect.Effect<never> =>
  Effect.forever(
    Effect.andThen(
      Effect.sleep(everyMs),
      Effect.catchDefect(turn, (defect) =>
        Effect.sync(() => tellNotice(`an error in elbow itself: ${defect instanceof Error ? defect.stack : defect}`)),
      ),
    ),
  );

class State {
  readonly running = new Map<string, RunningListener>();
  /** Services of listeners that were removed or changed protocol, whose connections have not ended. */
  readonly leaving = new Set<Service>();
  private configuration = empty;
  private wanted: ReadonlyArray<WantedListener> = [];
  private readonly names = new Names();
  private readonly members = new Members();
  private readonly checks: InstanceChecks;
  private readonly routes: Routes;
  private readonly admission = new Admission();
  private tls: RouteSecurity = { securities: new Map(), keys: new Keys(new Map(), new Map()) };
  /** One change at a time. */
  private readonly turn = Semaphore.makeUnsafe(1);

  constructor(
    private readonly fork: Fork,
    private readonly checker: HealthChecker["Service"],
  ) {
    this.checks = new InstanceChecks(checker, (loadBalancer) => this.followHealth(loadBalancer));
    this.routes = new Routes(this.members, this.names, this.checks);
  }

  status(): ReadonlyArray<LoadBalancerStatus> {
    return readStatus(this.configuration, this.wanted, this.running, this.members, this.names, this.checks);
  }

  /** Certificates and authorities whose files hold something newer that can't be used. */
  get staleCertificates(): number {
    return this.tls.keys.staleCount;
  }

  apply(configuration: Configuration): Effect.Effect<void, BindError | CertificateError> {
    return this.turn.withPermits(1)(
      Effect.gen({ self: this }, function* () {
        const wanted = wantedListeners(configuration);
        const keys = yield* loadKeys(configuration);
        const securities = yield* makeSecurities(wanted, keys, this.tls.securities);
        yield* this.names.resolveMissing(hostsOf(configuration));
        const asked = this.checks.add(configuration, this.names, keys);
        const opened = yield* Effect.onError(this.openAnswered(wanted, { keys, securities }, asked), () =>
          Effect.sync(() => this.checks.follow(this.configuration, this.names, this.tls.keys)),
        );
        // Nothing fails from here on.
        this.configuration = configuration;
        this.tls = { keys, securities };
        this.wanted = wanted;
        this.checks.follow(configuration, this.names, keys);
        this.admission.setCap(configuration.maxConnections);
        for (const [key, listener] of opened) this.running.set(key, listener);
        this.swapRoutes();
        this.names.keepOnly(new Set(hostsOf(configuration)));
        this.routes.keepOnly(wanted);
        yield* this.closeRemoved();
      }),
    );
  }

  /** Looks every name up again; routes change when addresses did. */
  readonly refreshNames: Effect.Effect<void> = Effect.suspend(() =>
    this.turn.withPermits(1)(
      Effect.map(this.names.resolve(hostsOf(this.configuration)), (isChanged) => {
        if (!isChanged) return;
        this.checks.follow(this.configuration, this.names, this.tls.keys);
        this.swapRoutes();
      }),
    ),
  );

  /** Looks at the files of certificates and authorities; what was renewed serves from now on. */
  readonly refreshKeys: Effect.Effect<void> = Effect.suspend(() => {
    const before = this.tls.keys;
    // Read before the turn is taken: a file system that hangs must not hold up a reload.
    return Effect.flatMap(refreshKeys(before), (keys) => (keys === undefined ? Effect.void : this.renew(before, keys)));
  });

  /** Puts renewed keys in the place of those before, unless a reload has read everything anew meanwhile. */
  private renew(before: Keys, keys: Keys): Effect.Effect<void> {
    return this.turn.withPermits(1)(
      Effect.gen({ self: this }, function* () {
        if (this.tls.keys !== before) return;
        const securities = yield* makeSecurities(this.wanted, keys, this.tls.securities);
        this.tls = { keys, securities };
        this.checks.follow(this.configuration, this.names, keys);
        this.swapRoutes();
      }).pipe(
        Effect.catch((error) =>
          Effect.sync(() => {
            before.refuse(keys);
            tellNotice(`${error.message}; the one before is served on`);
          }),
        ),
      ),
    );
  }

  shutdown(graceMs: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.members.stopOpening();
      this.checks.follow(empty, this.names, this.tls.keys);
      const listeners = [...this.running.values()];
      yield* Effect.forEach(listeners, (listener) => listener.close, { discard: true });
      const services = [...listeners.map(({ service }) => service), ...this.leaving];
      for (const service of services) service.drain();
      yield* Effect.forEach(services, (service) => service.connections.whenEmpty, {
        concurrency: "unbounded",
        discard: true,
      }).pipe(Effect.timeoutOption(graceMs));
      for (const service of services) service.connections.abort();
      this.members.closeIdle();
    });
  }

  /** A new listener opens when its instances have answered their first check, one timeout later at the latest. */
  private openAnswered(
    wanted: ReadonlyArray<WantedListener>,
    tls: RouteSecurity,
    asked: ReadonlyArray<HealthTarget>,
  ): Effect.Effect<ReadonlyArray<readonly [string, RunningListener]>, BindError> {
    const opensNone = wanted.every(({ key }) => this.running.has(key));
    return Effect.andThen(opensNone ? Effect.void : this.checker.firstRound(asked), this.openNew(wanted, tls));
  }

  /** Checks have moved an instance: its listeners pick among those in service from now on. */
  private followHealth(loadBalancer: string): void {
    for (const { route } of this.running.values()) {
      if (route.loadBalancer !== loadBalancer) continue;
      for (const member of route.registered) member.followHealth();
      route.membership.replace(route.registered.filter(({ isInService }) => isInService));
    }
  }

  /** Binds what isn't open yet. *Fails with*: the first refusal; then what was bound here is closed again. */
  private openNew(
    wanted: ReadonlyArray<WantedListener>,
    tls: RouteSecurity,
  ): Effect.Effect<ReadonlyArray<readonly [string, RunningListener]>, BindError> {
    return Effect.gen({ self: this }, function* () {
      const opened: Array<readonly [string, RunningListener]> = [];
      const inTheWay = this.findInTheWay(wanted);
      const undo = Effect.suspend(() =>
        Effect.andThen(
          Effect.forEach(
            opened,
            ([, listener]) =>
              Effect.andThen(
                listener.close,
                Effect.sync(() => this.letGo(listener.service)),
              ),
            { discard: true },
          ),
          Effect.andThen(
            Effect.forEach(inTheWay, (listener) => Effect.ignore(listener.open), { discard: true }),
            // Members and counters that were made for the refused configuration go again.
            Effect.sync(() => {
              this.swapRoutes();
              this.routes.keepOnly(this.wanted);
              this.names.keepOnly(new Set(hostsOf(this.configuration)));
            }),
          ),
        ),
      );
      // A socket on another address of a wanted port has to go first; it comes back if the change fails.
      yield* Effect.forEach(inTheWay, (listener) => listener.close, { discard: true });
      for (const one of wanted) {
        if (this.running.has(one.key)) continue;
        const { loadBalancer, listener, setting } = one;
        const bind = { address: loadBalancer.address, port: listener.port, loadBalancer: loadBalancer.name, setting };
        const route = this.routes.make(one, listener.port, undefined, tls);
        const opening = new RunningListener(bind, route, this.admission, this.fork);
        yield* Effect.onError(opening.open, () => undo);
        opened.push([one.key, opening]);
      }
      return opened;
    });
  }

  private findInTheWay(wanted: ReadonlyArray<WantedListener>): ReadonlyArray<RunningListener> {
    const keys = new Set(wanted.map(({ key }) => key));
    const newPorts = new Set(wanted.filter(({ key }) => !this.running.has(key)).map(({ listener }) => listener.port));
    return [...this.running]
      .filter(([key, { port }]) => !keys.has(key) && newPorts.has(port))
      .map(([, listener]) => listener);
  }

  /** Gives every listener the route that the configuration and the names say now. */
  private swapRoutes(): void {
    this.members.beginUse();
    for (const one of this.wanted) {
      const listener = this.running.get(one.key);
      if (listener === undefined) continue;
      const left = listener.take(this.routes.make(one, listener.port, listener.route, this.tls));
      if (left !== undefined) this.letGo(left);
      const { listener: written, loadBalancer } = one;
      if (isLayer7(written.protocol)) {
        this.members.keep(listener.route.membership.members, makePoolTerms(loadBalancer.attributes, true));
      }
    }
    this.members.endUse();
  }

  /** Closes listeners that the configuration doesn't name any more; their connections may finish. */
  private readonly closeRemoved: () => Effect.Effect<void> = () =>
    Effect.suspend(() => {
      const keys = new Set(this.wanted.map(({ key }) => key));
      const removed = [...this.running].filter(([key]) => !keys.has(key));
      return Effect.forEach(
        removed,
        ([key, listener]) => {
          this.running.delete(key);
          return Effect.andThen(
            listener.close,
            Effect.sync(() => this.letGo(listener.service)),
          );
        },
        { discard: true },
      );
    });

  private letGo(service: Service): void {
    service.drain();
    if (service.connections.size === 0) {
      this.forget(service);
      return;
    }
    this.leaving.add(service);
    this.fork(
      service.connections.whenEmpty.pipe(
        Effect.timeoutOption(removedListenerGraceMs),
        Effect.andThen(
          Effect.sync(() => {
            service.connections.abort();
            this.leaving.delete(service);
            this.forget(service);
          }),
        ),
      ),
    );
  }

  /** Members tell a membership of every lease: one that nobody uses any more must leave them. */
  private forget({ route }: Service): void {
    const isUsed = [...this.running.values()].some((listener) => listener.route.membership === route.membership);
    if (!isUsed) route.membership.replace([]);
  }

  /** Brings slow starts up to the time. */
  readonly refreshShares: Effect.Effect<void> = Effect.sync(() => {
    const nowMs = monotonicMs();
    for (const { route } of this.running.values()) route.membership.refresh(nowMs);
  });
}

const hostsOf = (configuration: Configuration): ReadonlyArray<string> =>
  configuration.loadBalancers.flatMap(({ instances }) => instances.map(({ host }) => host));

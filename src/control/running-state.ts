// The listeners, members and checks that stand now, and the one way from there to what a configuration asks for.
//
// Behind control.ts, which says what may be asked of it. `apply` binds new sockets first, and then swaps every route by one
// assignment each; what didn't change isn't touched. Owns the listeners, their connections' fibers and the members; it reads no
// file and checks no rule.
//
// Long because all that changes has to follow the same order: checks, routes, members, draining.
import { Effect, Semaphore } from "effect";
import { makePoolTerms } from "../backend/pool-terms.ts";
import type { BindError } from "../errors.ts";
import type { HealthChecker } from "../health/checker.ts";
import { Admission } from "../listen/admission.ts";
import { type Configuration, defaultManagement, defaultShutdownGrace } from "../model/configuration.ts";
import { isLayer7 } from "../model/protocol.ts";
import type { MetricFamily } from "../observe/metrics.ts";
import { tellNotice } from "../observe/notices.ts";
import type { CertificateError } from "../tls/certificate-error.ts";
import { findAwaited } from "./awaited-checks.ts";
import { monotonicMs } from "./balance-terms.ts";
import type { Change, LoadBalancerNotFound } from "./changes.ts";
import { Choosing } from "./choosing.ts";
import { Draining } from "./draining.ts";
import { readHealthMetrics } from "./health-metrics.ts";
import { InstanceChecks } from "./instance-checks.ts";
import { Keys, loadKeys, refreshKeys } from "./keychain.ts";
import { makeSecurities } from "./listener-security.ts";
import { Members } from "./members.ts";
import { Outliers } from "./outliers.ts";
import type { Names } from "./resolver.ts";
import { type RouteSecurity, Routes, type WantedListener, wantedListeners } from "./routes.ts";
import { RunningListener } from "./running-listener.ts";
import type { Fork, Service } from "./service.ts";
import { type LoadBalancerStatus, readStatus } from "./status.ts";

/** Why the load balancers can't be made what was asked for; all is as it was then. */
export type ApplyError = BindError | CertificateError;

const empty: Configuration = {
  management: defaultManagement,
  shutdownGrace: defaultShutdownGrace,
  loadBalancers: [],
};

/** What runs. */
export class RunningState {
  readonly running = new Map<string, RunningListener>();
  /** Services of listeners that were removed or changed protocol, whose connections have not ended. */
  readonly leaving = new Set<Service>();
  private configuration = empty;
  private wanted: ReadonlyArray<WantedListener> = [];
  private readonly members = new Members();
  private readonly draining: Draining;
  private readonly checks: InstanceChecks;
  private readonly outliers: Outliers;
  private readonly choosing = new Choosing();
  private readonly routes: Routes;
  private readonly admission = new Admission();
  private tls: RouteSecurity = { securities: new Map(), keys: new Keys(new Map(), new Map()) };
  /** One change at a time. */
  private readonly turn = Semaphore.makeUnsafe(1);
  private isEnding = false;

  constructor(
    private readonly fork: Fork,
    private readonly checker: HealthChecker["Service"],
    private readonly names: Names,
  ) {
    this.draining = new Draining(this.members, names, () => this.services(), fork);
    this.checks = new InstanceChecks(checker, (loadBalancer) => this.followHealth(loadBalancer));
    this.outliers = new Outliers(this.checks, (loadBalancer) => this.followHealth(loadBalancer));
    this.routes = new Routes(this.members, this.names, this.checks, this.outliers, this.choosing);
  }

  status(): ReadonlyArray<LoadBalancerStatus> {
    return readStatus(
      this.configuration,
      this.wanted,
      this.running,
      this.members,
      this.names,
      this.checks,
      this.outliers,
      this.draining,
    );
  }

  readHealthMetrics(): ReadonlyArray<MetricFamily> {
    return readHealthMetrics(this.configuration, this.names, this.checks, this.outliers, this.choosing);
  }

  /** Certificates and authorities whose files hold something newer that can't be used. */
  get staleCertificates(): number {
    return this.tls.keys.staleCount;
  }

  apply(configuration: Configuration): Effect.Effect<void, ApplyError> {
    return this.turn.withPermits(1)(this.make(configuration));
  }

  /** Makes of the present configuration the next; nothing comes between. */
  change<E>(change: Change<E>): Effect.Effect<void, E | LoadBalancerNotFound | ApplyError> {
    return this.turn.withPermits(1)(
      Effect.flatMap(
        Effect.suspend(() => change(this.configuration)),
        (next) => this.make(next),
      ),
    );
  }

  /** Who interrupts it gets all or nothing: nothing while names are looked up and first checks made, all from there on. */
  private make(configuration: Configuration): Effect.Effect<void, ApplyError> {
    return Effect.uninterruptibleMask((restore) => {
      const wanted = wantedListeners(configuration);
      const prepared = Effect.flatMap(restore(this.prepare(configuration, wanted)), (tls) =>
        Effect.map(this.openNew(wanted, tls), (opened) => ({ tls, opened })),
      );
      return Effect.flatMap(
        Effect.onError(prepared, () => Effect.sync(() => this.goBack())),
        ({ tls, opened }) => this.take(configuration, wanted, tls, opened),
      );
    });
  }

  /** All that can be done before anything changes for a client; takes as long as look-ups and first checks do. */
  private prepare(
    configuration: Configuration,
    wanted: ReadonlyArray<WantedListener>,
  ): Effect.Effect<RouteSecurity, CertificateError> {
    return Effect.gen({ self: this }, function* () {
      const keys = yield* loadKeys(configuration);
      const securities = yield* makeSecurities(wanted, keys, this.tls.securities);
      yield* this.names.resolveMissing(hostsOf(configuration));
      this.checks.add(configuration, this.names, keys);
      yield* this.firstChecks(configuration, wanted, this.names);
      return { keys, securities };
    });
  }

  /** Waits for those first checks without which clients would find too few in service, one timeout at the longest. */
  private firstChecks(next: Configuration, wanted: ReadonlyArray<WantedListener>, names: Names): Effect.Effect<void> {
    return Effect.andThen(
      this.checker.firstRound(findAwaited(next, wanted, names, this.checks, this.running)),
      // Whoever waited while the end began has come too late.
      Effect.suspend(() => (this.isEnding ? Effect.interrupt : Effect.void)),
    );
  }

  /** Members, counters, names and checks that were made for what didn't come about go again. */
  private goBack(): void {
    this.checks.follow(this.isEnding ? empty : this.configuration, this.names, this.tls.keys);
    if (this.isEnding) return;
    this.swapRoutes();
    this.routes.keepOnly(this.wanted);
    this.names.keepOnly(new Set(hostsOf(this.configuration)));
  }

  /** Makes what was prepared and opened the running state; nothing fails here. */
  private take(
    configuration: Configuration,
    wanted: ReadonlyArray<WantedListener>,
    tls: RouteSecurity,
    opened: ReadonlyArray<readonly [string, RunningListener]>,
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.configuration = configuration;
      this.tls = tls;
      this.wanted = wanted;
      this.checks.follow(configuration, this.names, tls.keys);
      this.admission.setCap(configuration.maxConnections);
      for (const [key, listener] of opened) this.running.set(key, listener);
      this.swapRoutes();
      this.names.keepOnly(new Set(hostsOf(configuration)));
      this.routes.keepOnly(wanted);
      yield* this.closeRemoved();
      this.draining.follow(configuration);
    });
  }

  /** Looks every name up again; routes change when addresses did. */
  readonly refreshNames: Effect.Effect<void> = Effect.suspend(() =>
    this.turn.withPermits(1)(
      Effect.gen({ self: this }, function* () {
        const { configuration } = this;
        // The old addresses are those that serve, and are shown, until the new ones have answered.
        const names = this.names.copy();
        const isChanged = yield* names.resolve(hostsOf(configuration));
        if (isChanged) {
          this.checks.add(configuration, names, this.tls.keys);
          yield* this.firstChecks(configuration, this.wanted, names);
        }
        this.names.become(names);
        if (!isChanged) return;
        this.checks.follow(configuration, this.names, this.tls.keys);
        this.swapRoutes();
        this.draining.follow(configuration);
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
      this.isEnding = true;
      this.members.stopOpening();
      this.checks.follow(empty, this.names, this.tls.keys);
      this.outliers.follow(empty, this.names);
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

  /** Checks or traffic have moved an instance: its listeners pick among those in service from now on. */
  private followHealth(loadBalancer: string): void {
    for (const {
      key,
      choice,
      loadBalancer: { name },
    } of this.wanted) {
      const route = name === loadBalancer ? this.running.get(key)?.route : undefined;
      route?.membership.replace(this.choosing.choose(name, route.registered, choice));
    }
    const found = this.configuration.loadBalancers.find(({ name }) => name === loadBalancer);
    if (found?.attributes.connectionDraining.enabled === false) this.draining.cutUnhealthy(loadBalancer);
  }

  /** Everybody who has connections. */
  private *services(): Iterable<Service> {
    for (const { service } of this.running.values()) yield service;
    yield* this.leaving;
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
          Effect.forEach(inTheWay, (listener) => Effect.ignore(listener.open), { discard: true }),
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
    this.outliers.follow(this.configuration, this.names);
    this.members.beginUse();
    for (const one of this.wanted) {
      const listener = this.running.get(one.key);
      if (listener === undefined) continue;
      const left = listener.take(this.routes.make(one, listener.port, listener.route, this.tls));
      if (left !== undefined) this.letGo(left);
      const { listener: written, loadBalancer } = one;
      if (isLayer7(written.protocol)) {
        this.members.keep(listener.route.registered, makePoolTerms(loadBalancer.attributes, true));
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
        Effect.timeoutOption(service.route.removalGraceMs),
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

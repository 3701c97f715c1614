// The listeners, members and checks that stand now, and the one way from there to what a configuration asks for.
//
// Behind control.ts, which says what may be asked of it. `apply` binds new sockets first, and then swaps every route by one
// assignment each; what didn't change isn't touched. Owns the configuration in force, the members and the order in which all
// follows it: checks, routes, members, draining; it reads no file and checks no rule. Long because that order is one thing:
// what a change must undo when it fails stands beside what it does.
import { Effect, Semaphore } from "effect";
import { makePoolTerms } from "../backend/pool-terms.ts";
import type { BindError } from "../errors.ts";
import type { HealthChecker } from "../health/checker.ts";
import { type Configuration, defaultShutdownGrace } from "../model/configuration.ts";
import { defaultManagement } from "../model/management.ts";
import { isLayer7 } from "../model/protocol.ts";
import { monotonicMs } from "../net/clock.ts";
import type { MetricFamily } from "../observe/metrics.ts";
import { tellNotice } from "../observe/notices.ts";
import type { CertificateError } from "../tls/certificate-error.ts";
import { AccessLogs } from "./access-logs.ts";
import { findAwaited } from "./awaited-checks.ts";
import { carryOver } from "./carry-over.ts";
import type { Change, LoadBalancerNotFound } from "./changes.ts";
import { ChosenMembers } from "./chosen-members.ts";
import { readCloudWatchMetrics } from "./cloudwatch-metrics.ts";
import { Draining } from "./draining.ts";
import { countHosts, readHealthMetrics } from "./health-metrics.ts";
import { InstanceChecks } from "./instance-checks.ts";
import { Keys, loadKeys, refreshKeys } from "./keychain.ts";
import { makeSecurities } from "./listener-security.ts";
import { Listeners, type OpenedListeners } from "./listeners.ts";
import { LoadBalancerCounts } from "./load-balancer-counts.ts";
import { Members } from "./members.ts";
import { Outliers } from "./outliers.ts";
import { Policies } from "./policies.ts";
import { PolicyError } from "./policy-error.ts";
import { PrepareError } from "./prepare-error.ts";
import type { Names } from "./resolver.ts";
import { type RouteSecurity, Routes, type WantedListener, wantedListeners } from "./routes.ts";
import type { Fork } from "./service.ts";
import {
  type InstanceStatus,
  type LoadBalancerStatus,
  readInstances,
  readStatus,
  type StatusSource,
} from "./status.ts";

/** Why the load balancers can't be made what was asked for; all is as it was then. */
export type ApplyError = BindError | CertificateError | PolicyError | PrepareError;

const empty: Configuration = {
  management: defaultManagement,
  shutdownGrace: defaultShutdownGrace,
  loadBalancers: [],
};

/** What runs. */
export class RunningState {
  readonly listeners: Listeners;
  private configuration = empty;
  /** The same without what was changed at run time: as it was applied last. */
  private written = empty;
  private wanted: ReadonlyArray<WantedListener> = [];
  private readonly counts = new LoadBalancerCounts();
  private readonly members = new Members((loadBalancer) => this.counts.of(loadBalancer));
  private readonly draining: Draining;
  private readonly checks: InstanceChecks;
  private readonly outliers: Outliers;
  private readonly chosen = new ChosenMembers();
  readonly accessLogs = new AccessLogs();
  private readonly policies = new Policies();
  private readonly routes: Routes;
  private tls: RouteSecurity = { securities: new Map(), keys: new Keys(new Map(), new Map()) };
  /** One change at a time. */
  private readonly turn = Semaphore.makeUnsafe(1);
  private isEnding = false;

  constructor(
    private readonly fork: Fork,
    private readonly checker: HealthChecker["Service"],
    private readonly names: Names,
  ) {
    this.checks = new InstanceChecks(
      checker,
      (loadBalancer) => {
        this.outliers.followChecks(loadBalancer);
        this.followHealth(loadBalancer);
      },
      (loadBalancer) => this.counts.of(loadBalancer),
    );
    this.outliers = new Outliers(this.checks, (loadBalancer) => this.followHealth(loadBalancer));
    this.routes = new Routes(
      this.members,
      this.names,
      this.checks,
      this.outliers,
      this.chosen,
      this.policies,
      this.counts,
      this.accessLogs,
    );
    this.listeners = new Listeners(this.routes, fork);
    this.draining = new Draining(this.members, names, () => this.listeners.services(), fork);
  }

  status(): ReadonlyArray<LoadBalancerStatus> {
    return this.configuration.loadBalancers.map((loadBalancer) => readStatus(loadBalancer, this.source));
  }

  /** What the status shows of one load balancer's instances; undefined where there is no such load balancer. */
  instances(loadBalancer: string): ReadonlyArray<InstanceStatus> | undefined {
    const found = this.configuration.loadBalancers.find(({ name }) => name === loadBalancer);
    return found && readInstances(found, this.source);
  }

  /** The load balancers with which an instance is registered. */
  having(id: string): ReadonlyArray<string> {
    const { loadBalancers } = this.configuration;
    return loadBalancers.filter(({ instances }) => instances.some((one) => one.id === id)).map(({ name }) => name);
  }

  private get source(): StatusSource {
    const { written, wanted, members, names, checks, outliers, draining } = this;
    const { running } = this.listeners;
    return { written, wanted, running, members, names, checks, outliers, draining };
  }

  /** What is counted of load balancers as such, under our names and CloudWatch's. */
  readMetrics(): ReadonlyArray<MetricFamily> {
    const { configuration, names, checks, outliers, chosen, counts } = this;
    const hosts = countHosts(configuration, names, checks, outliers);
    return [
      ...this.policies.readMetrics(),
      ...this.accessLogs.readMetrics(),
      ...readHealthMetrics(configuration, hosts, checks, outliers, chosen),
      ...readCloudWatchMetrics(configuration, this.listeners.running.values(), counts, hosts),
    ];
  }

  /** Certificates and authorities whose files hold something newer that can't be used. */
  get staleCertificates(): number {
    return this.tls.keys.staleCount;
  }

  apply(configuration: Configuration): Effect.Effect<void, ApplyError> {
    return Effect.suspend(() => {
      const made = Effect.suspend(() => {
        const next = carryOver(this.written, this.configuration, configuration);
        const begun = this.beginPolicies(next);
        const tlsOf = (wanted: ReadonlyArray<WantedListener>): Effect.Effect<RouteSecurity, ApplyError> =>
          Effect.andThen(begun, this.loadTls(next, wanted));
        return this.make(next, tlsOf, (defect) => Effect.fail(new PrepareError({ defect })), configuration);
      });
      return Effect.andThen(this.turn.withPermits(1)(made), this.lookAgain(configuration));
    });
  }

  /** Makes of the present configuration the next; nothing comes between. */
  change<E>(change: Change<E>): Effect.Effect<void, E | LoadBalancerNotFound | BindError> {
    const next = Effect.suspend(() => Effect.fromResult(change(this.configuration)));
    // No change names a certificate or an authority: what their files hold at that moment must not stand in its way.
    const present = Effect.sync(() => this.tls);
    return this.turn.withPermits(1)(
      Effect.flatMap(next, (configuration) => this.make(configuration, () => present, Effect.die)),
    );
  }

  /** Nobody has waited for names that failed before, or for all of many: they need not wait for their next turn either. */
  private lookAgain(configuration: Configuration): Effect.Effect<void> {
    return Effect.sync(() => {
      if (hostsOf(configuration).some((host) => this.names.hasFailed(host))) this.fork(this.refreshNames);
    });
  }

  /** Who interrupts it gets all or nothing: nothing while names are looked up and first checks made, all from there on. */
  private make<E>(
    configuration: Configuration,
    tlsOf: (wanted: ReadonlyArray<WantedListener>) => Effect.Effect<RouteSecurity, E>,
    /** What a defect before anything has changed comes to. */
    refuse: (defect: unknown) => Effect.Effect<never, E>,
    written = this.written,
  ): Effect.Effect<void, E | BindError> {
    return Effect.uninterruptibleMask((restore) => {
      const wanted = wantedListeners(configuration);
      this.accessLogs.prepare(configuration);
      const ready = Effect.tap(tlsOf(wanted), ({ keys }) => this.prepare(configuration, wanted, keys));
      const prepared = Effect.flatMap(restore(ready), (tls) =>
        Effect.map(this.listeners.bind(wanted, tls), (opened) => ({ tls, opened })),
      ).pipe(Effect.catchDefect(refuse));
      return Effect.flatMap(
        Effect.onError(prepared, () => Effect.sync(() => this.goBack())),
        ({ tls, opened }) => {
          this.written = written;
          return this.take(configuration, wanted, tls, opened);
        },
      );
    });
  }

  /** Makes what new policies keep; those that go on are left alone. */
  private beginPolicies(configuration: Configuration): Effect.Effect<void, PolicyError> {
    return Effect.suspend(() => {
      try {
        this.policies.prepareUnsafe(configuration);
        return Effect.void;
      } catch (error) {
        return error instanceof PolicyError ? Effect.fail(error) : Effect.die(error);
      }
    });
  }

  /** Whether what nobody caught came through a user's policy, which is blamed for it then. */
  noteUnhandled(error: unknown, isUsers: boolean): boolean {
    return this.policies.noteUnhandled(error, isUsers);
  }

  /** Reads all files of certificates, keys and authorities anew. */
  private loadTls(
    configuration: Configuration,
    wanted: ReadonlyArray<WantedListener>,
  ): Effect.Effect<RouteSecurity, CertificateError> {
    return Effect.flatMap(loadKeys(configuration), (keys) =>
      Effect.map(makeSecurities(wanted, keys, this.tls.securities), (securities) => ({ keys, securities })),
    );
  }

  /** All that can be done before anything changes for a client; takes as long as look-ups and first checks do. */
  private readonly prepare = Effect.fnUntraced(
    { self: this },
    function* (this: RunningState, configuration: Configuration, wanted: ReadonlyArray<WantedListener>, keys: Keys) {
      yield* this.names.resolveNew(hostsOf(configuration));
      this.checks.add(configuration, this.names, keys);
      yield* this.firstChecks(configuration, wanted, this.names);
    },
  );

  /** Waits for those first checks without which clients would find too few in service, one timeout at the longest. */
  private firstChecks(next: Configuration, wanted: ReadonlyArray<WantedListener>, names: Names): Effect.Effect<void> {
    return Effect.andThen(
      this.checker.firstRound(findAwaited(next, wanted, names, this.checks, this.listeners.running)),
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
    this.accessLogs.follow(this.configuration);
    this.policies.settle(this.configuration);
    this.names.keepOnly(new Set(hostsOf(this.configuration)));
  }

  /** Makes what was prepared and opened the running state; nothing fails here. */
  private readonly take = Effect.fnUntraced(
    { self: this },
    function* (
      this: RunningState,
      configuration: Configuration,
      wanted: ReadonlyArray<WantedListener>,
      tls: RouteSecurity,
      opened: OpenedListeners,
    ): Effect.fn.Return<void> {
      const known = new Set(this.configuration.loadBalancers.map(({ name }) => name));
      this.configuration = configuration;
      this.tls = tls;
      this.wanted = wanted;
      this.checks.follow(configuration, this.names, tls.keys);
      this.listeners.setCap(configuration.maxConnections);
      this.listeners.add(opened);
      this.accessLogs.follow(configuration);
      this.swapRoutes(known);
      this.names.keepOnly(new Set(hostsOf(configuration)));
      this.routes.keepOnly(wanted);
      yield* this.listeners.closeOthers(wanted);
      this.policies.settle(configuration);
      this.draining.follow(configuration);
    },
  );

  /** Looks every name up again; routes change when addresses did. */
  readonly refreshNames: Effect.Effect<void> = Effect.suspend(() => {
    const found = this.names.copy();
    // Looked up before the turn is taken: names without an answer must not hold up a change.
    return Effect.andThen(
      found.resolve(hostsOf(this.configuration)),
      this.turn.withPermits(1)(Effect.suspend(() => this.renewNames(found))),
    );
  });

  /** Sends to the addresses that were found, of those names that the configuration has still. */
  private readonly renewNames = Effect.fnUntraced({ self: this }, function* (this: RunningState, found: Names) {
    if (this.isEnding) return;
    // The old addresses are those that serve, and are shown, until the new ones have answered.
    const names = this.names.copy();
    const isChanged = names.learn(found);
    if (isChanged) {
      this.checks.add(this.configuration, names, this.tls.keys);
      yield* this.firstChecks(this.configuration, this.wanted, names);
    }
    this.names.become(names);
    if (!isChanged) return;
    this.checks.follow(this.configuration, this.names, this.tls.keys);
    this.swapRoutes();
    this.draining.follow(this.configuration);
  });

  /** Looks at the files of certificates and authorities; what was renewed serves from now on. */
  readonly refreshKeys: Effect.Effect<void> = Effect.suspend(() => {
    const before = this.tls.keys;
    // Read before the turn is taken: a file system that hangs must not hold up a reload.
    return Effect.flatMap(refreshKeys(before), (keys) =>
      keys === undefined ? Effect.void : this.turn.withPermits(1)(this.renewKeys(before, keys)),
    );
  });

  /** Puts renewed keys in the place of those before, unless a reload has read everything anew meanwhile. */
  private readonly renewKeys = Effect.fnUntraced(
    { self: this },
    function* (this: RunningState, before: Keys, keys: Keys) {
      if (this.isEnding || this.tls.keys !== before) return;
      const securities = yield* makeSecurities(this.wanted, keys, this.tls.securities);
      this.tls = { keys, securities };
      this.checks.follow(this.configuration, this.names, keys);
      this.swapRoutes();
    },
    (renewed, before, keys) =>
      Effect.catch(renewed, (error) =>
        Effect.sync(() => {
          before.refuse(keys);
          tellNotice(`${error.message}; the one before is served on`);
        }),
      ),
  );

  shutdown(graceMs: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isEnding = true;
      this.members.stopOpening();
      this.checks.follow(empty, this.names, this.tls.keys);
      this.outliers.follow(empty, this.names);
      return Effect.andThen(
        this.listeners.shutdown(graceMs),
        Effect.sync(() => {
          this.members.closeIdle();
          this.policies.end();
        }),
      ).pipe(Effect.andThen(this.accessLogs.close));
    });
  }

  /** Checks or traffic have moved an instance: its listeners pick among those in service from now on. */
  private followHealth(loadBalancer: string): void {
    for (const {
      key,
      choice,
      loadBalancer: { name },
    } of this.wanted) {
      const route = name === loadBalancer ? this.listeners.running.get(key)?.route : undefined;
      route?.membership.replace(this.chosen.follow(name, route.registered, choice));
    }
    const found = this.configuration.loadBalancers.find(({ name }) => name === loadBalancer);
    if (found === undefined) return;
    this.draining.followRemoved([found], this.configuration.zone);
    if (!found.attributes.connectionDraining.enabled) this.draining.cutUnhealthy(new Set([loadBalancer]));
  }

  /** Gives every listener the route that the configuration and the names say now. */
  private swapRoutes(known: ReadonlySet<string> = new Set()): void {
    this.outliers.follow(this.configuration, this.names);
    this.members.beginUse();
    const heirs = this.listeners.follow(this.wanted, this.tls, known);
    for (const { key, listener, loadBalancer } of this.wanted) {
      const route = isLayer7(listener.protocol) ? this.listeners.running.get(key)?.route : undefined;
      if (route !== undefined) this.members.keep(route.registered, makePoolTerms(loadBalancer.attributes, true));
    }
    this.members.endUse();
    this.draining.inherit(heirs);
  }

  /** Brings slow starts up to the time. */
  readonly refreshShares: Effect.Effect<void> = Effect.sync(() => this.listeners.refreshShares(monotonicMs()));
}

const hostsOf = (configuration: Configuration): ReadonlyArray<string> =>
  configuration.loadBalancers.flatMap(({ instances }) => instances.map(({ host }) => host));

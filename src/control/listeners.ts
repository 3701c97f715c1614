// The listeners that are open, and what is left of those that aren't: bound, given routes and closed, all or nothing.
//
// Behind running-state.ts, which says what is wanted and in which order all else changes. Owns the sockets, the services whose
// connections may finish and the cap on connections; who is picked is the routes' affair.
import { Effect } from "effect";
import type { BindError } from "../errors.ts";
import { Admission } from "../listen/admission.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import type { Route } from "../pipeline/route.ts";
import type { RouteSecurity, Routes, WantedListener } from "./routes.ts";
import { RunningListener } from "./running-listener.ts";
import type { Fork, Service } from "./service.ts";

/** Listeners that are bound and not yet among those that run, by their keys. */
export type OpenedListeners = ReadonlyMap<string, RunningListener>;

export class Listeners {
  private readonly open = new Map<string, RunningListener>();
  /** Services of listeners that went, or were taken over, whose connections have not ended. */
  private readonly left = new Set<Service>();
  private readonly admission = new Admission();

  constructor(
    private readonly routes: Routes,
    private readonly fork: Fork,
  ) {}

  /** Those that run, by their keys. */
  get running(): ReadonlyMap<string, RunningListener> {
    return this.open;
  }

  /** Services without a listener, as long as they have connections. */
  get leaving(): ReadonlySet<Service> {
    return this.left;
  }

  /** Everybody who has connections. */
  *services(): Iterable<Service> {
    for (const { service } of this.open.values()) yield service;
    yield* this.left;
  }

  /** The most connections that clients may have at once; undefined for no limit. */
  setCap(maxConnections: number | undefined): void {
    this.admission.setCap(maxConnections);
  }

  /** Binds what isn't open yet. *Fails with*: the first refusal; then what was bound here is closed again. */
  readonly bind = Effect.fnUntraced(
    { self: this },
    function* (
      this: Listeners,
      wanted: ReadonlyArray<WantedListener>,
      tls: RouteSecurity,
    ): Effect.fn.Return<OpenedListeners, BindError> {
      const opened = new Map<string, RunningListener>();
      const inTheWay = this.findInTheWay(wanted);
      const undo = Effect.suspend(() =>
        Effect.andThen(
          Effect.forEach(opened.values(), (listener) => this.close(listener), { discard: true }),
          Effect.forEach(inTheWay, (listener) => Effect.ignore(listener.open), { discard: true }),
        ),
      );
      // A socket on another address of a wanted port has to go first; it comes back if the change fails.
      yield* Effect.forEach(inTheWay, (listener) => listener.close, { discard: true });
      for (const one of wanted) {
        if (this.open.has(one.key)) continue;
        const { loadBalancer, listener, setting } = one;
        const bind = { address: loadBalancer.address, port: listener.port, loadBalancer: loadBalancer.name, setting };
        const route = this.routes.make(one, listener.port, undefined, tls);
        const opening = new RunningListener(bind, route, this.admission, this.fork);
        // Also one that can't be bound: its members tell its membership of every lease until it is let go.
        opened.set(one.key, opening);
        yield* Effect.onError(opening.open, () => undo);
      }
      return opened;
    },
  );

  /** What was bound runs from now on. */
  add(opened: OpenedListeners): void {
    for (const [key, listener] of opened) this.open.set(key, listener);
  }

  /**
   * Gives every listener that is wanted its route; answers, for each load balancer that is gone, who has its listeners now.
   * `known` are the names of those that there were.
   */
  follow(
    wanted: ReadonlyArray<WantedListener>,
    tls: RouteSecurity,
    known: ReadonlySet<string>,
  ): ReadonlyMap<string, ReadonlyArray<LoadBalancer>> {
    const names = new Set(wanted.map(({ loadBalancer }) => loadBalancer.name));
    const heirs = new Map<string, ReadonlyArray<LoadBalancer>>();
    for (const one of wanted) {
      const listener = this.open.get(one.key);
      if (listener === undefined) continue;
      const before = goesOn(listener.route, one, names, known) ? listener.route : undefined;
      if (before !== undefined && before.loadBalancer !== one.loadBalancer.name) {
        heirs.set(before.loadBalancer, [...(heirs.get(before.loadBalancer) ?? []), one.loadBalancer]);
      }
      const route = this.routes.make(one, listener.port, before, tls);
      this.routes.settle(one, route, before);
      const left = listener.take(route);
      if (left !== undefined) this.letGo(left);
    }
    return heirs;
  }

  /** Closes listeners that aren't wanted any more; their connections may finish. */
  closeOthers(wanted: ReadonlyArray<WantedListener>): Effect.Effect<void> {
    const keys = new Set(wanted.map(({ key }) => key));
    const removed = [...this.open].filter(([key]) => !keys.has(key));
    return Effect.forEach(
      removed,
      ([key, listener]) => {
        this.open.delete(key);
        return this.close(listener);
      },
      { discard: true },
    );
  }

  /** Brings slow starts up to the time. */
  refreshShares(nowMs: number): void {
    for (const { route } of this.open.values()) route.membership.refresh(nowMs);
  }

  /** Stops accepting, lets connections finish for `graceMs` milliseconds, then cuts the rest. */
  readonly shutdown = Effect.fnUntraced({ self: this }, function* (this: Listeners, graceMs: number) {
    yield* Effect.forEach([...this.open.values()], (listener) => listener.close, { discard: true });
    const services = [...this.services()];
    for (const service of services) service.drain();
    yield* Effect.forEach(services, (service) => service.connections.whenEmpty, {
      concurrency: "unbounded",
      discard: true,
    }).pipe(Effect.timeoutOption(graceMs));
    for (const service of services) service.connections.abort();
  });

  private findInTheWay(wanted: ReadonlyArray<WantedListener>): ReadonlyArray<RunningListener> {
    const keys = new Set(wanted.map(({ key }) => key));
    const newPorts = new Set(wanted.filter(({ key }) => !this.open.has(key)).map(({ listener }) => listener.port));
    return [...this.open].filter(([key, { port }]) => !keys.has(key) && newPorts.has(port)).map(([, one]) => one);
  }

  private close(listener: RunningListener): Effect.Effect<void> {
    return Effect.andThen(
      listener.close,
      Effect.sync(() => this.letGo(listener.service)),
    );
  }

  private letGo(service: Service): void {
    service.drain();
    if (service.connections.size === 0) {
      forget(service);
      return;
    }
    this.left.add(service);
    // A client of it may still do what a policy is told of.
    const { policies } = service.route;
    policies?.enter();
    this.fork(
      service.connections.whenEmpty.pipe(
        Effect.timeoutOption(service.route.removalGraceMs),
        Effect.andThen(
          Effect.sync(() => {
            service.connections.abort();
            this.left.delete(service);
            policies?.leave();
            forget(service);
          }),
        ),
      ),
    );
  }
}

/**
 * Whether a socket's connections are those of the listener that is wanted on it: of the same protocol and the same load balancer,
 * which may have another name now, one that nobody had. What one load balancer was asked never goes to another's instances.
 */
const goesOn = (
  { listener, loadBalancer }: Route,
  wanted: WantedListener,
  names: ReadonlySet<string>,
  known: ReadonlySet<string>,
): boolean =>
  listener.protocol === wanted.listener.protocol &&
  (loadBalancer === wanted.loadBalancer.name || (!names.has(loadBalancer) && !known.has(wanted.loadBalancer.name)));

/** Members tell a membership of every lease: one that nobody uses any more must leave them. */
const forget = ({ route }: Service): void => route.membership.replace([]);

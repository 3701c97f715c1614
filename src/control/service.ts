// What a listener is to its connections: the route they take now, and whether they are to come to an end.
//
// A reload swaps the route by one assignment. When the listener goes, or turns to another protocol, its service drains
// with the connections it has, and new ones belong to another.
import type { Effect } from "effect";
import type { Admission } from "../listen/admission.ts";
import type { Cancellable, LiveConnection, Route, RouteSource } from "../pipeline/route.ts";
import { Connections } from "./connections.ts";

/** Starts a fiber for a part of a connection's life. */
export type Fork = (part: Effect.Effect<void>) => Cancellable;

export class Service implements RouteSource {
  readonly connections = new Connections();
  isDraining = false;

  constructor(
    public route: Route,
    private readonly admission: Admission,
    readonly fork: Fork,
  ) {}

  /** Tells every connection to finish. */
  drain(): void {
    this.isDraining = true;
    this.connections.drain();
  }

  enter(connection: LiveConnection): void {
    this.connections.add(connection);
  }

  leave(connection: LiveConnection): void {
    this.admission.leave();
    this.connections.delete(connection);
  }

  replace(before: LiveConnection, after: LiveConnection): void {
    this.connections.delete(before);
    // It was told to come to an end while it could not know what that means.
    if (this.isDraining) after.drain();
  }
}

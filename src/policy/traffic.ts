/**
 * What policies see of traffic, and the values that they answer with: connections, requests, responses, faults, outcomes.
 * The contexts are made by pipeline/ for listeners whose policies have hooks for them; the values are checked and carried
 * out there.
 * Owns the shapes and the constructors of answers. A context is read only.
 */
import type { Side } from "../errors.ts";
import type { Protocol } from "../model/protocol.ts";
import type { ProxiedTls } from "../model/proxied-connection.ts";

/** Who has connected, and to what. */
export interface ClientContext {
  /** The load balancer's name. */
  readonly loadBalancer: string;
  readonly listener: { readonly protocol: Protocol; readonly port: number };
  /** An IP address; what a trusted proxy says it is, where the listener accepts PROXY headers. */
  readonly clientAddress: string;
  readonly clientPort: number;
  /** What the client's TLS handshake settled; undefined in clear. */
  readonly tls: ProxiedTls | undefined;
}

/** A connection of a TCP or SSL listener, before an instance is picked. */
export interface ConnectionContext extends ClientContext {
  readonly kind: "connection";
}

/**
 * A request, its head whole and sound, as its client sent it. One object for each request, the same in all hooks of all
 * policies: what a policy remembers of a request, it may keep in a `WeakMap` under it.
 */
export interface RequestContext extends ClientContext {
  readonly kind: "request";
  readonly method: string;
  /** The request target as sent (RFC 9112 §3.2). */
  readonly target: string;
  /** The target's path, without query: `/` where there is none. */
  readonly path: string;
  /** Behind the first `?` of the target; empty without one. */
  readonly query: string;
  /** The host that is asked for, as sent, with its port; undefined where none is named. */
  readonly host: string | undefined;
  /** Such as `1.1`. */
  readonly version: string;
  /** A header's value by its name in any case; several of the same name are joined by `, ` (RFC 9110 §5.3). */
  readonly header: (name: string) => string | undefined;
  /** Every header as sent, in order. */
  readonly headers: () => ReadonlyArray<readonly [name: string, value: string]>;
}

/** The head of a final response on its way to the client. */
export interface ResponseContext {
  readonly request: RequestContext;
  readonly status: number;
  /** The instance's id; undefined for an answer that a policy gave. */
  readonly instance: string | undefined;
  /** A header's value by its name in any case, as the instance sent it; several are joined by `, `. */
  readonly header: (name: string) => string | undefined;
}

/** Something that went wrong with a request or a connection. */
export interface FaultContext {
  /** As in the reasons of the metrics, such as `backendTimeout`. */
  readonly reason: string;
  /** Whose doing it is. */
  readonly side: Side;
  /** The status that the client gets, or has got; 0 where it gets none. */
  readonly status: number;
  /** The instance that it had come to, by its id. */
  readonly instance: string | undefined;
  /** Undefined where no sound request head had come, and at layer 4. */
  readonly request: RequestContext | undefined;
  readonly client: ClientContext;
}

/** How a request or a layer-4 connection ended, as it is about to be logged. */
export interface LogContext {
  /** Undefined where no sound request head had come, and at layer 4. */
  readonly request: RequestContext | undefined;
  readonly client: ClientContext;
  /** The status that the client got; 0 at layer 4 and where it got none. */
  readonly status: number;
  /** The instance that it was sent to, by its id. */
  readonly instance: string | undefined;
  /** What went wrong, or undefined. */
  readonly reason: string | undefined;
  /** From the request's (or the connection's) beginning to its end, in seconds. */
  readonly seconds: number;
}

/** An answer in the instance's place. */
export interface Answer {
  /** 200–599. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /** A text is sent as UTF-8. */
  readonly body?: string | Uint8Array | undefined;
}

/** The client is turned away: a request with 403, a layer-4 connection by closing it. */
export interface Refusal {
  readonly isRefused: true;
}

/**
 * What changes in a head: first what is removed goes, then what is set takes the place of all lines of its name, then what
 * is added goes behind. Names are in any case; in a request, those that differ only in marks such as `-` and `_` are the same.
 * A value has a character for each of its bytes, as contexts give texts out. Set to undefined, a header is removed; added as
 * undefined, it is left out.
 *
 * *Details*: the same as the last time costs least: what it means is worked out once.
 */
export interface HeadEdit {
  readonly remove?: ReadonlyArray<string> | undefined;
  readonly set?: Readonly<Record<string, string | undefined>> | undefined;
  readonly add?: Readonly<Record<string, string | ReadonlyArray<string> | undefined>> | undefined;
}

/** What changes in a request's head. */
export interface RequestEdit extends HeadEdit {
  /** Path and query in the place of those of the request, such as `/v2/users?id=1`. */
  readonly path?: string | undefined;
}

/**
 * Narrows the instances that a request or connection may go to.
 *
 * *Details*: the same as the last time costs least. Those selected are balanced among themselves, as if there were no others.
 */
export interface Selection {
  /** Instances that have all of these tags; one without a value is an error, or a selection would grow by it. */
  readonly tags?: Readonly<Record<string, string | undefined>> | undefined;
  /** Instances by their ids. */
  readonly instances?: ReadonlyArray<string> | undefined;
  /** What happens while none of them is in service: `refuse` (503, the default) or `any` for all others. */
  readonly orElse?: "refuse" | "any" | undefined;
}

const refusal: Refusal = { isRefused: true };

/** Turns a client away: a request with 403, a layer-4 connection by closing it. */
export const refuse = (): Refusal => refusal;

/** An answer in the instance's place. */
export const answer = (
  status: number,
  body?: string | Uint8Array,
  headers?: Readonly<Record<string, string | undefined>>,
): Answer => ({
  status,
  ...(body === undefined ? {} : { body }),
  ...(headers === undefined ? {} : { headers }),
});

/** Sends the client elsewhere (RFC 9110 §15.4); 302 unless another status of that class is given. */
export const redirect = (location: string, status: 301 | 302 | 303 | 307 | 308 = 302): Answer => ({
  status,
  headers: { Location: location },
});

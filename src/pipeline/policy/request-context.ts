// What policies see of a client, a connection and a request.
//
// Made by the exchange and by layer 4 where the route has policies, one fresh object for each request or connection, and
// never otherwise. Stays good for as long as anybody keeps it; what is read of it is worked out when it is asked for. Its
// getters never throw.
import type { Accepted } from "../../listen/accepted.ts";
import type { Protocol } from "../../model/protocol.ts";
import type { ProxiedTls } from "../../model/proxied-connection.ts";
import type { Transport } from "../../net/transport.ts";
import type { ClientContext, ConnectionContext, RequestContext } from "../../policy/index.ts";
import type { Route } from "../route.ts";
import { trimBlanks } from "./lines.ts";

/** Who a client is, as far as its connection says. */
export interface ClientEnd {
  readonly client: Transport;
  readonly clientAddress: string;
  /** 0 where it wasn't read when the connection came. */
  readonly clientPort: number;
  readonly tls?: ProxiedTls | undefined;
}

/** A client's connection, whose handshake may be over. */
export type ClientConnection = Accepted & { readonly tls?: ProxiedTls | undefined };

/** Who has connected, remembered: a closed connection forgets its port. Takes a system call where nobody has read it. */
export const endOf = ({ transport, clientAddress, clientPort, tls }: ClientConnection): ClientEnd => ({
  client: transport,
  clientAddress,
  clientPort: clientPort || transport.remotePort,
  tls,
});

/** Without a path in it, as policies may see it. */
type ListenerContext = ClientContext["listener"];

/** What Bun asks for the words of an object that is printed. */
export const inspect = Symbol.for("nodejs.util.inspect.custom");

const listeners = new WeakMap<Route, ListenerContext>();

const listenerOf = (route: Route): ListenerContext => {
  let context = listeners.get(route);
  if (context === undefined) {
    context = Object.freeze({ protocol: route.listener.protocol as Protocol, port: route.port });
    listeners.set(route, context);
  }
  return context;
};

/** A client of whom nothing more is known, or wanted. Nothing of it can be changed: all policies see the same. */
export class SeenClient implements ClientContext {
  readonly #route: Route;
  readonly #end: ClientEnd;

  constructor(route: Route, end: ClientEnd) {
    this.#route = route;
    this.#end = end;
  }

  get loadBalancer(): string {
    return this.#route.loadBalancer;
  }

  get listener(): ListenerContext {
    return listenerOf(this.#route);
  }

  get clientAddress(): string {
    return this.#end.clientAddress;
  }

  get tls(): ProxiedTls | undefined {
    return this.#end.tls;
  }

  /** Takes a system call where it isn't known; 0 when the connection has gone meanwhile. */
  get clientPort(): number {
    return this.#end.clientPort || this.#end.client.remotePort;
  }

  /** What the contract has of it, for who prints it; what is behind that is elbow's own. */
  toJSON(): object {
    const { loadBalancer, listener, clientAddress, clientPort, tls } = this;
    return { loadBalancer, listener, clientAddress, clientPort, tls };
  }

  [inspect](): object {
    return this.toJSON();
  }
}

/** A connection of a TCP or SSL listener. */
export class SeenConnection extends SeenClient implements ConnectionContext {
  get kind(): "connection" {
    return "connection";
  }

  override toJSON(): object {
    return { kind: this.kind, ...super.toJSON() };
  }
}

const latin1 = Buffer.prototype.latin1Slice as unknown as {
  call(bytes: Uint8Array, start: number, end: number): string;
};

/** `bytes[start, end)`, a character per byte. */
export const textOfHead = (bytes: Uint8Array, start: number, end: number): string => latin1.call(bytes, start, end);

/** The value of a header in a head's text, several joined; `lower` is the same text in lower case. */
export const findHeader = (text: string, lower: string, name: unknown): string | undefined => {
  if (typeof name !== "string" || name.length === 0 || !/^[^\s:]+$/.test(name)) return undefined;
  const wanted = `\r\n${name.toLowerCase()}:`;
  let value: string | undefined;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + wanted.length)) {
    const start = at + wanted.length;
    const end = text.indexOf("\r\n", start);
    const one = trimBlanks(text.slice(start, end < 0 ? text.length : end));
    value = value === undefined ? one : `${value}, ${one}`;
  }
  return value;
};

/**
 * A request; its head is strict: as its client sent it, or repaired.
 *
 * *Owns*: `bytes` from `start` to `stop`, where it is the last that stands there: nobody writes to them or frees them any more.
 */
export class SeenRequest extends SeenClient implements RequestContext {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #stop: number;
  #known: string | undefined = undefined;
  #lower: string | undefined = undefined;
  #lineEnd = -1;
  #methodEnd = 0;
  #targetEnd = 0;
  #list: ReadonlyArray<readonly [name: string, value: string]> | undefined = undefined;
  #header: RequestContext["header"] | undefined = undefined;

  constructor(route: Route, end: ClientEnd, bytes: Uint8Array, start: number, stop: number) {
    super(route, end);
    this.#bytes = bytes;
    this.#start = start;
    this.#stop = stop;
  }

  get kind(): "request" {
    return "request";
  }

  /** Takes the text out of bytes that are about to be somebody else's. Out of policies' reach. */
  static keep(request: SeenRequest): void {
    request.#known = request.#text;
  }

  get #text(): string {
    this.#known ??= textOfHead(this.#bytes, this.#start, this.#stop);
    return this.#known;
  }

  get method(): string {
    this.#readLine();
    return this.#text.slice(0, this.#methodEnd);
  }

  get target(): string {
    this.#readLine();
    return this.#text.slice(this.#methodEnd + 1, this.#targetEnd);
  }

  get path(): string {
    const origin = this.#originForm;
    const query = origin.indexOf("?");
    return (query < 0 ? origin : origin.slice(0, query)) || "/";
  }

  get query(): string {
    const { target } = this;
    const query = target.indexOf("?");
    return query < 0 ? "" : target.slice(query + 1);
  }

  /** A target's authority takes the place of Host (RFC 9112 §3.2.2). */
  get host(): string | undefined {
    const { target } = this;
    const authority = absoluteForm.exec(target)?.[1];
    if (authority === undefined) return this.header("host");
    return authority.slice(authority.lastIndexOf("@") + 1);
  }

  get version(): string {
    this.#readLine();
    // A request without a version is one of HTTP/0.9.
    return this.#targetEnd < this.#lineEnd ? this.#text.slice(this.#targetEnd + 6, this.#lineEnd) : "0.9";
  }

  /** May be taken out of the context, as `({ header }) => header("x-a")` does. */
  get header(): RequestContext["header"] {
    this.#header ??= (name) => {
      this.#lower ??= this.#text.toLowerCase();
      return findHeader(this.#text, this.#lower, name);
    };
    return this.#header;
  }

  get headers(): RequestContext["headers"] {
    return () => {
      this.#list ??= this.#readLines();
      return this.#list;
    };
  }

  override toJSON(): object {
    const { kind, method, target, path, query, host, version } = this;
    return { kind, ...super.toJSON(), method, target, path, query, host, version, headers: this.headers() };
  }

  /** The target from its path on. */
  get #originForm(): string {
    const { target } = this;
    const absolute = absoluteForm.exec(target);
    return absolute === null ? target : target.slice(absolute[0].length);
  }

  #readLine(): void {
    if (this.#lineEnd >= 0) return;
    const text = this.#text;
    const lineEnd = text.search(/\r?\n/);
    this.#lineEnd = lineEnd < 0 ? text.length : lineEnd;
    const line = text.slice(0, this.#lineEnd);
    const first = line.indexOf(" ");
    this.#methodEnd = first < 0 ? line.length : first;
    const second = line.indexOf(" ", this.#methodEnd + 1);
    this.#targetEnd = second < 0 ? line.length : second;
  }

  #readLines(): ReadonlyArray<readonly [name: string, value: string]> {
    const lines = this.#text.split("\r\n").slice(1);
    const list = lines.flatMap((line) => {
      const colon = line.indexOf(":");
      if (colon <= 0) return [];
      return [Object.freeze([line.slice(0, colon), trimBlanks(line.slice(colon + 1))] as const)];
    });
    return Object.freeze(list);
  }
}

/** Scheme and authority of a target in absolute form; what follows is its path, its query or nothing. */
const absoluteForm = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;

// What policies see of a client, a connection and a request.
//
// Made by the exchange and by layer 4 where the route has policies, one fresh object for each request or connection, and
// never otherwise. Stays good for as long as anybody keeps it; what is read of it is worked out when it is asked for. Its
// getters never throw.
import type { Protocol } from "../model/protocol.ts";
import type { ProxiedTls } from "../model/proxied-connection.ts";
import type { Transport } from "../net/transport.ts";
import type { ClientContext, ConnectionContext, RequestContext } from "../policy/index.ts";
import { trimBlanks } from "./policy-lines.ts";
import type { Route } from "./route.ts";

/** Who a client is, as far as its connection says. */
export interface ClientEnd {
  readonly client: Transport;
  readonly clientAddress: string;
  /** 0 where it wasn't read when the connection came. */
  readonly clientPort: number;
  readonly tls?: ProxiedTls | undefined;
}

/** Without a path in it, as policies may see it. */
type ListenerContext = ClientContext["listener"];

const listeners = new WeakMap<Route, ListenerContext>();

const listenerOf = (route: Route): ListenerContext => {
  let context = listeners.get(route);
  if (context === undefined) {
    context = Object.freeze({ protocol: route.listener.protocol as Protocol, port: route.port });
    listeners.set(route, context);
  }
  return context;
};

/** A client of whom nothing more is known, or wanted. */
export class SeenClient implements ClientContext {
  constructor(
    private readonly route: Route,
    private readonly end: ClientEnd,
  ) {}

  get loadBalancer(): string {
    return this.route.loadBalancer;
  }

  get listener(): ListenerContext {
    return listenerOf(this.route);
  }

  get clientAddress(): string {
    return this.end.clientAddress;
  }

  get tls(): ProxiedTls | undefined {
    return this.end.tls;
  }

  /** Takes a system call where it isn't known; 0 when the connection has gone meanwhile. */
  get clientPort(): number {
    return this.end.clientPort || this.end.client.remotePort;
  }
}

/** A connection of a TCP or SSL listener. */
export class SeenConnection extends SeenClient implements ConnectionContext {
  readonly kind = "connection";
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
  readonly kind = "request";
  private known: string | undefined = undefined;
  private lower: string | undefined = undefined;
  private lineEnd = -1;
  private methodEnd = 0;
  private targetEnd = 0;
  private list: ReadonlyArray<readonly [name: string, value: string]> | undefined = undefined;

  constructor(
    route: Route,
    end: ClientEnd,
    private readonly bytes: Uint8Array,
    private readonly start: number,
    private readonly stop: number,
  ) {
    super(route, end);
  }

  /** Takes the text out of bytes that are about to be somebody else's. */
  keep(): void {
    this.known ??= textOfHead(this.bytes, this.start, this.stop);
  }

  private get text(): string {
    this.keep();
    return this.known as string;
  }

  get method(): string {
    this.readLine();
    return this.text.slice(0, this.methodEnd);
  }

  get target(): string {
    this.readLine();
    return this.text.slice(this.methodEnd + 1, this.targetEnd);
  }

  get path(): string {
    const origin = this.originForm;
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
    this.readLine();
    // A request without a version is one of HTTP/0.9.
    return this.targetEnd < this.lineEnd ? this.text.slice(this.targetEnd + 6, this.lineEnd) : "0.9";
  }

  header(name: string): string | undefined {
    this.lower ??= this.text.toLowerCase();
    return findHeader(this.text, this.lower, name);
  }

  headers(): ReadonlyArray<readonly [name: string, value: string]> {
    this.list ??= this.readLines();
    return this.list;
  }

  /** The target from its path on. */
  private get originForm(): string {
    const { target } = this;
    const absolute = absoluteForm.exec(target);
    return absolute === null ? target : target.slice(absolute[0].length);
  }

  private readLine(): void {
    if (this.lineEnd >= 0) return;
    const { text } = this;
    const lineEnd = text.search(/\r?\n/);
    this.lineEnd = lineEnd < 0 ? text.length : lineEnd;
    const line = text.slice(0, this.lineEnd);
    const first = line.indexOf(" ");
    this.methodEnd = first < 0 ? line.length : first;
    const second = line.indexOf(" ", this.methodEnd + 1);
    this.targetEnd = second < 0 ? line.length : second;
  }

  private readLines(): ReadonlyArray<readonly [name: string, value: string]> {
    const lines = this.text.split("\r\n").slice(1);
    return lines.flatMap((line) => {
      const colon = line.indexOf(":");
      return colon <= 0 ? [] : [[line.slice(0, colon), trimBlanks(line.slice(colon + 1))] as const];
    });
  }
}

/** Scheme and authority of a target in absolute form; what follows is its path, its query or nothing. */
const absoluteForm = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;

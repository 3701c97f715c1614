// The HTTP server under the management surface: connections in, in clear or with TLS, and each request to the app.
//
// In front of app.ts, opened by admin-listener.ts. Bun.serve knows no limit of connections and shows only whole requests: a
// connection that says nothing would hold a file descriptor unseen. So every one is counted here as it is accepted. Owns the
// listening socket, its connections and their times; it never looks at what is asked.
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer, type ListenOptions, type Server as NetServer, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { ConnectionRoom, Guest } from "./connection-room.ts";
import { sendResponse, toRequestUnsafe } from "./http-exchange.ts";

/** The longest that a connection may be silent, in milliseconds; streams are exempt. */
const idleMs = 60_000;

/** The longest that a TLS handshake may take, in milliseconds. */
const handshakeMs = 10_000;

/** What is known of the connection that a request came on. */
export interface Caller {
  readonly isSecure: boolean;
  /** Lets the answer last: it is sent as it comes, and silence is no fault. */
  readonly keepOpen: () => void;
}

/** Answers a request; it may not throw. */
export type AnswerRequest = (request: Request, caller: Caller) => Response | Promise<Response>;

/** What a server shows its clients. */
export type ServerTls = SecureContext;

/** TLS 1.2 or 1.3 with a certificate, both PEM. *Fails with*: throws where the TLS library won't have it. */
export const makeServerTlsUnsafe = (cert: string, key: string): ServerTls =>
  createSecureContext({ cert, key, minVersion: "TLSv1.2" });

/** One connection. */
interface Connection extends Guest {
  /** What HTTP is spoken on: the accepted socket, or TLS over it. */
  stream: Socket;
  readonly isSecure: boolean;
  /** Requests in progress; more than one where they come ahead of answers. */
  requests: number;
  /** It ends with the answer in progress. */
  isLast: boolean;
}

export class HttpServer {
  private readonly http: Server;
  private readonly front: NetServer;
  private readonly connections = new Set<Connection>();
  private readonly connectionOf = new WeakMap<object, Connection>();
  private onEmpty: (() => void) | undefined = undefined;

  constructor(
    private readonly answer: AnswerRequest,
    private readonly room: ConnectionRoom,
    private tls: ServerTls | undefined,
  ) {
    // Whether a Host is there, the app says.
    const options = { requireHostHeader: false, keepAliveTimeout: idleMs };
    this.http = createHttpServer(options, (incoming, outgoing) => void this.serve(incoming, outgoing));
    this.http.on("clientError", (_, stream) => {
      if (stream.writable) stream.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      else stream.destroy();
    });
    this.front = createServer((socket) => this.accept(socket));
  }

  /** The port that it got; 0 for a Unix socket. */
  get port(): number {
    const at = this.front.address();
    return at === null || typeof at === "string" ? 0 : at.port;
  }

  /** Listens; resolves, or rejects with the system's error, later: whether it listens is decided before it returns. */
  listen(place: ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.front.once("error", reject);
      this.front.listen(place, () => {
        this.front.off("error", reject);
        // An accept that fails takes nothing from those that are there.
        this.front.on("error", () => {});
        resolve();
      });
    });
  }

  /** Shows this from the next connection on; who has come in clear, or hasn't, finishes one answer at most. */
  show(tls: ServerTls | undefined): void {
    const isOther = (this.tls === undefined) !== (tls === undefined);
    this.tls = tls;
    if (isOther) this.dismissIdle();
  }

  /** Stops listening at once; resolves when every request in progress is answered. */
  stop(): Promise<void> {
    if (this.front.listening) this.front.close();
    this.dismissIdle();
    if (this.connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.onEmpty = resolve;
    });
  }

  /** Ends every connection at once. */
  cut(): void {
    for (const { dismiss } of [...this.connections]) dismiss();
  }

  private dismissIdle(): void {
    for (const connection of [...this.connections]) {
      connection.isLast = true;
      if (connection.requests === 0) connection.dismiss();
    }
  }

  private accept(socket: Socket): void {
    const { tls } = this;
    const connection: Connection = {
      stream: socket,
      isSecure: tls !== undefined,
      requests: 0,
      isLast: false,
      dismiss: () => {
        connection.stream.destroy();
        socket.destroy();
      },
    };
    socket.on("error", connection.dismiss);
    if (!this.room.enter(connection)) {
      socket.destroy();
      return;
    }
    this.connections.add(connection);
    socket.on("close", () => this.forget(connection));
    if (tls === undefined) {
      this.begin(connection);
      return;
    }
    socket.setTimeout(handshakeMs, connection.dismiss);
    const stream = new TLSSocket(socket, { isServer: true, secureContext: tls });
    connection.stream = stream;
    stream.on("error", connection.dismiss).on("close", connection.dismiss);
    stream.once("secure", () => {
      socket.setTimeout(0);
      this.begin(connection);
    });
  }

  private begin(connection: Connection): void {
    const { stream } = connection;
    this.connectionOf.set(stream, connection);
    stream.on("timeout", connection.dismiss).setTimeout(idleMs);
    this.http.emit("connection", stream);
  }

  private forget(connection: Connection): void {
    this.room.leave(connection);
    this.connections.delete(connection);
    if (this.connections.size === 0) this.onEmpty?.();
  }

  private async serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const connection = this.connectionOf.get(incoming.socket);
    if (connection === undefined) {
      incoming.socket.destroy();
      return;
    }
    const { stream } = connection;
    if (connection.requests++ === 0) this.room.noteBusy(connection);
    stream.setTimeout(idleMs);
    if (connection.isLast) outgoing.shouldKeepAlive = false;
    outgoing.once("close", () => {
      if (--connection.requests > 0) return;
      this.room.noteIdle(connection);
      if (connection.isLast) stream.destroySoon();
      else stream.setTimeout(idleMs);
    });
    let request: Request;
    try {
      request = toRequestUnsafe(incoming);
    } catch {
      outgoing.writeHead(400, { connection: "close", "content-length": 0 }).end();
      return;
    }
    let lasts = false;
    const keepOpen = (): void => {
      lasts = true;
      stream.setTimeout(0);
    };
    try {
      await sendResponse(await this.answer(request, { isSecure: connection.isSecure, keepOpen }), outgoing, lasts);
    } catch {
      // Cut, not ended: what the client has must not look whole.
      connection.dismiss();
    }
  }
}

// A scriptable instance: a raw TCP server on loopback whose script decides, connection by connection, what an instance
// does: read, answer, stall, stop reading, half-close, reset, close. It counts and records everything; it never does
// anything that its script does not say.
import type { Socket, TCPSocketListener } from "bun";
import { ByteEnd, byteEndHandlers, CutError } from "./byte-end.ts";
import { type HttpRequest, readRequest } from "./http-message.ts";

/** One accepted connection of a FakeInstance. */
export class InstanceConnection extends ByteEnd {
  /** The requests read through `readRequest` on this connection, in order. */
  readonly requests: Array<HttpRequest> = [];

  constructor(
    readonly instance: FakeInstance,
    /** Its place in the order of accepting, from 0. */
    readonly index: number,
  ) {
    super();
  }

  /** Reads one whole request; `undefined` when the other side ended cleanly between requests. */
  async readRequest(timeoutMs?: number): Promise<HttpRequest | undefined> {
    const request = await readRequest(this, timeoutMs);
    if (request !== undefined) {
      this.requests.push(request);
      this.instance.requests.push(request);
    }
    return request;
  }
}

/** What an instance does with one connection. */
export type Script = (connection: InstanceConnection) => void | Promise<void>;

/** A scripted TCP server. */
export class FakeInstance implements Disposable {
  /** All connections ever accepted, in order. */
  readonly connections: Array<InstanceConnection> = [];
  /** All requests read by `readRequest` on any connection, in order. */
  readonly requests: Array<HttpRequest> = [];
  /** What scripts threw, other than being cut off. */
  readonly scriptErrors: Array<unknown> = [];
  #listener: TCPSocketListener<ByteEnd> | undefined;
  #port = 0;

  protected constructor(private script: Script) {}

  /** Starts an instance on `host` (default `127.0.0.1`) and `port` (default: any free one). */
  static start(script: Script, options: { readonly host?: string; readonly port?: number } = {}): FakeInstance {
    const instance = new FakeInstance(script);
    instance.listen(options.port ?? 0, options.host ?? "127.0.0.1");
    return instance;
  }

  /** Listens (again) on `port`. */
  listen(port: number, host = "127.0.0.1"): void {
    this.#listener = Bun.listen<ByteEnd>({
      hostname: host,
      port,
      allowHalfOpen: true,
      ...this.ways,
    });
    this.#port = this.#listener.port;
  }

  /** How it listens, other than where; another kind of instance has other ways. */
  protected get ways(): Pick<Bun.TCPSocketListenOptions<ByteEnd>, "socket" | "tls"> {
    return {
      socket: {
        ...byteEndHandlers,
        open: (socket) => {
          const connection = new InstanceConnection(this, this.connections.length);
          this.keep(connection, socket);
          void this.run(connection);
        },
      },
    };
  }

  /** A connection was accepted. */
  protected keep(connection: InstanceConnection, socket: Socket<ByteEnd>): void {
    socket.data = connection;
    connection.attach(socket);
    this.connections.push(connection);
  }

  /** Does what the script says with a connection. */
  protected async run(connection: InstanceConnection): Promise<void> {
    try {
      await this.script(connection);
    } catch (error) {
      if (!(error instanceof CutError)) this.scriptErrors.push(error);
    }
  }

  /** The port it listens on, also after `stop`. */
  get port(): number {
    return this.#port;
  }

  /** How many connections are not over. */
  get openConnections(): number {
    return this.connections.filter((connection) => !connection.isDone).length;
  }

  /** Waits until connection number `index` was accepted. */
  async connection(index = 0, timeoutMs = 10_000): Promise<InstanceConnection> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const connection = this.connections[index];
      if (connection !== undefined) return connection;
      if (performance.now() > deadline)
        throw new Error(`connection ${index} never came (${this.connections.length} did)`);
      await Bun.sleep(1);
    }
  }

  /** Changes what later connections meet. */
  become(script: Script): void {
    this.script = script;
  }

  /** Stops accepting; connections stay. */
  stopListening(): void {
    this.#listener?.stop(false);
    this.#listener = undefined;
  }

  /** Stops and drops every connection. */
  stop(): void {
    this.stopListening();
    for (const connection of this.connections) connection.dispose();
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

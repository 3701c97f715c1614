// A man in the middle for tests: passes bytes between a client and a port until it is told to hold back, change or cut
// what the client says. What the server says always passes. It knows TLS records by their headers and no more.
import { FakeInstance, type InstanceConnection } from "./fake-instance.ts";
import { RawClient } from "./raw-client.ts";

/** What becomes of bytes of the client on their way; undefined keeps them from the server. */
export type Tamper = (bytes: Buffer) => Uint8Array | undefined;

/** One client and its connection onwards. */
export class Tapped {
  /** Asked for everything that the client sends, which passes as it is without it. */
  tamper: Tamper | undefined = undefined;

  constructor(
    readonly client: InstanceConnection,
    readonly server: RawClient,
  ) {}

  get isTampering(): boolean {
    return this.tamper !== undefined;
  }

  /** @internal */
  async pumpToServer(): Promise<void> {
    const { client, server } = this;
    for (;;) {
      await client.waitFor(() => client.availableBytes > 0 || client.ending !== "open", "client's bytes", 60_000);
      const bytes = client.takeAvailable();
      if (bytes.length > 0) {
        const changed = this.tamper === undefined ? bytes : this.tamper(bytes);
        if (changed !== undefined && changed.length > 0) await server.send(changed).catch(() => {});
      } else if (client.ending === "eof") return server.halfClose();
      else return server.reset();
    }
  }

  /** @internal */
  async pumpToClient(): Promise<void> {
    const { client, server } = this;
    for (;;) {
      await server.waitFor(() => server.availableBytes > 0 || server.ending !== "open", "server's bytes", 60_000);
      const bytes = server.takeAvailable();
      if (bytes.length > 0) await client.send(bytes).catch(() => {});
      else if (server.ending === "eof") return client.halfClose();
      else return client.reset();
    }
  }
}

/** A port whose clients reach another port through it. */
export class Wiretap implements Disposable {
  readonly tapped: Array<Tapped> = [];

  private constructor(private readonly listener: FakeInstance) {}

  get port(): number {
    return this.listener.port;
  }

  /** The newest client. */
  get last(): Tapped {
    const last = this.tapped.at(-1);
    if (last === undefined) throw new Error("nobody has come");
    return last;
  }

  /** Listens for clients of `port`; `first` goes to the server in one write with the first bytes of each. */
  static start(port: number, first?: Uint8Array): Wiretap {
    const tap: Wiretap = new Wiretap(
      FakeInstance.start(async (client) => {
        const server = await RawClient.connect(port);
        const tapped = new Tapped(client, server);
        if (first !== undefined) {
          tapped.tamper = (bytes) => {
            tapped.tamper = undefined;
            return Buffer.concat([first, bytes]);
          };
        }
        tap.tapped.push(tapped);
        // Either side may be cut by a test at any time.
        await Promise.allSettled([tapped.pumpToServer(), tapped.pumpToClient()]);
      }),
    );
    return tap;
  }

  [Symbol.dispose](): void {
    for (const { client, server } of this.tapped) {
      client.dispose();
      server.dispose();
    }
    this.listener.stop();
  }
}

// A raw TCP client for tests, over IPv4 or IPv6: connects to a loopback port and is then a ByteEnd that the test
// drives byte by byte. It never retries and never closes by itself.
import { ByteEnd, byteEndHandlers } from "./byte-end.ts";

/** A raw TCP connection to a port of this machine. */
export class RawClient extends ByteEnd {
  /** Connects to `port` on `host` (default `127.0.0.1`); rejects when the connection is refused. */
  static async connect(port: number, host = "127.0.0.1"): Promise<RawClient> {
    const client = new RawClient();
    await Bun.connect<ByteEnd>({
      hostname: host,
      port,
      data: client,
      allowHalfOpen: true,
      socket: { ...byteEndHandlers, open: (socket) => client.attach(socket) },
    });
    return client;
  }
}

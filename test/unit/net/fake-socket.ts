// A socket that is not there: it takes as many bytes as it has room for and writes down what it is asked to do.
//
// For unit tests of what stands on a transport; what real sockets do is proved in test/integration/.
import { Transport } from "../../../src/net/transport.ts";
import { joinPieces, wholeText } from "../parse/http1/splits.ts";

export class FakeSocket {
  /** How many more bytes it takes before it is full. */
  room = Number.POSITIVE_INFINITY;
  /** How many more writes it takes before it reports, to each, that the peer has cut the connection. */
  writesLeft = Number.POSITIVE_INFINITY;
  /** What was asked of it, in order, writes apart. */
  readonly calls: Array<string> = [];
  readonly writes: Array<Uint8Array> = [];
  isGone = false;
  remoteAddress = "203.0.113.7";
  remotePort = 50_000;
  localAddress = "192.0.2.1";

  write(bytes: Uint8Array, offset = 0, length = bytes.length): number {
    if (this.isGone || this.writesLeft-- <= 0) return -1;
    const taken = Math.min(this.room, length);
    this.room -= taken;
    if (taken > 0) this.writes.push(bytes.slice(offset, offset + taken));
    return taken;
  }

  /** Everything it took, as text. */
  get sent(): string {
    return wholeText(joinPieces(this.writes));
  }

  pause(): void {
    this.calls.push("pause");
  }

  resume(): void {
    this.calls.push("resume");
  }

  shutdown(): void {
    this.calls.push("shutdown");
  }

  end(): void {
    this.calls.push("end");
    this.isGone = true;
  }

  terminate(): void {
    this.calls.push("terminate");
    this.isGone = true;
  }
}

/** A transport over a fake socket, and the socket. */
export const makeFakeTransport = (): { readonly transport: Transport; readonly socket: FakeSocket } => {
  const transport = new Transport();
  const socket = new FakeSocket();
  transport.socket = socket as never;
  return { transport, socket };
};

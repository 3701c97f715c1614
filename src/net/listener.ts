// A listening socket: Bun.listen with what it lacks (a long backlog, half-open connections, plain addresses).
//
// Owns the socket and nothing of the connections it accepted. It never decides who may come in.
import type { Socket, TCPSocketListener } from "bun";
import { isListening, setBacklog } from "./libc.ts";
import { type ListeningEnd, makeSocketHandlers, Transport } from "./transport.ts";

const backlogLength = 4096;

/** A listening socket that can be stopped. */
export interface ListeningSocket {
  /** The port that it is bound to: the one asked for, or the one the system chose for 0. */
  readonly port: number;
  /** Whether the system still has it: false after {@link stop}, or when somebody has closed it behind our back. */
  isListening(): boolean;
  /** Refuses new connections from now on; those accepted live on. */
  stop(): void;
}

/**
 * Listens on an address and port; `::` takes IPv4 clients too.
 *
 * *Fails with*: throws an error whose `code` is the system's.
 */
export const listenUnsafe = (
  address: string,
  port: number,
  onAccept: (transport: Transport) => void,
): ListeningSocket => {
  let end: ListeningEnd | undefined;
  const handlers = makeSocketHandlers((socket: Socket<Transport>) => {
    const transport = new Transport();
    transport.socket = socket;
    transport.listening = end;
    socket.data = transport;
    onAccept(transport);
  });
  const listener: TCPSocketListener<Transport> = Bun.listen<Transport>({
    hostname: address,
    port,
    allowHalfOpen: true,
    socket: handlers,
  });
  const { fd } = listener as unknown as { readonly fd: number };
  setBacklog(fd, backlogLength);
  const boundPort = listener.port;
  end = { address: isUnspecified(address) ? undefined : address, port: boundPort };
  let isStopped = false;
  return {
    port: boundPort,
    isListening: () => !isStopped && isListening(fd),
    stop() {
      if (isStopped) return;
      isStopped = true;
      listener.stop(false);
    },
  };
};

/** `::` and `0.0.0.0` stand for whatever addresses there are (RFC 4291 §2.5.2, RFC 1122 §3.2.1.3). */
const isUnspecified = (address: string): boolean => /^[0:.]+$/.test(address);

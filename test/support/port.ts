// Ports for tests on loopback: a free one, one where nothing listens, and one whose backlog is full so that a dial hangs
// in SYN_SENT; and a look at the kernel's table of connections.
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { eventually } from "./eventually.ts";

/** A port of 127.0.0.1 that was free a moment ago; also one that refuses connections. */
export const freePort = (host = "127.0.0.1"): number => {
  const listener = Bun.listen({ hostname: host, port: 0, socket: { data() {} } });
  const port = listener.port;
  listener.stop(true);
  return port;
};

/** TCP states as the kernel numbers them in /proc/net/tcp. */
export const tcpState = { established: "01", synSent: "02", finWait1: "04", finWait2: "05", timeWait: "06" } as const;

/** How many IPv4 sockets of this machine towards `remotePort` are in `state`. */
export const countSockets = (remotePort: number, state: string): number => {
  const suffix = `:${remotePort.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2]?.endsWith(suffix) && fields[3] === state).length;
};

/** A port that neither accepts nor refuses: its backlog is full, so that a dial stays in SYN_SENT. */
export const startSilentPort = async (): Promise<{ readonly port: number; readonly stop: () => void }> => {
  const libc = dlopen("libc.so.6", {
    fcntl: { args: ["int", "int", "int"], returns: "int" },
    listen: { args: ["int", "int"], returns: "int" },
    close: { args: ["int"], returns: "int" },
  }).symbols;
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const port = listener.port;
  // A duplicate keeps the listening socket alive after Bun stops accepting on it.
  const F_DUPFD_CLOEXEC = 1030;
  const fd = libc.fcntl((listener as unknown as { readonly fd: number }).fd, F_DUPFD_CLOEXEC, 3);
  listener.stop(false);
  libc.listen(fd, 0);
  const fillers: Array<{ terminate(): void }> = [];
  // A backlog of 0 holds one connection; what comes after it stays in SYN_SENT.
  for (let index = 0; index < 3; index++) {
    void Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { open: (socket) => void fillers.push(socket), data() {}, error() {}, connectError() {} },
    }).catch(() => {});
  }
  await eventually(() => countSockets(port, tcpState.synSent) > 0 && fillers.length > 0, { what: "a full backlog" });
  return {
    port,
    stop: () => {
      for (const filler of fillers) filler.terminate();
      libc.close(fd);
    },
  };
};

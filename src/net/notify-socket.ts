// The datagram socket on which a service manager hears from the process that it has started (sd_notify(3)).
//
// Bun has no datagrams over Unix sockets, so the system's own calls send them. Owns the address and nothing open: each
// message has a socket of its own, as in sd_notify itself. Never reads, and never says what a message means.
import { libc, readErrno } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0x80002;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
const EINTR = 4;
/** Of `sun_path` in unix(7). */
const longestPathBytes = 108;
/** How long a message that must arrive may wait for room in the receiver's queue. */
const patienceUs = 250_000n;

/** Where messages go. */
interface NotifySocket {
  /**
   * Sends one message; false when it couldn't be. One that `mayWait` waits up to 250 ms for a receiver that is busy, and
   * everything waits with it: for what is said seldom.
   */
  send(message: string, mayWait: boolean): boolean;
}

/** The socket of this name, as in NOTIFY_SOCKET: a path, or `@name` for an abstract one; else what is wrong with it. */
export const findNotifySocket = (name: string): NotifySocket | { readonly problem: string } => {
  if (!/^[/@]./.test(name)) return { problem: "it is neither an absolute path nor @ with an abstract name" };
  const path = new TextEncoder().encode(name);
  if (path.length >= longestPathBytes) return { problem: `it is longer than ${longestPathBytes - 1} bytes` };
  const system = libc;
  if (system === undefined) return { problem: "the C library can't be called here" };
  // The bytes behind a path are its NUL; those of an abstract name count as far as the length says.
  const address = new Uint8Array(2 + path.length + (name.startsWith("@") ? 0 : 1));
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(path, 2);
  if (name.startsWith("@")) address[2] = 0;
  return {
    send(message, mayWait) {
      const fd = system.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
      if (fd < 0) return false;
      try {
        system.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, new BigInt64Array([0n, patienceUs]), 16);
        const bytes = new TextEncoder().encode(message);
        const flags = MSG_NOSIGNAL | (mayWait ? 0 : MSG_DONTWAIT);
        for (let attempt = 0; attempt < 3; attempt++) {
          const sent = system.sendto(fd, bytes, bytes.length, flags, address, address.length);
          if (sent === bytes.length) return true;
          if (readErrno() !== EINTR) return false;
        }
        return false;
      } finally {
        system.close(fd);
      }
    },
  };
};

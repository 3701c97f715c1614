// The few system calls that Bun does not offer, through its foreign function interface (Linux, glibc or musl).
//
// Used at connection time only, never per chunk. Where the library can't be loaded (other systems, a hardened host),
// `libc` is undefined and each caller falls back and says so.
import { dlopen, FFIType, read } from "bun:ffi";

const symbols = {
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  connect: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
  listen: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  setsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  getsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  sendto: {
    args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
    returns: FFIType.i64_fast,
  },
  clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  getrlimit: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  __errno_location: { args: [], returns: FFIType.ptr },
} as const;

const load = () => {
  if (process.platform !== "linux") return undefined;
  for (const name of ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]) {
    try {
      return dlopen(name, symbols).symbols;
    } catch {
      // The next name is the other C library's.
    }
  }
  return undefined;
};

/** The C library's calls, or undefined where they can't be had. */
export const libc = load();

/** The calling thread's last error number after a failed {@link libc} call. */
export const readErrno = (): number => {
  const location = libc?.__errno_location();
  return location ? read.i32(location, 0) : 0;
};

/** Raises a listening socket's queue of connections not yet accepted (Bun fixes it at 512). */
export const setBacklog = (fd: number, length: number): void => {
  libc?.listen(fd, length);
};

const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;

/** Whether a descriptor is a socket that listens; true where that can't be asked. */
export const isListening = (fd: number): boolean => {
  const answer = new Int32Array(1);
  if (libc === undefined) return true;
  const length = new Uint32Array([answer.byteLength]);
  return libc.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, answer, length) === 0 && answer[0] === 1;
};

const CLOCK_MONOTONIC = 1;

/** Microseconds on the system's CLOCK_MONOTONIC (clock_gettime(2)), which all processes share; Bun's own begins with the process. */
export const readSystemMonotonicUs = (): bigint | undefined => {
  const time = new BigInt64Array(2);
  if (libc === undefined || libc.clock_gettime(CLOCK_MONOTONIC, time) !== 0) return undefined;
  return (time[0] as bigint) * 1_000_000n + (time[1] as bigint) / 1_000n;
};

const RLIMIT_NOFILE = 7;

/** How many file descriptors this process may hold, or undefined where that can't be asked. */
export const readDescriptorLimit = (): number | undefined => {
  const limit = new BigUint64Array(2);
  if (libc === undefined || libc.getrlimit(RLIMIT_NOFILE, limit) !== 0) return undefined;
  const soft = limit[0] as bigint;
  return soft > 1_000_000_000n ? 1_000_000_000 : Number(soft);
};

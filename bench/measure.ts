// What a process has used, by the kernel's own account: CPU time in nanoseconds and resident memory, from /proc, and a
// thread's own CPU clock. It only reads; it doesn't know which proxy it reads about.
import { dlopen } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";

const tickNs = 1e9 / 100; // USER_HZ is 100 on every Linux that Bun runs on (proc_pid_stat(5)).

/** CPU time of a process up to one moment. */
export interface CpuReading {
  /** By thread, run time in ns (`/proc/PID/task/TID/schedstat`): exact, but gone when the thread ends. */
  readonly threadNs: ReadonlyMap<string, number>;
  /** The process, utime + stime in ns (`/proc/PID/stat`): in steps of 10 ms, ended threads included. */
  readonly processNs: number;
}

/** Reads the CPU time of one process; throws when it is gone. */
export function readCpuUnsafe(pid: number): CpuReading {
  const threadNs = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const runNs = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
      threadNs.set(`${pid}/${thread}`, runNs);
    } catch {
      // A thread that ended between the listing and the reading.
    }
  }
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { threadNs, processNs: (Number(fields[11]) + Number(fields[12])) * tickNs };
}

/** Reads the CPU time of several processes as one. */
export function readCpuOfAllUnsafe(pids: ReadonlyArray<number>): CpuReading {
  const readings = pids.map(readCpuUnsafe);
  return {
    threadNs: new Map(readings.flatMap((reading) => [...reading.threadNs])),
    processNs: readings.reduce((sum, reading) => sum + reading.processNs, 0),
  };
}

/** CPU ns spent between two readings: exact by thread, unless a thread ended and took more than rounding with it. */
export function diffCpuNs(before: CpuReading, after: CpuReading): number {
  let byThread = 0;
  for (const [thread, ns] of after.threadNs) byThread += ns - (before.threadNs.get(thread) ?? 0);
  const byProcess = after.processNs - before.processNs;
  const hasLostThread = [...before.threadNs.keys()].some((thread) => !after.threadNs.has(thread));
  return hasLostThread ? Math.max(byThread, byProcess) : byThread;
}

/** Makes a reader of the calling thread's CPU time in ns: exact where getrusage(2) moves in ticks of up to 10 ms. */
export function makeThreadClock(): () => number {
  const { symbols } = dlopen("libc.so.6", { clock_gettime: { args: ["i32", "ptr"], returns: "i32" } });
  const timespec = new BigInt64Array(2);
  const threadClock = 3; // CLOCK_THREAD_CPUTIME_ID, clock_gettime(2).
  return () => {
    if (symbols.clock_gettime(threadClock, timespec) !== 0) throw new Error("no clock of this thread's CPU time");
    return Number(timespec[0]) * 1e9 + Number(timespec[1]);
  };
}

/** Resident memory of several processes in bytes (`VmRSS`); throws when one is gone. */
export function readRssBytesUnsafe(pids: ReadonlyArray<number>): number {
  return pids.reduce((sum, pid) => {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    if (kib === undefined) throw new Error(`process ${pid} has ended`);
    return sum + Number(kib) * 1024;
  }, 0);
}

/** The hard limit on open files. */
export function readFileLimit(): number {
  const row = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return row === undefined || row === "unlimited" ? Number.POSITIVE_INFINITY : Number(row);
}

/** The middle value; of an even count the mean of the two middle ones; NaN of none. */
export function medianOf(values: ReadonlyArray<number>): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value below which the given share of the values lies (nearest rank); NaN of none. */
export function quantileOf(values: ReadonlyArray<number>, share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

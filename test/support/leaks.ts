// What a process still holds: file descriptors from the kernel's view, sockets and timers from the engine's. Leak tests
// take a baseline, do their work, and compare.
import { heapStats } from "bun:jsc";
import { readdirSync, readlinkSync } from "node:fs";
import { eventually } from "./eventually.ts";

/** The sockets among this process's open file descriptors, each as `socket:[inode]`. */
export const openSockets = (): ReadonlyArray<string> =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith("socket:") ? [target] : [];
    } catch {
      return [];
    }
  });

/** Live engine objects of these kinds, after a collection; the kinds are the engine's class names. */
export const liveObjects = (...kinds: ReadonlyArray<string>): number => {
  Bun.gc(true);
  const counts = heapStats().objectTypeCounts;
  return kinds.reduce((sum, kind) => sum + (counts[kind] ?? 0), 0);
};

/** Waits until this process has no socket that was not open at the time of the baseline. */
export const noNewSockets = async (baseline: ReadonlyArray<string>, timeoutMs = 5_000): Promise<void> => {
  const known = new Set(baseline);
  await eventually(
    () => {
      const extra = openSockets().filter((socket) => !known.has(socket));
      if (extra.length > 0) throw new Error(`${extra.length} sockets are left open`);
      return true;
    },
    { what: "no socket left", timeoutMs },
  );
};

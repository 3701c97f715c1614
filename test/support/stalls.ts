// Waits for a sender whose other side doesn't read: until every buffer between the two is full.
import type { ByteEnd } from "./byte-end.ts";
import { eventually } from "./eventually.ts";

/** Waits until the kernel has taken nothing from `end` for a while; gives how much it had taken by then, in bytes. */
export const stalls = async (end: ByteEnd): Promise<number> => {
  let lastBytes = -1;
  let stillSince = performance.now();
  await eventually(
    () => {
      if (end.sentBytes !== lastBytes) stillSince = performance.now();
      lastBytes = end.sentBytes;
      return lastBytes > 0 && performance.now() - stillSince > 300;
    },
    { what: "a stalled sender", timeoutMs: 20_000 },
  );
  return lastBytes;
};

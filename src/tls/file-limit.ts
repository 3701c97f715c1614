/**
 * A time limit for work with a file: a file system that has gone away answers no call, and gives no error either.
 * Between pem-file.ts and the system; owns how long is waited, and that a file that hangs holds up one call at most.
 * Never cancels what it gave up on: the system has no way to.
 */

/** How long one file is waited for, in milliseconds. */
export const fileLimitMs = 5000;

/** A file couldn't be had in time. */
export class FileTimeout extends Error {
  override readonly name = "FileTimeout";
}

/** Files on which work was given up that is still under way. */
const hanging = new Set<string>();

/** Does work with the file at `path`; rejects as it does, or with a {@link FileTimeout} after `limitMs`. */
export const withinFileLimit = async <A>(
  path: string,
  work: () => Promise<A>,
  limitMs: number = fileLimitMs,
): Promise<A> => {
  // Each call that hangs holds one of the few threads that all file work shares.
  if (hanging.has(path)) throw new FileTimeout();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const doing = work();
  const giveUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      hanging.add(path);
      const isDone = () => hanging.delete(path);
      doing.then(isDone, isDone);
      reject(new FileTimeout());
    }, limitMs);
  });
  try {
    return await Promise.race([doing, giveUp]);
  } finally {
    clearTimeout(timer);
  }
};

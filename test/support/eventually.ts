// Waiting for conditions: the only way in which a test may let time pass. It polls fast, fails with the last
// thing it saw, and never waits for a fixed time "to be sure".

/** Polls `check` until it returns something other than `false`/`undefined`; fails with its last error after `timeoutMs`. */
export const eventually = async <A>(
  check: () => A | Promise<A>,
  options: { readonly timeoutMs?: number; readonly what?: string } = {},
): Promise<Exclude<A, false | undefined>> => {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const startedAt = performance.now();
  let last: unknown = "never ran";
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 25)) {
    try {
      const value = await check();
      if (value !== false && value !== undefined) return value as Exclude<A, false | undefined>;
      last = `returned ${String(value)}`;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    if (performance.now() - startedAt > timeoutMs) {
      throw new Error(`${options.what ?? "condition"} did not hold within ${timeoutMs} ms; last: ${String(last)}`);
    }
    await Bun.sleep(pauseMs);
  }
};

/** Rejects when `promise` is not settled after `timeoutMs`; the message comes from `describe` at that moment. */
export const within = <A>(promise: Promise<A>, timeoutMs: number, describe: () => string): Promise<A> =>
  new Promise<A>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${describe()} (after ${timeoutMs} ms)`)), timeoutMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });

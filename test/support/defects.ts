// What the process reports as its own defect: lines on the standard error output, watched in the test's own process.

/** Watches until it is disposed of; what is written goes on to where it goes. */
export const watchDefects = (): Disposable & { readonly seen: ReadonlyArray<string> } => {
  const seen: Array<string> = [];
  const original = process.stderr.write;
  const watching = function (this: typeof process.stderr, ...all: Parameters<typeof original>): boolean {
    if (String(all[0]).includes("defect")) seen.push(String(all[0]));
    return original.apply(this, all);
  } as typeof original;
  process.stderr.write = watching;
  return {
    seen,
    [Symbol.dispose]() {
      if (process.stderr.write === watching) process.stderr.write = original;
    },
  };
};

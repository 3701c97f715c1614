/**
 * Gets modules of the user's loose whose import never ended: Bun joins every later import of such a file to the one that
 * waits, whatever stands in the file by then, and nothing takes it out of the engine's registry.
 * Serves module-file.ts, which says what is stuck. Owns the stand-ins; never reads a file.
 *
 * A virtual module goes before the file of its name, for every importer and every way to write the path. It imports the file
 * under a name with a query behind it, another one each time that it is forgotten and imported again.
 */

/** How often a file was imported by its stand-in. */
const versions = new Map<string, number>();

/** Whether an entry of `require.cache` is what a stand-in has imported. */
export const isOfStandIn = (path: string): boolean => /\?v=\d+$/.test(path);

/** Has later imports of these files, by absolute path, begin anew instead of waiting for the one that never ended. */
export const loosen = (files: ReadonlyArray<string>): void => {
  if (files.length === 0) return;
  Bun.plugin({
    name: "elbow stuck modules",
    setup(build) {
      for (const file of files) build.module(file, async () => ({ exports: await importNext(file), loader: "object" }));
    },
  });
};

const importNext = (file: string): Promise<Record<string, unknown>> => {
  const version = versions.get(file) ?? 0;
  versions.set(file, version + 1);
  delete require.cache[`${file}?v=${version}`];
  return import(`${file}?v=${version + 1}`);
};

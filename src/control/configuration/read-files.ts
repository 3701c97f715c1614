/**
 * What was read of the disk while a configuration was loaded: which files, and what stood in them.
 * Filled by load.ts and module-file.ts, also when the load fails; asked by whoever watches those files for changes.
 */

/** Absolute paths with the hash of their content (see `hashContent`); undefined where there was no such file. */
export type ReadFiles = Map<string, string | undefined>;

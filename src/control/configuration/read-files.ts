/**
 * What was read of the disk while a configuration was loaded: which files, and what stood in them.
 * Filled by load.ts and module-file.ts, also when the load fails; asked by whoever watches those files for changes.
 */

/**
 * Absolute paths with the hash of their content (see `hashContent`), or {@link leadsTo}; undefined where there was no such
 * file.
 */
export type ReadFiles = Map<string, string | undefined>;

const arrow = "-> ";

/**
 * What is kept for the path of a module that goes through symbolic links: the file that they lead to. Another one has other
 * neighbours to import, even where the content is the same.
 */
export const leadsTo = (file: string): string => `${arrow}${file}`;

/** Whether what is kept for a path is where it leads to. */
export const isLead = (kept: string | undefined): boolean => kept?.startsWith(arrow) === true;

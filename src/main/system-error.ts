// Why the system refused something about a file or a folder, in words. Used by what makes folders of its own; it owns the words
// for the common codes, and never says which file or what would be right: who asked knows.

const spelledCodes: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space is left on its device",
  EDQUOT: "the disk quota is used up",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "it is a file",
  ENAMETOOLONG: "a name in the path is too long",
};

/** Why a file or folder can't be made or used, with the system's code behind it. */
export const spellSystemError = ({ code, message }: NodeJS.ErrnoException): string =>
  code === undefined ? message : `${spelledCodes[code] ?? "it can't be made"} (${code})`;

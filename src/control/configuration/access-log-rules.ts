/**
 * The rules of access logs: one destination each, what goes with which, and no two that would write over each other.
 * The second half of a check, with what can be found out about the paths before anything is written there.
 * Owns what relative paths are relative to. Never creates a file.
 */
import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { AccessLogSetting } from "../../model/access-log.ts";
import type { Configuration } from "../../model/configuration.ts";
import { childOf, type Finding, type Place } from "./problem.ts";

/** An access log with absolute paths, and what is wrong with it. */
interface SettledAccessLog {
  readonly accessLog: AccessLogSetting;
  readonly findings: ReadonlyArray<Finding>;
}

/** Settles the access log that stands at `place`; paths in it are relative to `directory`. */
export const settleAccessLog = (written: AccessLogSetting, place: Place, directory: string): SettledAccessLog => {
  const accessLog: AccessLogSetting = {
    ...written,
    ...(written.file === undefined ? {} : { file: resolve(directory, written.file) }),
    ...(written.directory === undefined ? {} : { directory: resolve(directory, written.directory) }),
  };
  const findings: Array<Finding> = [];
  const { enabled, file, directory: folder, rotate, s3 } = accessLog;
  if (enabled && countDestinations(accessLog) === 0) {
    findings.push({ place, problem: "says nowhere to write to", expected: oneDestination });
  }
  findings.push(...findManyDestinations(accessLog, place));
  if (rotate !== undefined && file === undefined) {
    findings.push({ place: [...place, "rotate"], problem: "turns nothing over", expected: "a `file` beside it" });
  } else if (rotate !== undefined && rotate.maxBytes === undefined && rotate.maxAge === undefined) {
    findings.push({ place: [...place, "rotate"], problem: "never happens", expected: "`maxBytes`, `maxAge` or both" });
  }
  if (s3 !== undefined && folder === undefined) {
    findings.push({
      place: [...place, "s3"],
      problem: "has no folder in which finished files wait",
      expected: "a `directory` beside it",
    });
  }
  if ((s3?.accessKeyId === undefined) !== (s3?.secretAccessKey === undefined)) {
    findings.push({
      place: [...place, "s3"],
      problem: "has one half of the credentials",
      expected: "`accessKeyId` and `secretAccessKey`, or neither, and then the environment has them",
    });
  }
  return { accessLog, findings };
};

const oneDestination = "just one of `file`, `directory` and `stdout: true`";

const countDestinations = (written: unknown): number => {
  const places = [childOf(written, "file"), childOf(written, "directory"), childOf(written, "stdout") || undefined];
  return places.filter((one) => one !== undefined).length;
};

/** What is wrong with a log of more than one destination, whether the rest of it is sound or not. */
export const findManyDestinations = (written: unknown, place: Place): ReadonlyArray<Finding> => {
  const count = countDestinations(written);
  return count > 1 ? [{ place, problem: `has ${count} destinations`, expected: oneDestination }] : [];
};

/** An access log and where it stands. */
interface PlacedAccessLog {
  readonly place: Place;
  readonly accessLog: AccessLogSetting;
}

/** Two logs in one file are fine as long as they agree on it. */
export const findSharedFileProblems = (logs: ReadonlyArray<PlacedAccessLog>): ReadonlyArray<Finding> => {
  const first = new Map<string, PlacedAccessLog>();
  return logs.flatMap((one) => {
    const { enabled, file } = one.accessLog;
    if (!enabled || file === undefined) return [];
    const other = first.get(file);
    if (other === undefined) {
      first.set(file, one);
      return [];
    }
    if (termsOf(other) === termsOf(one)) return [];
    return [
      {
        place: [...one.place, "file"],
        problem: `${file} is the file of ${other.place[1]} too, with another format or rotation`,
        expected: "the same settings for all who share a file, or another file",
      },
    ];
  });
};

const termsOf = ({ accessLog: { format, rotate } }: PlacedAccessLog): string =>
  JSON.stringify([format, rotate?.maxBytes, rotate?.maxAge, rotate?.keep]);

/** Paths that can't be written to, as far as that can be told without writing. */
export const findLogPathProblems = ({ loadBalancers }: Configuration): ReadonlyArray<Finding> =>
  loadBalancers.flatMap(({ name, attributes: { accessLog } }) => {
    const place: Place = ["loadBalancers", name, "attributes", "accessLog"];
    const { enabled, file, directory } = accessLog;
    if (!enabled) return [];
    const findings: Array<Finding> = [];
    const note = (key: string, path: string, problem: string | undefined, expected: string) => {
      if (problem !== undefined) findings.push({ place: [...place, key], problem: `${path} ${problem}`, expected });
    };
    if (file !== undefined) note("file", file, findFileProblem(file), "a file that elbow may write");
    if (directory !== undefined) {
      note("directory", directory, findFolderProblem(directory), "a folder that elbow may write");
    }
    return findings;
  });

const findFileProblem = (path: string): string | undefined => {
  const kind = kindOf(path);
  if (kind === "none") return findFolderProblem(dirname(path));
  if (kind === "folder") return "is a folder";
  if (kind === "other") return "is neither a file nor a pipe nor a character device";
  return isWritable(path, constants.W_OK) ? undefined : "can't be written";
};

/** Of the first folder that is there; the others will be made. */
const findFolderProblem = (path: string): string | undefined => {
  const kind = kindOf(path);
  if (kind === "file" || kind === "other") return `can't be written: ${path} is not a folder`;
  if (kind === "none") return dirname(path) === path ? "can't be written" : findFolderProblem(dirname(path));
  return isWritable(path, constants.W_OK | constants.X_OK) ? undefined : `can't be written: no right to ${path}`;
};

/** A file is what lines can be written to, also a pipe such as the one that /dev/stdout may be. */
const kindOf = (path: string): "file" | "folder" | "other" | "none" => {
  try {
    const found = statSync(path);
    if (found.isDirectory()) return "folder";
    return found.isFile() || found.isFIFO() || found.isCharacterDevice() ? "file" : "other";
  } catch {
    return "none";
  }
};

const isWritable = (path: string, mode: number): boolean => {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
};

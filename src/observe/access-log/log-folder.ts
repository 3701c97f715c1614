// How a folder of access logs is laid out: the paths and names of a Classic Load Balancer's bucket, and what lies there.
//
// `AWSLogs/<account>/elasticloadbalancing/<region>/yyyy/mm/dd/<account>_elasticloadbalancing_<region>_<load balancer>_<end
// time>_<node address>_<random>.log` ("Access logs for your Classic Load Balancer", AWS). A file that isn't finished has the
// writer behind its name. Owns the names; never writes a line.
import { randomBytes } from "node:crypto";
import { readdir, rename, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/** Whose logs lie where. */
export interface LogFolder {
  /** Absolute. */
  readonly directory: string;
  /** Twelve digits. */
  readonly account: string;
  readonly region: string;
  readonly loadBalancer: string;
}

/** Where the finished files of a folder's region lie, relative to the folder. */
const rootOf = ({ account, region }: LogFolder): string => `AWSLogs/${account}/elasticloadbalancing/${region}`;

/** The test file that Amazon puts into a bucket when logging is switched on, relative to the folder. */
export const testFileOf = ({ account }: LogFolder): string => `AWSLogs/${account}/ELBAccessLogTestFile`;

const prefixOf = ({ account, region, loadBalancer }: LogFolder): string =>
  `${account}_elasticloadbalancing_${region}_${loadBalancer}_`;

/** Tells this process from those before it that had the same id, as the first of a container always has. */
const incarnation = randomBytes(4).toString("hex");

/** What stands behind the name of a file that this process is writing. */
export const partSuffix = `.part-${hostname()}-${process.pid}.${incarnation}`;

/** `20140215T2340Z`, in UTC. */
const endTimeText = (endMs: number): string => `${new Date(endMs).toISOString().slice(0, 16).replace(/[-:]/g, "")}Z`;

/** The path of a new file, relative to the folder; its day is that of its end, when it is delivered. */
export const makeFileName = (folder: LogFolder, endMs: number, nodeAddress: string): string => {
  const day = new Date(endMs).toISOString().slice(0, 10).replaceAll("-", "/");
  const random = [...randomBytes(8)].map((byte) => (byte % 36).toString(36)).join("");
  return `${rootOf(folder)}/${day}/${prefixOf(folder)}${endTimeText(endMs)}_${nodeAddress}_${random}.log`;
};

/** A live writer finishes its file when its time has come; one that is this late has none, in milliseconds. */
const abandonedAfterMs = 60_000;

/** Finishes what an earlier process has left unfinished; answers the paths of all finished files, relative to the folder, oldest first. */
export const findFinished = async (folder: LogFolder, nowMs: number): Promise<ReadonlyArray<string>> => {
  const root = rootOf(folder);
  const prefix = prefixOf(folder);
  const found: Array<string> = [];
  for (const name of await namesIn(join(folder.directory, root))) {
    const file = name.slice(name.lastIndexOf("/") + 1);
    if (!file.startsWith(prefix)) continue;
    if (file.endsWith(".log")) found.push(`${root}/${name}`);
    else if (isAbandoned(file.slice(prefix.length), nowMs)) {
      const finished = `${root}/${name.slice(0, name.indexOf(".log.part-") + 4)}`;
      try {
        await rename(join(folder.directory, root, name), join(folder.directory, finished));
      } catch (error) {
        // Somebody else has finished it at the same moment.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
      found.push(finished);
    }
  }
  return found.sort();
};

/** What the files of a folder take, finished or not, in bytes. */
export const sizeOfFolder = async (folder: LogFolder): Promise<number> => {
  const root = join(folder.directory, rootOf(folder));
  const prefix = prefixOf(folder);
  const names = (await namesIn(root)).filter((name) => name.slice(name.lastIndexOf("/") + 1).startsWith(prefix));
  const sizes = await Promise.all(names.map((name) => sizeOf(join(root, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
};

/** A file's size in bytes; 0 where it is gone. */
export const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
};

const namesIn = async (root: string): Promise<ReadonlyArray<string>> => {
  try {
    return await readdir(root, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
};

/** Whether nobody writes a file any more, `rest` being what its name is behind the load balancer's. */
const isAbandoned = (rest: string, nowMs: number): boolean => {
  const [, year, month, day, hour, minute, writer] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z_.*\.log\.part-(.+)$/.exec(rest) ?? [];
  if (writer === undefined) return false;
  const endMs = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  if (nowMs > endMs + abandonedAfterMs) return true;
  const [, host, pid, named] = /^(.+)-(\d+)(?:\.([0-9a-f]+))?$/.exec(writer) ?? [];
  if (host !== hostname()) return false;
  // A process of this machine that is gone, or that had this one's id before it.
  return Number(pid) === process.pid ? named !== incarnation : !isAlive(Number(pid));
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

// The bench's child processes: started pinned to a core with their output in a file, ended by their own ids. It owns the
// list of the living, so that an end by Ctrl-C or by a failure leaves nothing running. It never signals a process that
// the bench didn't start: descendants are checked by start time before they are killed.
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";

/** A process that the bench started. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly process: Subprocess;
}

const living = new Set<Child>();
let isEnding = false;

/** Starts a command on one core; what it prints goes to `<name>.log` in the directory. Throws once the bench is ending. */
export function startChild(options: {
  readonly name: string;
  readonly command: ReadonlyArray<string>;
  readonly core: number;
  readonly directory: string;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}): Child {
  if (isEnding) throw new Error(`${options.name} is not started: the bench is ending`);
  const logFile = join(options.directory, `${options.name}.log`);
  // One descriptor for both, so that they share an offset.
  const log = openSync(logFile, "w");
  const child = Bun.spawn(["taskset", "-c", String(options.core), ...options.command], {
    // A pipe that nobody writes to: its end tells the back end that the bench is gone.
    stdin: "pipe",
    stdout: log,
    stderr: log,
    cwd: options.cwd ?? options.directory,
    env: { ...process.env, ...options.env },
    // Its own session: a Ctrl-C reaches the bench alone, which then ends its children in order.
    detached: true,
  });
  closeSync(log);
  const started: Child = { name: options.name, pid: child.pid, logFile, process: child };
  living.add(started);
  return started;
}

/** Whether the process has ended. */
export function hasEnded(child: Child): boolean {
  return child.process.exitCode !== null || child.process.signalCode !== null;
}

/** The last lines that a child printed, on one line, for an error message. */
export function readLogTail(child: Child, lines = 3): string {
  try {
    return readFileSync(child.logFile, "utf8").trim().split("\n").slice(-lines).join(" | ").slice(-400);
  } catch {
    return "";
  }
}

/** How a child ended and what it said last, for an error message. */
export function describeEnd(child: Child): string {
  const { signalCode, exitCode } = child.process;
  return `ended (${signalCode ?? `exit code ${exitCode}`}): ${readLogTail(child) || "it printed nothing"}`;
}

/** A process and its descendants, oldest first; the depth is bounded. */
export function listTree(root: number): number[] {
  const found = [root];
  for (let at = 0; at < found.length && found.length < 256; at++) {
    const pid = found[at];
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const children = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").trim();
        if (children !== "") found.push(...children.split(" ").map(Number));
      }
    } catch {
      // The process or thread ended while it was read.
    }
  }
  return found;
}

// Field 22 of /proc/PID/stat: with the pid it names a process for good (proc_pid_stat(5)).
function readStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function killRemaining(tree: ReadonlyArray<readonly [pid: number, startTime: string | undefined]>): void {
  for (const [pid, startTime] of tree) {
    if (startTime === undefined || readStartTime(pid) !== startTime) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Ended in between.
    }
  }
}

function captureTree(child: Child) {
  return listTree(child.pid).map((pid) => [pid, readStartTime(pid)] as const);
}

/** Asks a child to end and, after the grace, kills what is left of it and of its descendants. */
export async function endChild(child: Child, graceMs = 3000): Promise<void> {
  if (!hasEnded(child)) {
    const tree = captureTree(child);
    child.process.kill("SIGTERM");
    await Promise.race([child.process.exited, Bun.sleep(graceMs)]);
    killRemaining(tree);
    await Promise.race([child.process.exited, Bun.sleep(graceMs)]);
  }
  living.delete(child);
}

/** Ends every child that is still running, and lets no other start. */
export async function endEveryChild(): Promise<void> {
  isEnding = true;
  await Promise.all([...living].map((child) => endChild(child)));
}

/** Kills every child at once; for the moment of exit, when nothing can be waited for. */
export function killEveryChild(): void {
  for (const child of living) if (!hasEnded(child)) killRemaining(captureTree(child));
  living.clear();
}

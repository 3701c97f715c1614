// What the process tells whoever has started it and watches over it: systemd, by the messages of sd_notify(3). It sits
// beside main/serve.ts, which says what happens; it owns the words and the pulse of the watchdog. Without NOTIFY_SOCKET
// in the environment it says nothing and costs nothing; it never decides what a reload or an end is.

import { readSystemMonotonicUs } from "../net/libc.ts";
import { findNotifySocket } from "../net/notify-socket.ts";
import { tellNotice } from "../observe/notices.ts";

/** Whoever watches over the process. Every call does nothing where there is nobody. */
export interface Supervisor {
  /** It serves, for the first time or again after {@link reloading}; the text is what `systemctl status` shows. */
  ready(status: string): void;
  /** It has begun to read its configuration anew; {@link ready} ends that, however it went. */
  reloading(): void;
  /** It has begun to end, which may take as long as this, in milliseconds. */
  stopping(status: string, graceMs: number): void;
  /**
   * Tells from now on, as often as is asked for, that the event loop turns, as long as `findFault` finds nothing. A fault is
   * said in the log and silences the pulse: the supervisor then does what it is told to do with the dead.
   */
  watch(findFault: () => string | undefined): void;
  /** Ends the pulse. */
  close(): void;
}

const nobody: Supervisor = {
  ready: () => {},
  reloading: () => {},
  stopping: () => {},
  watch: () => {},
  close: () => {},
};

/** The supervisor that the environment names: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
export const findSupervisor = (env: Readonly<Record<string, string | undefined>>): Supervisor => {
  const name = env.NOTIFY_SOCKET ?? "";
  if (name === "") return nobody;
  const socket = findNotifySocket(name);
  if ("problem" in socket) {
    tellNotice(
      `NOTIFY_SOCKET ${JSON.stringify(name)} can't be used: ${socket.problem}; nobody is told when elbow is ready`,
    );
    return nobody;
  }
  const pulseMs = findPulseMs(env);
  let pulse: ReturnType<typeof setInterval> | undefined;
  let isFaulty = false;
  let isUnheard = false;

  const tell = (...lines: ReadonlyArray<string>): void => {
    const isSent = socket.send(lines.join("\n"), true);
    if (!isSent && !isUnheard) tellNotice(`nobody listens to NOTIFY_SOCKET ${name}: ${lines[0]} wasn't heard`);
    isUnheard = !isSent;
  };

  return {
    ready: (status) => tell("READY=1", `STATUS=${firstLine(status)}`, `MAINPID=${process.pid}`),
    reloading() {
      const nowUs = readSystemMonotonicUs();
      tell("RELOADING=1", ...(nowUs === undefined ? [] : [`MONOTONIC_USEC=${nowUs}`]), "STATUS=reloading");
    },
    stopping: (status, graceMs) =>
      tell(
        "STOPPING=1",
        `STATUS=${firstLine(status)}`,
        `EXTEND_TIMEOUT_USEC=${Math.ceil((graceMs + lastWordsMs) * 1_000)}`,
      ),
    watch(findFault) {
      if (pulseMs === undefined || pulse !== undefined) return;
      const beat = (): void => {
        const fault = findFault();
        if (fault === undefined) socket.send("WATCHDOG=1", false);
        else if (!isFaulty) tellNotice(`${fault}; the watchdog is told nothing until that is over`, "error");
        isFaulty = fault !== undefined;
      };
      beat();
      pulse = setInterval(beat, pulseMs);
      pulse.unref();
    },
    close() {
      clearInterval(pulse);
      pulse = undefined;
    },
  };
};

/** What is left to do behind the grace period, such as to write the last lines of logs. */
const lastWordsMs = 15_000;

/** Half of what the watchdog allows, as sd_watchdog_enabled(3) recommends; undefined where no pulse is asked of this process. */
const findPulseMs = ({ WATCHDOG_USEC, WATCHDOG_PID }: Readonly<Record<string, string | undefined>>) => {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(process.pid)) return undefined;
  const allowedUs = /^\d+$/.test(WATCHDOG_USEC ?? "") ? Number(WATCHDOG_USEC) : 0;
  // A timer of 2^31 ms or more would fire at once.
  return allowedUs > 0 ? Math.min(Math.max(1, Math.floor(allowedUs / 2_000)), 2 ** 31 - 1) : undefined;
};

/** A message is lines of assignments: a text with lines of its own could pass for others. */
const firstLine = (text: string): string => text.replace(/\s*\n[\s\S]*$/, "");

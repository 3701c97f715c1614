// The load generator: one bounded run of wrk, pinned beside the back end, and what it counted. It owns the command line
// of wrk and the reading of its report (bench/report.lua), nothing else.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { endChild, hasEnded, readLogTail, startChild } from "./processes.ts";

/** What wrk counted in one run. */
export interface LoadReport {
  readonly requests: number;
  readonly bytes: number;
  readonly durationUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly connectErrors: number;
  readonly readErrors: number;
  readonly writeErrors: number;
  readonly statusErrors: number;
  readonly timeouts: number;
}

/** Reads the line that report.lua prints; undefined where there is none. */
export function parseReport(output: string): LoadReport | undefined {
  const line = /^report (\{.*\})$/m.exec(output)?.[1];
  return line === undefined ? undefined : (JSON.parse(line) as LoadReport);
}

/** Everything that went wrong in a run, as one count. */
export function countErrors(report: LoadReport): number {
  return report.connectErrors + report.readErrors + report.writeErrors + report.statusErrors + report.timeouts;
}

/** What wrk sends instead of its own GET: the same bytes on every connection, again and again. */
export interface WrittenRequest {
  readonly make: (host: string) => Uint8Array;
  /** Requests in those bytes: so many are under way at once, and wrk counts each answer. */
  readonly count: number;
}

/** Runs wrk with one thread against a loopback port for whole seconds. */
export async function runLoad(options: {
  readonly port: number;
  readonly target: string;
  readonly connections: number;
  readonly isShort: boolean;
  readonly written?: WrittenRequest;
  readonly seconds: number;
  readonly core: number;
  readonly directory: string;
}): Promise<LoadReport> {
  const host = `127.0.0.1:${options.port}`;
  const requestFile = join(options.directory, "request.bin");
  if (options.written !== undefined) writeFileSync(requestFile, options.written.make(host));
  const wrk = startChild({
    name: "wrk",
    core: options.core,
    directory: options.directory,
    command: [
      ...["wrk", "-t1", `-c${options.connections}`, `-d${options.seconds}s`, "--timeout", "5s"],
      ...["-s", join(import.meta.dir, "report.lua")],
      ...(options.isShort ? ["-H", "Connection: close"] : []),
      `http://${host}${options.target}`,
      ...(options.written === undefined ? [] : ["--", requestFile]),
    ],
  });
  try {
    await Promise.race([wrk.process.exited, Bun.sleep(options.seconds * 1000 + 10_000)]);
    if (!hasEnded(wrk)) throw new Error("wrk did not end in time");
    const report = parseReport(await Bun.file(wrk.logFile).text());
    if (report === undefined) throw new Error(`wrk gave no report: ${readLogTail(wrk)}`);
    if (report.requests === 0) throw new Error("not one request was answered");
    return report;
  } finally {
    await endChild(wrk);
  }
}

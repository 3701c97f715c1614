// The parser row: starts bench/parser.ts in a process of its own, on the proxies' core while they rest, and reads what
// it prints. It measures nothing itself.
import { join } from "node:path";
import type { Place } from "./launches.ts";
import type { ParserReport, ParserSample } from "./parser.ts";
import { describeEnd, endChild, hasEnded, startChild } from "./processes.ts";
import type { ParserWorkload } from "./workloads.ts";

/** The rounds of the row, or why it has none. */
export interface ParserResult {
  readonly workload: ParserWorkload;
  readonly headBytes: number;
  readonly samples: ReadonlyArray<ParserSample>;
  readonly missing?: string;
}

const longestMs = 60_000;

/** Reads the line that bench/parser.ts prints; undefined where there is none. */
export function parseParserReport(output: string): ParserReport | undefined {
  const line = /^report (\{.*\})$/m.exec(output)?.[1];
  return line === undefined ? undefined : (JSON.parse(line) as ParserReport);
}

/** Runs the row; a process that fails leaves it without figures. */
export async function runParser(workload: ParserWorkload, place: Place): Promise<ParserResult> {
  const child = startChild({
    name: "parser",
    core: place.core,
    directory: place.directory,
    command: [process.execPath, join(import.meta.dir, "parser.ts")],
  });
  try {
    await Promise.race([child.process.exited, Bun.sleep(longestMs)]);
    const report = parseParserReport(await Bun.file(child.logFile).text());
    if (report !== undefined) return { workload, ...report };
    const missing = hasEnded(child) ? describeEnd(child) : `gave no figures in ${longestMs} ms`;
    return { workload, headBytes: 0, samples: [], missing };
  } finally {
    await endChild(child);
  }
}

// Lines of an access log as tests read them: by the pattern that AWS documents for these logs in Athena.
import { existsSync, readFileSync } from "node:fs";
import { type AccessLogSetting, defaultAccessLog } from "../../src/model/access-log.ts";
import { eventually } from "./eventually.ts";

/** "Query Classic Load Balancer logs" (Amazon Athena User Guide), as it stands there but for the doubled backslashes. */
export const athenaPattern =
  /^([^ ]*) ([^ ]*) ([^ ]*):([0-9]*) ([^ ]*)[:-]([0-9]*) ([-.0-9]*) ([-.0-9]*) ([-.0-9]*) (|[-0-9]*) (-|[-0-9]*) ([-0-9]*) ([-0-9]*) "([^ ]*) ([^ ]*) (- |[^ ]*)" ("[^"]*") ([A-Z0-9-]+) ([A-Za-z0-9.-]*)$/;

/** A line by its fields. */
export interface LogLine {
  readonly time: string;
  readonly elb: string;
  readonly client: string;
  readonly clientPort: string;
  /** With its port; `-` where none answered. */
  readonly backend: string;
  readonly times: ReadonlyArray<string>;
  /** Both statuses, received and sent bytes. */
  readonly counts: string;
  readonly request: string;
  readonly agent: string;
  readonly tls: string;
}

/** Reads one line, which must match the pattern. */
export const readLine = (line: string): LogLine => {
  const fields = athenaPattern.exec(line)?.map(String);
  if (fields === undefined) throw new Error(`no line of an access log: ${JSON.stringify(line)}`);
  const at = (index: number) => fields[index] as string;
  return {
    time: at(1),
    elb: at(2),
    client: at(3),
    clientPort: at(4),
    backend: at(6) === "" ? `${at(5)}-` : `${at(5)}:${at(6)}`,
    times: [at(7), at(8), at(9)],
    counts: [at(10), at(11), at(12), at(13)].join(" "),
    request: [at(14), at(15), at(16)].join(" "),
    agent: at(17),
    tls: `${at(18)} ${at(19)}`,
  };
};

/** The whole lines of a file as texts; none where it isn't there. */
export const textLines = (path: string): ReadonlyArray<string> =>
  existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];

/** Waits until a file has so many lines, and reads them. */
export const awaitLines = async (path: string, count: number): Promise<ReadonlyArray<LogLine>> => {
  await eventually(() => textLines(path).length >= count, { what: `${count} lines in ${path}` });
  return textLines(path).map(readLine);
};

/** An access log that is on. */
export const loggingTo = (setting: Partial<AccessLogSetting>) => ({
  accessLog: { ...defaultAccessLog, enabled: true, ...setting },
});

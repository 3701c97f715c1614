// An access log as a folder of files, one for each interval of 5 or 60 minutes in which there were lines, named as Amazon's.
//
// Behind a writer (log-writer.ts). A file gets its name when its interval is over: whoever sees a name that ends in `.log`
// sees the whole file. Owns the file of the present interval; what becomes of finished ones is told to `onFinished`.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FileSink } from "./file-sink.ts";
import { type LogFolder, makeFileName, partSuffix, testFileOf } from "./log-folder.ts";
import type { Batch, LogSink } from "./log-writer.ts";

/** What a folder's files are like. */
export interface DirectoryTerms {
  readonly folder: LogFolder;
  readonly intervalMs: number;
  /** This node's, for the names of its files. */
  readonly nodeAddress: string;
  /** A file is finished. */
  readonly onFinished?: () => void;
  /** Rejects where nothing more may be kept. */
  readonly checkRoom?: () => Promise<void>;
}

interface Interval {
  readonly file: FileSink;
  readonly path: string;
  readonly endMs: number;
}

export class DirectorySink implements LogSink {
  private interval: Interval | undefined = undefined;
  private timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** One thing at a time. */
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly terms: DirectoryTerms) {}

  write(batch: Batch): Promise<void> {
    return this.inTurn(async () => {
      if (this.interval !== undefined && Date.now() >= this.interval.endMs) await this.finish();
      await this.terms.checkRoom?.();
      this.interval ??= this.begin();
      await this.interval.file.write(batch);
    });
  }

  /** What has been moved away is found out by itself. */
  reopen(): void {}

  close(): Promise<void> {
    return this.inTurn(() => this.finish());
  }

  private inTurn(part: () => Promise<void>): Promise<void> {
    const done = this.turn.then(part);
    this.turn = done.catch(() => {});
    return done;
  }

  private begin(): Interval {
    const { folder, intervalMs, nodeAddress } = this.terms;
    const nowMs = Date.now();
    const endMs = (Math.floor(nowMs / intervalMs) + 1) * intervalMs;
    const path = join(folder.directory, makeFileName(folder, endMs, nodeAddress));
    // Also where no further line comes. What fails then is tried again with the next batch, or found by the next process.
    this.timer = setTimeout(() => void this.close().catch(() => {}), endMs - nowMs);
    this.timer.unref();
    return { file: new FileSink(`${path}${partSuffix}`), path, endMs };
  }

  private async finish(): Promise<void> {
    const { interval } = this;
    if (interval === undefined) return;
    this.interval = undefined;
    clearTimeout(this.timer);
    await interval.file.close();
    try {
      await rename(`${interval.path}${partSuffix}`, interval.path);
    } catch (error) {
      // Nothing was written to it, or somebody has taken it away.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    this.terms.onFinished?.();
  }
}

/** Puts the test file into a folder that says that logging is on, as Amazon does. */
export const writeTestFile = async (folder: LogFolder): Promise<string> => {
  const path = join(folder.directory, testFileOf(folder));
  const text = `Enable AccessLog for ELB: ${folder.loadBalancer} at ${new Date().toISOString()}\n`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode: 0o640 });
  return text;
};

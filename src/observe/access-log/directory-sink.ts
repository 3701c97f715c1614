// An access log as a folder of files, one for each interval of 5 or 60 minutes in which there were lines, named as Amazon's.
//
// Behind a writer (log-writer.ts). A file gets its name when its interval is over: whoever sees a name that ends in `.log`
// sees the whole file. Owns the file of the present interval, and finishes what a process that died has left in its folder; what
// becomes of finished ones is told to `onFinished`.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FileSink } from "./file-sink.ts";
import { findFinished, type LogFolder, makeFileName, partSuffix, testFileOf } from "./log-folder.ts";
import type { Batch, LogSink } from "./log-writer.ts";

/** What a folder's files are like. */
interface DirectoryTerms {
  readonly folder: LogFolder;
  readonly intervalMs: number;
  /** This node's, for the names of its files. */
  readonly nodeAddress: string;
  /** A file that has come to so many bytes is finished early, and another begun. */
  readonly maxFileBytes?: number;
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

  /** Finishes what a process that died has left, and puts the test file there, as Amazon does. Answers what that says. */
  prepare(): Promise<string> {
    return this.inTurn(async () => {
      await findFinished(this.terms.folder, Date.now());
      return writeTestFile(this.terms.folder);
    });
  }

  write(batch: Batch): Promise<void> {
    return this.inTurn(async () => {
      if (this.interval !== undefined && this.isDue(this.interval)) await this.finish();
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

  private inTurn<A>(part: () => Promise<A>): Promise<A> {
    const done = this.turn.then(part);
    this.turn = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  private isDue({ endMs, file }: Interval): boolean {
    const { maxFileBytes = Number.POSITIVE_INFINITY } = this.terms;
    return Date.now() >= endMs || file.size >= maxFileBytes;
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

/** Says that logging is on. */
const writeTestFile = async (folder: LogFolder): Promise<string> => {
  const path = join(folder.directory, testFileOf(folder));
  const text = `Enable AccessLog for ELB: ${folder.loadBalancer} at ${new Date().toISOString()}\n`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode: 0o640 });
  return text;
};

// Finished access log files on their way into an S3-compatible bucket: sent one after another, deleted when they are there.
//
// The folder that they lie in is the queue: what couldn't be sent is sent later, also by the next process. Owns the order,
// the back-off and the folder's bound; the files are the directory sink's until they are finished.
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { tellEvent } from "../events.ts";
import { tellNotice } from "../notices.ts";
import { findFinished, type LogFolder, testFileOf } from "./log-folder.ts";

/** Where files go. Credentials that are left out are taken from the environment, as Bun's S3 client does. */
export interface Bucket {
  readonly bucket: string;
  readonly prefix?: string | undefined;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** How much may wait in the folder, in bytes. */
  readonly maxSpoolBytes: number;
}

/** Times of an upload; tests have others than the product. */
export interface UploadTerms {
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  /** How often the folder is looked through for what others have left. */
  readonly lookEveryMs: number;
}

const defaultTerms: UploadTerms = { firstRetryMs: 1000, maxRetryMs: 60_000, lookEveryMs: 60_000 };
const tellEveryMs = 60_000;

/** What becomes of files. */
export class UploadCounts {
  uploadedFiles = 0;
  failures = 0;
}

export class BucketUpload {
  private readonly client: Bun.S3Client;
  private timer: ReturnType<typeof setTimeout> | undefined = undefined;
  private running: Promise<void> | undefined = undefined;
  private failuresInARow = 0;
  private toldAtMs = Number.NEGATIVE_INFINITY;
  private isClosed = false;
  /** What waits, as of the last look. */
  private waitingBytes = 0;
  private testText: string | undefined = undefined;

  constructor(
    private readonly folder: LogFolder,
    private readonly bucket: Bucket,
    readonly counts: UploadCounts = new UploadCounts(),
    private readonly terms: UploadTerms = defaultTerms,
  ) {
    const { region, endpoint, accessKeyId, secretAccessKey, sessionToken } = bucket;
    this.client = new Bun.S3Client({
      bucket: bucket.bucket,
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(accessKeyId === undefined ? {} : { accessKeyId }),
      ...(secretAccessKey === undefined ? {} : { secretAccessKey }),
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
  }

  /** Sends what is finished, now; once more behind what is under way. */
  readonly wake = (): void => {
    if (this.isClosed) return;
    clearTimeout(this.timer);
    if (this.running === undefined) this.run();
    else this.later(this.terms.firstRetryMs);
  };

  /** Sends the test file that says that logging is on, with the next that is sent. */
  announce(text: string): void {
    this.testText = text;
    this.wake();
  }

  /** Rejects where more is waiting than may. */
  readonly checkRoom = async (): Promise<void> => {
    if (this.waitingBytes <= this.bucket.maxSpoolBytes) return;
    throw new Error(
      `${this.waitingBytes} bytes wait for the bucket ${this.bucket.bucket}, more than \`maxSpoolBytes\``,
    );
  };

  /** Sends what it can once more, and ends; what is left is the next process's. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.running;
    await this.sendAll().catch(() => {});
  }

  private run(): void {
    this.running = this.sendAll()
      .then(
        () => this.noteSuccess(),
        (error: unknown) => this.noteFailure(error),
      )
      .finally(() => {
        this.running = undefined;
      });
  }

  private later(inMs: number): void {
    clearTimeout(this.timer);
    if (this.isClosed) return;
    this.timer = setTimeout(this.wake, inMs);
    this.timer.unref();
  }

  private async sendAll(): Promise<void> {
    const files = await findFinished(this.folder, Date.now());
    const sizes = await Promise.all(files.map((file) => sizeOf(join(this.folder.directory, file))));
    this.waitingBytes = sizes.reduce((sum, size) => sum + size, 0);
    if (this.testText !== undefined) {
      await this.client.write(this.keyOf(testFileOf(this.folder)), this.testText);
      this.testText = undefined;
    }
    for (const [index, file] of files.entries()) {
      const path = join(this.folder.directory, file);
      await this.client.write(this.keyOf(file), Bun.file(path), { type: "text/plain" });
      await rm(path, { force: true });
      this.waitingBytes -= sizes[index] as number;
      this.counts.uploadedFiles++;
    }
  }

  private keyOf(file: string): string {
    const { prefix = "" } = this.bucket;
    return prefix === "" ? file : `${prefix}/${file}`;
  }

  private noteSuccess(): void {
    this.failuresInARow = 0;
    this.later(this.terms.lookEveryMs);
  }

  private noteFailure(error: unknown): void {
    const { firstRetryMs, maxRetryMs } = this.terms;
    this.counts.failures++;
    const delayMs = Math.min(maxRetryMs, firstRetryMs * 2 ** this.failuresInARow++);
    // Nodes that failed together don't come back together.
    this.later(delayMs * (0.75 + Math.random() / 2));
    const nowMs = performance.now();
    if (nowMs - this.toldAtMs < tellEveryMs) return;
    this.toldAtMs = nowMs;
    const { code, message } = error as { readonly code?: string; readonly message: string };
    const text = `access logs of ${this.folder.loadBalancer} can't be sent to the bucket ${this.bucket.bucket}: ${code ?? message}; they wait in ${this.folder.directory}, and it is tried again`;
    tellNotice(text);
    tellEvent({ type: "accessLog", loadBalancer: this.folder.loadBalancer, message: text });
  }
}

const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
};

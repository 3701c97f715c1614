// Finished access log files on their way into an S3-compatible bucket: sent one after another, deleted when they are there.
//
// The folder that they lie in is the queue: what couldn't be sent is sent later, behind the others, also by the next process.
// Owns the order, the back-off, how long one may take and the folder's bound; the files are the directory sink's until they
// are finished.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { tellEvent } from "../events.ts";
import { tellNotice } from "../notices.ts";
import { findFinished, type LogFolder, sizeOf, sizeOfFolder, testFileOf } from "./log-folder.ts";

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
interface UploadTerms {
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  /** How often the folder is looked through for what others have left. */
  readonly lookEveryMs: number;
  /** How long a file may take that has no bytes; others have more, by {@link leastBytesPerSecond}. */
  readonly fileTimeoutMs: number;
  /** How often the folder's size is reckoned at the most. */
  readonly reckonEveryMs: number;
}

const defaultTerms: UploadTerms = {
  firstRetryMs: 1000,
  maxRetryMs: 60_000,
  lookEveryMs: 60_000,
  fileTimeoutMs: 30_000,
  reckonEveryMs: 1000,
};
const tellEveryMs = 60_000;
/** A connection that moves less is as good as none. */
const leastBytesPerSecond = 128 * 1024;
/** So many failures in a row say that it is the bucket and not the files; the others wait for the next attempt. */
const maxFailuresInARow = 3;

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
  /** What the folder takes, as it was reckoned last. */
  private folderBytes = 0;
  private reckonedAtMs = Number.NEGATIVE_INFINITY;
  private testText: string | undefined = undefined;
  /** What failed goes behind the rest the next time, so that one that always fails is in nobody's way. */
  private failed: ReadonlySet<string> = new Set();
  private readonly terms: UploadTerms;

  constructor(
    private readonly folder: LogFolder,
    private readonly bucket: Bucket,
    readonly counts: UploadCounts = new UploadCounts(),
    terms: Partial<UploadTerms> = {},
  ) {
    this.terms = { ...defaultTerms, ...terms };
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

  /** Rejects where the folder takes more than it may, the file that is being written included. */
  readonly checkRoom = async (): Promise<void> => {
    const { bucket, maxSpoolBytes } = this.bucket;
    const nowMs = performance.now();
    if (nowMs - this.reckonedAtMs >= this.terms.reckonEveryMs) {
      this.reckonedAtMs = nowMs;
      this.folderBytes = await sizeOfFolder(this.folder);
    }
    if (this.folderBytes <= maxSpoolBytes) return;
    throw new Error(`${this.folderBytes} bytes wait for the bucket ${bucket}, more than \`maxSpoolBytes\``);
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

  /** Tries each by itself. *Fails with*: the first error, when all have had their turn. */
  private async sendAll(): Promise<void> {
    const errors: Array<unknown> = [];
    const failed = new Set<string>();
    let inARow = 0;
    const attempt = async (name: string, send: () => Promise<void>): Promise<void> => {
      if (inARow === maxFailuresInARow) {
        if (this.failed.has(name)) failed.add(name);
        return;
      }
      try {
        await send();
        inARow = 0;
      } catch (error) {
        errors.push(error);
        failed.add(name);
        inARow++;
      }
    };
    const files = await findFinished(this.folder, Date.now());
    const { testText } = this;
    if (testText !== undefined) await attempt(testFileOf(this.folder), () => this.sendTest(testText));
    const isPatient = (file: string) => this.failed.has(file);
    for (const file of [...files.filter((file) => !isPatient(file)), ...files.filter(isPatient)]) {
      await attempt(file, () => this.sendFile(file));
    }
    this.failed = failed;
    if (errors.length > 0) throw errors[0];
  }

  private async sendTest(text: string): Promise<void> {
    await this.inTime(this.client.write(this.keyOf(testFileOf(this.folder)), text), text.length);
    this.testText = undefined;
  }

  private async sendFile(file: string): Promise<void> {
    const path = join(this.folder.directory, file);
    const size = await sizeOf(path);
    await this.inTime(this.client.write(this.keyOf(file), Bun.file(path), { type: "text/plain" }), size);
    await rm(path, { force: true });
    this.folderBytes -= size;
    this.counts.uploadedFiles++;
  }

  /** Rejects when sending so many bytes takes too long; nobody can end it, and what it comes to then is the same object. */
  private async inTime(sent: Promise<unknown>, bytes: number): Promise<void> {
    const limitMs = this.terms.fileTimeoutMs + (bytes / leastBytesPerSecond) * 1000;
    const { promise: isLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(limitMs / 1000)} s`)), limitMs);
    try {
      await Promise.race([sent, isLate]);
    } finally {
      clearTimeout(timer);
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

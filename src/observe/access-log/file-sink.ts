// An access log in one file: appended to, opened anew when somebody has moved it away, turned over by size or age.
//
// Behind a writer (log-writer.ts), which asks for one batch after another. Owns the open file and those that were turned
// over beside it. Everything is asynchronous; what fails is told by rejecting, and tried anew with the next call.
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Batch, LogSink } from "./log-writer.ts";

/** When a file is turned over, and how many of them are kept beside it as `.1`, `.2`…, the youngest first. */
export interface Rotation {
  /** Before it would grow larger, in bytes. */
  readonly maxBytes?: number | undefined;
  /** When its first line is so old, in seconds. */
  readonly maxAge?: number | undefined;
  readonly keep: number;
}

/** How often somebody else's doings are looked for, in milliseconds. */
const lookEveryMs = 1000;

/** What may be read by the group of who runs elbow; it tells of clients. */
const fileMode = 0o640;

export class FileSink implements LogSink {
  private handle: FileHandle | undefined = undefined;
  private sizeBytes = 0;
  private bornMs = 0;
  private lookedAtMs = 0;
  private mustReopen = false;

  constructor(
    readonly path: string,
    private readonly rotation?: Rotation,
  ) {}

  async write(batch: Batch): Promise<void> {
    try {
      await this.settle(batch.length - batch.offset);
      const handle = this.handle as FileHandle;
      while (batch.offset < batch.length) {
        const { bytesWritten } = await handle.write(batch.bytes, batch.offset, batch.length - batch.offset);
        batch.offset += bytesWritten;
        this.sizeBytes += bytesWritten;
      }
    } catch (error) {
      // A new start: the file system may have gone and come back.
      await this.release();
      throw error;
    }
  }

  reopen(): void {
    this.mustReopen = true;
  }

  async close(): Promise<void> {
    await this.release();
  }

  /** Has the right file open for so many bytes more. */
  private async settle(bytes: number): Promise<void> {
    if (this.handle !== undefined && (this.mustReopen || (await this.hasMoved()))) await this.release();
    this.mustReopen = false;
    if (this.handle === undefined) await this.open();
    if (!this.isDue(bytes)) return;
    await this.release();
    await this.turnOver();
    await this.open();
  }

  private isDue(bytes: number): boolean {
    if (this.rotation === undefined || this.sizeBytes === 0) return false;
    const { maxBytes = Number.POSITIVE_INFINITY, maxAge = Number.POSITIVE_INFINITY } = this.rotation;
    return this.sizeBytes + bytes > maxBytes || Date.now() - this.bornMs >= maxAge * 1000;
  }

  /** Somebody has moved the file away, or its folder: what is written to it now would be lost or belong elsewhere. */
  private async hasMoved(): Promise<boolean> {
    const nowMs = performance.now();
    if (nowMs - this.lookedAtMs < lookEveryMs) return false;
    this.lookedAtMs = nowMs;
    const own = await (this.handle as FileHandle).stat();
    try {
      const there = await stat(this.path);
      return there.ino !== own.ino || there.dev !== own.dev;
    } catch {
      return true;
    }
  }

  private async open(): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    const handle = await open(this.path, "a", fileMode);
    try {
      const { size, birthtimeMs } = await handle.stat();
      this.sizeBytes = size;
      // An empty file is as old as its first line.
      this.bornMs = size === 0 || birthtimeMs <= 0 ? Date.now() : birthtimeMs;
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.handle = handle;
    this.lookedAtMs = performance.now();
  }

  private async release(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    try {
      await handle?.close();
    } catch {
      // It is gone either way; what matters was told by the write.
    }
  }

  private async turnOver(): Promise<void> {
    const { path } = this;
    const keep = this.rotation?.keep ?? 0;
    if (keep === 0) {
      await rm(path, { force: true });
      return;
    }
    for (let number = keep - 1; number >= 1; number--) await move(`${path}.${number}`, `${path}.${number + 1}`);
    await move(path, `${path}.1`);
  }
}

const move = async (from: string, to: string): Promise<void> => {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
};

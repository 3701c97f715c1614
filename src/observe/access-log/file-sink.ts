// An access log in one file: appended to, opened anew when somebody has moved it away, turned over by size or age.
//
// Behind a writer (log-writer.ts), which asks for one batch after another. Owns the open file and those that were turned
// over beside it; no line in it is broken off. Everything is asynchronous; what fails is told by rejecting, and tried anew
// with the next call. A pipe or a character device is written to as well, and never turned over.
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Batch, LogSink } from "./log-writer.ts";
import { ReaderAsleep, writeWhole } from "./whole-batch.ts";

/** When a file is turned over, and how many of them are kept beside it as `.1`, `.2`…, the youngest first. */
interface Rotation {
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

/** A pipe without a reader is refused at once (ENXIO), and a full one waited for, without a thread that waits in the system. */
const openFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

const newline = 0x0a;

export class FileSink implements LogSink {
  private handle: FileHandle | undefined = undefined;
  private isRegular = true;
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
      await writeWhole(batch, this.writeSome);
    } catch (error) {
      // Whoever reads will go on in the middle of a line; nothing is lost or written twice as long as the pipe stays open.
      if (error instanceof ReaderAsleep) throw error;
      await this.takeBack(batch);
      // A new start: the file system may have gone and come back.
      await this.release();
      throw error;
    }
  }

  /** Bytes in the open file, as far as it is known. */
  get size(): number {
    return this.handle === undefined ? 0 : this.sizeBytes;
  }

  private readonly writeSome = async ({ bytes, offset, length }: Batch): Promise<number> => {
    const { bytesWritten } = await (this.handle as FileHandle).write(bytes, offset, length - offset);
    this.sizeBytes += bytesWritten;
    return bytesWritten;
  };

  /** A line that was broken off begins anew, in whatever file comes next. */
  private async takeBack(batch: Batch): Promise<void> {
    if (batch.offset === 0) return;
    const broken = batch.offset - (batch.bytes.lastIndexOf(newline, batch.offset - 1) + 1);
    if (broken === 0) return;
    batch.offset -= broken;
    try {
      const handle = this.handle as FileHandle;
      // Where somebody else has written behind it, it stays.
      if (this.isRegular && (await handle.stat()).size === this.sizeBytes) {
        await handle.truncate(this.sizeBytes - broken);
      }
    } catch {
      // It stays where it is, and whoever opens the file ends it.
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
    if (this.rotation === undefined || !this.isRegular || this.sizeBytes === 0) return false;
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
    const handle = await open(this.path, openFlags, fileMode);
    try {
      const found = await handle.stat();
      const { size, birthtimeMs } = found;
      if (!found.isFile() && !found.isFIFO() && !found.isCharacterDevice()) {
        throw new Error(`${this.path} is neither a file nor a pipe nor a character device`);
      }
      this.isRegular = found.isFile();
      this.sizeBytes = size;
      // An empty file is as old as its first line.
      this.bornMs = size === 0 || birthtimeMs <= 0 ? Date.now() : birthtimeMs;
      if (this.isRegular && size > 0 && (await this.isBroken(size))) this.sizeBytes += await endLine(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.handle = handle;
    this.lookedAtMs = performance.now();
  }

  /** Whether the last line has no end, since a process died while it wrote it; no where that can't be told. */
  private async isBroken(size: number): Promise<boolean> {
    try {
      await using handle = await open(this.path, "r");
      const last = new Uint8Array(1);
      const { bytesRead } = await handle.read(last, 0, 1, size - 1);
      return bytesRead === 1 && last[0] !== newline;
    } catch {
      return false;
    }
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

const endLine = async (handle: FileHandle): Promise<number> =>
  (await handle.write(Uint8Array.of(newline))).bytesWritten;

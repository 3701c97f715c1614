// Lines on their way to where they are kept: gathered in a few buffers, handed on in batches, dropped when there is no room.
//
// The data path writes a line into a buffer and goes on; it never waits. Owns the buffers, their bound, and the counts that
// add up: every line is written, dropped or still here. Where batches go is the sink's affair, which may fail and recover.
import { ByteWriter } from "../../parse/byte-writer.ts";
import { tellEvent } from "../events.ts";
import { tellNotice } from "../notices.ts";

/** Whole lines, on their way to a sink; it moves `offset` on as it takes them. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly lines: number;
  offset: number;
}

/** Where batches are kept. */
export interface LogSink {
  /**
   * Takes a batch from its offset on. Rejects with an error when it can't, having moved the offset behind what it has taken;
   * it is asked again with the same batch.
   */
  write(batch: Batch): Promise<void>;
  /** Opens its file anew, for who has moved it away. */
  reopen(): void;
  close(): Promise<void>;
}

/** Sizes and times of a writer; tests have others than the product. */
export interface LogWriterTerms {
  readonly bufferBytes: number;
  /** How many buffers there may be, the one being filled included. */
  readonly bufferCount: number;
  readonly flushEveryMs: number;
  /** How long after a failure it is tried again. */
  readonly retryEveryMs: number;
}

const defaultTerms: LogWriterTerms = {
  bufferBytes: 256 * 1024,
  bufferCount: 16,
  flushEveryMs: 250,
  retryEveryMs: 1000,
};

/** Drops and failures are told this often at the most. */
const tellEveryMs = 10_000;

class LineBuffer implements Batch {
  lines = 0;
  offset = 0;

  constructor(readonly out: ByteWriter) {}

  get bytes(): Uint8Array {
    return this.out.bytes;
  }

  get length(): number {
    return this.out.length;
  }
}

/** What becomes of lines; one object for each place where they are kept, whoever writes there after a reload. */
export class LogCounts {
  /** Lines that are where they belong. */
  writtenLines = 0;
  /** Lines for which there was no room, or that nobody took before the end. */
  droppedLines = 0;
  /** Writes that failed, each tried again later. */
  failures = 0;
}

export class LogWriter {
  private current: LineBuffer;
  private readonly full: Array<LineBuffer> = [];
  private readonly spare: Array<LineBuffer> = [];
  private flushTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  private pumping: Promise<void> | undefined = undefined;
  private hasFailed = false;
  private isClosed = false;
  private untoldDrops = 0;
  private toldDropsAtMs = Number.NEGATIVE_INFINITY;
  private toldFailureAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    /** Such as `the access log /var/log/elbow/access.log`. */
    readonly title: string,
    private readonly sink: LogSink,
    readonly counts: LogCounts = new LogCounts(),
    private readonly terms: LogWriterTerms = defaultTerms,
  ) {
    this.current = this.makeBuffer();
  }

  /** Lines that are neither written nor dropped yet. */
  get pendingLines(): number {
    return this.full.reduce((sum, { lines }) => sum + lines, this.current.lines);
  }

  /** The buffer that a line of at most so many bytes goes into; undefined when there is no room, and the line is dropped. */
  makeRoom(bytes: number): ByteWriter | undefined {
    const { out } = this.current;
    if (out.length + bytes <= this.terms.bufferBytes && !this.isClosed) return out;
    return this.turnOver(bytes);
  }

  /** A line stands whole in the buffer. */
  endLine(): void {
    const { current, terms } = this;
    current.lines++;
    if (this.flushTimer === undefined) this.flushTimer = setTimeout(this.flush, terms.flushEveryMs);
    // Early enough that the other half takes what comes while this one is written.
    else if (current.out.length > terms.bufferBytes / 2 && this.pumping === undefined && !this.hasFailed) this.flush();
  }

  private turnOver(bytes: number): ByteWriter | undefined {
    const { bufferBytes, bufferCount } = this.terms;
    if (this.isClosed || bytes > bufferBytes || this.full.length >= bufferCount - 1) {
      this.drop(1);
      return undefined;
    }
    this.full.push(this.current);
    this.current = this.spare.pop() ?? this.makeBuffer();
    if (!this.hasFailed) this.pump();
    return this.current.out;
  }

  private makeBuffer(): LineBuffer {
    return new LineBuffer(new ByteWriter(this.terms.bufferBytes));
  }

  /** Hands on what there is. */
  private readonly flush = (): void => {
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    this.hasFailed = false;
    this.tellDrops();
    if (this.pumping !== undefined) {
      // Behind the batch under way, which may take its time.
      if (this.current.lines > 0) this.flushTimer = setTimeout(this.flush, this.terms.flushEveryMs);
      return;
    }
    if (this.current.lines > 0) {
      this.full.push(this.current);
      this.current = this.spare.pop() ?? this.makeBuffer();
    }
    this.pump();
  };

  private pump(): void {
    this.pumping ??= this.writeAll().finally(() => {
      this.pumping = undefined;
    });
  }

  private async writeAll(): Promise<void> {
    for (let batch = this.full[0]; batch !== undefined; batch = this.full[0]) {
      try {
        await this.sink.write(batch);
      } catch (error) {
        this.noteFailure(error);
        return;
      }
      this.full.shift();
      this.counts.writtenLines += batch.lines;
      batch.out.clear();
      batch.lines = 0;
      batch.offset = 0;
      if (this.spare.length < 2) this.spare.push(batch);
    }
  }

  private noteFailure(error: unknown): void {
    this.counts.failures++;
    this.hasFailed = true;
    if (!this.isClosed) {
      clearTimeout(this.flushTimer);
      this.flushTimer = setTimeout(this.flush, this.terms.retryEveryMs);
    }
    const nowMs = performance.now();
    if (nowMs - this.toldFailureAtMs < tellEveryMs) return;
    this.toldFailureAtMs = nowMs;
    tellNotice(
      `${this.title} can't be written: ${(error as Error).message}; it is tried again, and lines are kept meanwhile`,
    );
  }

  private drop(lines: number): void {
    this.counts.droppedLines += lines;
    this.untoldDrops += lines;
    this.tellDrops();
  }

  private tellDrops(): void {
    if (this.untoldDrops === 0) return;
    const nowMs = performance.now();
    if (nowMs - this.toldDropsAtMs < tellEveryMs) return;
    this.toldDropsAtMs = nowMs;
    const message = `${this.title}: ${this.untoldDrops} line${this.untoldDrops === 1 ? "" : "s"} dropped, since they came faster than they could be written`;
    this.untoldDrops = 0;
    tellNotice(message);
    tellEvent({ type: "accessLog", message });
  }

  /** Opens the file anew, behind what is under way. */
  reopen(): void {
    this.sink.reopen();
  }

  /** Writes what there is, for as long as `timeoutMs`, and ends; what is left then is dropped. Never rejects. */
  async close(timeoutMs: number): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.flushTimer);
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([this.writeLast(), isLate]);
    clearTimeout(timer);
    const left = this.pendingLines;
    this.full.length = 0;
    this.current.lines = 0;
    if (left > 0) this.drop(left);
  }

  private async writeLast(): Promise<void> {
    await this.pumping;
    if (this.current.lines > 0) {
      this.full.push(this.current);
      this.current = this.makeBuffer();
    }
    await this.writeAll();
    try {
      await this.sink.close();
    } catch (error) {
      this.noteFailure(error);
    }
  }
}

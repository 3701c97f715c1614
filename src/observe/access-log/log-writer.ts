// Lines on their way to where they are kept: gathered in a few buffers, handed on in batches, dropped when there is no room.
//
// The data path writes a line into a buffer and goes on; it never waits. Owns the buffers, their bound, and the counts that
// add up: every line is written, dropped or still here. Where batches go is the sink's affair, which may fail and recover.
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
   * Takes a batch from its offset on. Rejects with an error when it can't, having moved the offset behind what it has taken,
   * whole lines where it can take back the rest; it is asked again with the same batch.
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
  /** How long one write may take before somebody is told. */
  readonly slowAfterMs: number;
}

const defaultTerms: LogWriterTerms = {
  bufferBytes: 512 * 1024,
  bufferCount: 8,
  flushEveryMs: 250,
  retryEveryMs: 1000,
  slowAfterMs: 10_000,
};

/** For who has little room for a batch: as much is kept, in smaller buffers. */
export const smallBatches: Pick<LogWriterTerms, "bufferBytes" | "bufferCount"> = {
  bufferBytes: defaultTerms.bufferBytes / 2,
  bufferCount: defaultTerms.bufferCount * 2,
};

/** Drops and failures are told this often at the most. */
const tellEveryMs = 10_000;
/** At the end there isn't much time: what failed is tried again after this, in milliseconds. */
const lastRetryEveryMs = 50;
const newline = 0x0a;

/** Why a line is dropped, as people are told. */
const dropReasons = {
  pace: "more came than could be written",
  failure: "it can't be written",
  length: "too long for a line",
  end: "not written before the end",
};
type DropReason = keyof typeof dropReasons;

const encoder = new TextEncoder();

/** Where lines are written, one behind the other: behind `length`, which then moves on. */
export class LineBuffer implements Batch {
  readonly bytes: Uint8Array;
  /** The same bytes. */
  readonly view: DataView;
  length = 0;
  lines = 0;
  offset = 0;

  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(capacityBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** There must be room for it in UTF-8. */
  putText(text: string): void {
    this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
  }

  clear(): void {
    this.length = 0;
    this.lines = 0;
    this.offset = 0;
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
  /** It is waited before the next attempt. */
  private hasFailed = false;
  /** The last attempt failed. */
  private isFailing = false;
  /** When the write under way began; undefined while there is none. */
  private writingSinceMs: number | undefined = undefined;
  private isClosed = false;
  private readonly untoldDrops = new Map<DropReason, number>();
  private toldDropsAtMs = Number.NEGATIVE_INFINITY;
  private toldFailureAtMs = Number.NEGATIVE_INFINITY;
  private readonly terms: LogWriterTerms;

  constructor(
    /** Such as `the access log /var/log/elbow/access.log`. */
    readonly title: string,
    private readonly sink: LogSink,
    readonly counts: LogCounts = new LogCounts(),
    terms: Partial<LogWriterTerms> = {},
  ) {
    this.terms = { ...defaultTerms, ...terms };
    this.current = this.makeBuffer();
  }

  /** Lines that are neither written nor dropped yet. */
  get pendingLines(): number {
    return this.full.reduce((sum, { lines }) => sum + lines, this.current.lines);
  }

  /** The buffer that a line of at most so many bytes goes into; undefined when there is no room, and the line is dropped. */
  makeRoom(bytes: number): LineBuffer | undefined {
    const { current } = this;
    if (current.length + bytes <= this.terms.bufferBytes && !this.isClosed) return current;
    return this.turnOver(bytes);
  }

  /** A line stands whole in the buffer. */
  endLine(): void {
    const { current, terms } = this;
    current.lines++;
    if (this.flushTimer === undefined) this.flushTimer = setTimeout(this.flush, terms.flushEveryMs);
    // Early enough that the other half takes what comes while this one is written.
    else if (current.length > terms.bufferBytes / 2 && this.pumping === undefined && !this.hasFailed) this.flush();
  }

  private turnOver(bytes: number): LineBuffer | undefined {
    const { bufferBytes, bufferCount } = this.terms;
    if (this.isClosed) return this.drop(1, "end");
    if (bytes > bufferBytes) return this.drop(1, "length");
    if (this.full.length >= bufferCount - 1) return this.drop(1, this.isFailing ? "failure" : "pace");
    this.full.push(this.current);
    this.current = this.spare.pop() ?? this.makeBuffer();
    if (!this.hasFailed) this.pump();
    return this.current;
  }

  private makeBuffer(): LineBuffer {
    return new LineBuffer(this.terms.bufferBytes);
  }

  /** Hands on what there is. */
  private readonly flush = (): void => {
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    this.hasFailed = false;
    this.tellDrops();
    if (this.pumping !== undefined) {
      // Behind the batch under way, which may take its time.
      this.tellSlowness();
      if (this.current.lines > 0) this.flushTimer = setTimeout(this.flush, this.terms.flushEveryMs);
      return;
    }
    // Behind what waits since a failure, a buffer is filled before it waits as well: nearly empty ones would use up the bound.
    if (this.current.lines > 0 && this.full.length === 0) {
      this.full.push(this.current);
      this.current = this.spare.pop() ?? this.makeBuffer();
    }
    this.pump();
    if (this.current.lines > 0) this.flushTimer ??= setTimeout(this.flush, this.terms.flushEveryMs);
  };

  private pump(): void {
    this.pumping ??= this.writeAll().finally(() => {
      this.pumping = undefined;
    });
  }

  private async writeAll(): Promise<void> {
    for (let batch = this.full[0]; batch !== undefined; batch = this.full[0]) {
      this.writingSinceMs = performance.now();
      try {
        await this.sink.write(batch);
      } catch (error) {
        this.noteFailure(error);
        return;
      } finally {
        this.writingSinceMs = undefined;
      }
      this.isFailing = false;
      this.full.shift();
      this.counts.writtenLines += batch.lines;
      batch.clear();
      if (this.spare.length < 2) this.spare.push(batch);
    }
  }

  private noteFailure(error: unknown): void {
    this.counts.failures++;
    this.hasFailed = true;
    this.isFailing = true;
    if (!this.isClosed) {
      clearTimeout(this.flushTimer);
      this.flushTimer = setTimeout(this.flush, this.terms.retryEveryMs);
    }
    this.tellFailure(`${(error as Error).message}; it is tried again, and lines are kept meanwhile`);
  }

  /** A write that never ends also keeps one of the process's few threads for files. */
  private tellSlowness(): void {
    if (this.writingSinceMs === undefined) return;
    const tookMs = performance.now() - this.writingSinceMs;
    if (tookMs < this.terms.slowAfterMs) return;
    this.tellFailure(`a write has taken ${Math.round(tookMs / 1000)} s so far; lines are kept meanwhile`);
  }

  private tellFailure(problem: string): void {
    const nowMs = performance.now();
    if (nowMs - this.toldFailureAtMs < tellEveryMs) return;
    this.toldFailureAtMs = nowMs;
    tellNotice(`${this.title} can't be written: ${problem}`);
  }

  private drop(lines: number, reason: DropReason): undefined {
    this.counts.droppedLines += lines;
    this.untoldDrops.set(reason, (this.untoldDrops.get(reason) ?? 0) + lines);
    this.tellDrops();
  }

  private tellDrops(): void {
    if (this.untoldDrops.size === 0) return;
    const nowMs = performance.now();
    if (nowMs - this.toldDropsAtMs < tellEveryMs) return;
    this.toldDropsAtMs = nowMs;
    for (const [reason, lines] of this.untoldDrops) {
      const message = `${this.title}: ${lines} line${lines === 1 ? "" : "s"} dropped: ${dropReasons[reason]}`;
      tellNotice(message);
      tellEvent({ type: "accessLog", message });
    }
    this.untoldDrops.clear();
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
    this.dropRest();
    // All that is left to tell is told now or never.
    this.toldDropsAtMs = Number.NEGATIVE_INFINITY;
    this.tellDrops();
  }

  /** Tries again and again, until nothing is left; {@link dropRest} ends it, too. */
  private async writeLast(): Promise<void> {
    await this.pumping;
    if (this.current.lines > 0) {
      this.full.push(this.current);
      this.current = this.makeBuffer();
    }
    await this.writeAll();
    while (this.full.length > 0) {
      await Bun.sleep(Math.min(this.terms.retryEveryMs, lastRetryEveryMs));
      await this.writeAll();
    }
    try {
      await this.sink.close();
    } catch (error) {
      this.noteFailure(error);
    }
  }

  /** Counts what nobody has taken; a batch under way, whatever becomes of the rest of it, is counted here once and for all. */
  private dropRest(): void {
    let left = this.current.lines;
    this.current.lines = 0;
    for (const batch of this.full) {
      const taken = countLines(batch.bytes, batch.offset);
      this.counts.writtenLines += taken;
      left += batch.lines - taken;
      batch.lines = 0;
    }
    this.full.length = 0;
    if (left > 0) this.drop(left, "end");
  }
}

const countLines = (bytes: Uint8Array, end: number): number => {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0 && at < end; at = bytes.indexOf(newline, at + 1)) count++;
  return count;
};

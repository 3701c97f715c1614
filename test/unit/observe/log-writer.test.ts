// The writer of log lines with a sink that the test holds up or breaks: bounds, order, retries, and counts that add up.
import { expect, test } from "bun:test";
import {
  type Batch,
  LogCounts,
  type LogSink,
  LogWriter,
  type LogWriterTerms,
} from "../../../src/observe/access-log/log-writer.ts";
import { type FeedEvent, observeEvents } from "../../../src/observe/events.ts";
import { observeNotices } from "../../../src/observe/notices.ts";
import { eventually } from "../../support/eventually.ts";

const terms = { bufferBytes: 256, bufferCount: 4, flushEveryMs: 5, retryEveryMs: 5 };

/** Takes whole batches when it is let, and so many bytes of one before each failure. */
class FakeSink implements LogSink {
  text = "";
  isClosed = false;
  failures = 0;
  partBytes = 0;
  gate: Promise<void> = Promise.resolve();

  async write(batch: Batch): Promise<void> {
    await this.gate;
    const stop = this.failures > 0 ? Math.min(batch.length, batch.offset + this.partBytes) : batch.length;
    this.text += Buffer.from(batch.bytes.subarray(batch.offset, stop)).toString();
    batch.offset = stop;
    if (this.failures === 0) return;
    this.failures--;
    throw new Error("ENOSPC: no space left on device");
  }

  reopen(): void {}

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

const start = (more: Partial<LogWriterTerms> = {}) => {
  const sink = new FakeSink();
  const counts = new LogCounts();
  const writer = new LogWriter("a log", sink, counts, { ...terms, ...more });
  const put = (text: string) => {
    const out = writer.makeRoom(text.length + 1);
    if (out === undefined) return false;
    out.putText(`${text}\n`);
    writer.endLine();
    return true;
  };
  return { sink, counts, writer, put };
};

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`);

test("lines arrive whole and in order", async () => {
  const { sink, counts, writer, put } = start();
  for (const text of numbers(50)) {
    expect(put(text)).toBe(true);
    if (writer.pendingLines > 20) await eventually(() => writer.pendingLines === 0);
  }
  await writer.close(1000);
  expect(sink.text).toBe(`${numbers(50).join("\n")}\n`);
  expect(counts).toMatchObject({ writtenLines: 50, droppedLines: 0, failures: 0 });
  expect(sink.isClosed).toBe(true);
});

test("a sink that takes nothing fills the buffers; what has no room is dropped, counted and told", async () => {
  const events: Array<FeedEvent> = [];
  const unobserve = observeEvents((event) => events.push(event));
  const { sink, counts, writer, put } = start();
  const { promise, resolve } = Promise.withResolvers<void>();
  sink.gate = promise;
  const taken = numbers(1000).filter((text) => put(text));
  expect(taken.length).toBeLessThan(150);
  expect(counts.droppedLines).toBe(1000 - taken.length);
  expect(writer.pendingLines).toBe(taken.length);
  expect(events[0]).toMatchObject({ type: "accessLog", message: expect.stringContaining("a log: 1 line dropped") });
  resolve();
  await writer.close(1000);
  expect(sink.text).toBe(`${taken.join("\n")}\n`);
  expect(counts.writtenLines).toBe(taken.length);
  unobserve();
});

test("a failure in the middle of a line goes on there, and nothing is written twice", async () => {
  const { sink, counts, writer, put } = start();
  sink.failures = 3;
  sink.partBytes = 5;
  for (const text of numbers(20)) put(text);
  await eventually(() => counts.writtenLines === 20);
  expect(sink.text).toBe(`${numbers(20).join("\n")}\n`);
  expect(counts).toMatchObject({ failures: 3, droppedLines: 0 });
  await writer.close(1000);
});

test("at the end, what nobody takes is counted as dropped, and no line begins behind it", async () => {
  const { sink, counts, writer, put } = start();
  sink.gate = new Promise(() => {});
  for (const text of numbers(10)) put(text);
  await writer.close(20);
  expect(put("late")).toBe(false);
  expect(counts).toMatchObject({ writtenLines: 0, droppedLines: 11 });
});

test("at the end it is tried again until nothing is left", async () => {
  const { sink, counts, writer, put } = start({ retryEveryMs: 1 });
  sink.failures = 5;
  for (const text of numbers(10)) put(text);
  await writer.close(5000);
  expect(sink.text).toBe(`${numbers(10).join("\n")}\n`);
  expect(counts).toMatchObject({ writtenLines: 10, droppedLines: 0, failures: 5 });
});

test("a batch that is taken after the end is counted once", async () => {
  const { sink, counts, writer, put } = start();
  const { promise, resolve } = Promise.withResolvers<void>();
  sink.gate = promise;
  for (const text of numbers(10)) put(text);
  await writer.close(20);
  expect(counts).toMatchObject({ writtenLines: 0, droppedLines: 10 });
  resolve();
  await eventually(() => sink.isClosed);
  expect(counts).toMatchObject({ writtenLines: 0, droppedLines: 10 });
});

test("whole lines of a batch that never ended are written, the others dropped; all are told, with their reasons", async () => {
  const events: Array<FeedEvent> = [];
  const unobserve = observeEvents((event) => events.push(event));
  const { sink, counts, writer, put } = start({ flushEveryMs: 10_000 });
  sink.failures = Number.POSITIVE_INFINITY;
  sink.partBytes = 10;
  for (let round = 0; round < 3; round++) expect(put("x".repeat(300))).toBe(false);
  for (const text of numbers(2)) put(text);
  await writer.close(20);
  expect(counts.writtenLines + counts.droppedLines).toBe(5);
  expect(counts.writtenLines).toBeGreaterThan(0);
  const told = events.map(({ message }) => message);
  expect(told[0]).toBe("a log: 1 line dropped: too long for a line");
  expect(told[1]).toBe("a log: 2 lines dropped: too long for a line");
  unobserve();
});

test("lines are dropped since it fails, or since it is slow, and it is told which", async () => {
  const events: Array<FeedEvent> = [];
  const unobserve = observeEvents((event) => events.push(event));
  const { sink, writer, counts, put } = start({ retryEveryMs: 10_000 });
  sink.failures = Number.POSITIVE_INFINITY;
  put("one");
  await eventually(() => counts.failures > 0);
  while (put("another line")) {}
  expect(events.map(({ message }) => message)).toEqual(["a log: 1 line dropped: it can't be written"]);
  unobserve();
  await writer.close(0);
});

test("however long a failure lasts, the bound holds, and it is used before a line is dropped", async () => {
  const { sink, writer, counts, put } = start();
  sink.failures = Number.POSITIVE_INFINITY;
  const nextFailure = async () => {
    const { failures } = counts;
    await eventually(() => counts.failures > failures);
  };
  const kept: Array<string> = [];
  // A line or two for each attempt are far from the bound.
  for (const text of numbers(20)) {
    expect(put(text)).toBe(true);
    kept.push(text);
    await nextFailure();
  }
  for (let round = 0; round < 10; round++) {
    for (let text = `round ${round}`; put(text); ) kept.push(text);
    await nextFailure();
  }
  const keptBytes = kept.reduce((sum, { length }) => sum + length + 1, 0);
  expect(keptBytes).toBeLessThanOrEqual(terms.bufferBytes * terms.bufferCount);
  expect(keptBytes).toBeGreaterThan(terms.bufferBytes * (terms.bufferCount - 1.5));
  expect(counts).toMatchObject({ writtenLines: 0, droppedLines: 10 });
  // All of it is written when that is possible again, without another line that would cause it.
  sink.failures = 0;
  await eventually(() => writer.pendingLines === 0);
  expect(sink.text).toBe(`${kept.join("\n")}\n`);
  expect(counts.writtenLines).toBe(kept.length);
  await writer.close(1000);
});

test("a write that doesn't end is told", async () => {
  const notices: Array<string> = [];
  const unobserve = observeNotices((text) => notices.push(text));
  const { sink, writer, put } = start({ slowAfterMs: 10 });
  sink.gate = new Promise(() => {});
  put("one");
  await eventually(() => {
    put("two");
    return notices.some((text) => text.startsWith("a log can't be written: a write has taken"));
  });
  unobserve();
  await writer.close(0);
});

test("a line that fits into no buffer is dropped", async () => {
  const { counts, writer, put } = start();
  expect(put("x".repeat(300))).toBe(false);
  expect(put("x")).toBe(true);
  await writer.close(1000);
  expect(counts).toMatchObject({ writtenLines: 1, droppedLines: 1 });
});

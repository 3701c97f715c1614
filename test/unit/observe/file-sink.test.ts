// Sinks that write to the system: pipes that are full or have no reader, and lines that are never broken off in a file.
import { expect, test } from "bun:test";
import { closeSync, constants, openSync, readdirSync, readFileSync, readSync, renameSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { FileSink } from "../../../src/observe/access-log/file-sink.ts";
import { type Batch, LogCounts, LogWriter } from "../../../src/observe/access-log/log-writer.ts";
import { StdoutSink } from "../../../src/observe/access-log/stdout-sink.ts";
import { eventually, within } from "../../support/eventually.ts";
import { makeFolder } from "../../support/folder.ts";

const batchOf = (text: string): Batch => ({
  bytes: Buffer.from(text),
  length: text.length,
  lines: text.split("\n").length - 1,
  offset: 0,
});

const makeFifo = (path: string): string => {
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  return path;
};

/** Reads what is there without waiting; undefined where there is nothing now. */
const readSome = (fd: number): string | undefined => {
  const bytes = Buffer.alloc(65_536);
  try {
    const count = readSync(fd, bytes);
    return count === 0 ? undefined : bytes.toString("latin1", 0, count);
  } catch {
    return undefined;
  }
};

const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join("");

test.each([
  ["standard output", (_path: string, fd: number) => new StdoutSink(fd)],
  ["a pipe as a file", (path: string) => new FileSink(path)],
])("%s that is full is waited for: nothing fails, nothing is lost", async (_title, makeSink) => {
  using folder = makeFolder();
  const path = makeFifo(join(folder.path, "fifo"));
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writing = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const counts = new LogCounts();
  const writer = new LogWriter("a log", makeSink(path, writing), counts);
  const out = writer.makeRoom(lines.length);
  out?.putText(lines);
  writer.endLine();
  const closed = writer.close(10_000);
  let text = "";
  await eventually(() => {
    text += readSome(reading) ?? "";
    return text.length === lines.length;
  });
  await closed;
  expect(text).toBe(lines);
  expect(counts).toMatchObject({ writtenLines: 1, droppedLines: 0, failures: 0 });
  closeSync(reading);
  closeSync(writing);
});

test("pipes without a reader keep nobody else from files", async () => {
  using folder = makeFolder();
  const sinks = Array.from({ length: 6 }, (_, index) => new FileSink(makeFifo(join(folder.path, `fifo-${index}`))));
  const tried = Promise.allSettled(sinks.map((sink) => sink.write(batchOf("one\n"))));
  const path = join(folder.path, "access.log");
  const file = new FileSink(path);
  await within(file.write(batchOf("one\n")), 3000, () => "a write to a file took too long");
  await file.close();
  expect(readFileSync(path, "utf8")).toBe("one\n");
  for (const result of await tried) expect(result).toMatchObject({ status: "rejected", reason: { code: "ENXIO" } });
});

test("a line that is broken off by a failure is taken back, and stands whole in the next file", async () => {
  using folder = makeFolder();
  const path = join(folder.path, "access.log");
  const sink = new FileSink(path);
  await sink.write(batchOf("zero\n"));
  const handle = Reflect.get(sink, "handle") as FileHandle;
  const write = handle.write.bind(handle) as (bytes: Uint8Array, from: number, length: number) => Promise<object>;
  let calls = 0;
  Object.assign(handle, {
    write: (bytes: Uint8Array, from: number) =>
      calls++ === 0 ? write(bytes, from, 7) : Promise.reject(new Error("ENOSPC: no space left on device")),
  });
  const batch = batchOf("one\ntwo\nthree\n");
  await expect(sink.write(batch)).rejects.toThrow("ENOSPC");
  expect(batch.offset).toBe(4);
  expect(readFileSync(path, "utf8")).toBe("zero\none\n");
  renameSync(path, `${path}.1`);
  await sink.write(batch);
  await sink.close();
  expect(readFileSync(`${path}.1`, "utf8")).toBe("zero\none\n");
  expect(readFileSync(path, "utf8")).toBe("two\nthree\n");
});

test("a line that another process has left without an end is no part of the next", async () => {
  using folder = makeFolder();
  const path = folder.write("access.log", "whole\nbrok");
  const sink = new FileSink(path);
  await sink.write(batchOf("one\n"));
  await sink.close();
  expect(readFileSync(path, "utf8")).toBe("whole\nbrok\none\n");
});

test("a pipe is written to as a file is, and never turned over", async () => {
  using folder = makeFolder();
  const path = makeFifo(join(folder.path, "fifo"));
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const sink = new FileSink(path, { maxBytes: 1, keep: 1 });
  for (let round = 0; round < 3; round++) await sink.write(batchOf("one\n"));
  await sink.close();
  expect(readSome(reading)).toBe("one\none\none\n");
  expect(readdirSync(folder.path)).toEqual(["fifo"]);
  closeSync(reading);
});

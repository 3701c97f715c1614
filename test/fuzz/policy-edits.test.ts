// Edits of every shape, and of every byte, on heads of every shape: what goes on is one strict head with the same framing, or the
// policy's edit was refused.
import { expect, test } from "bun:test";
import { ByteWriter } from "../../src/parse/byte-writer.ts";
import { bytesOf } from "../../src/parse/http1/bytes.ts";
import { Parsed } from "../../src/parse/http1/head.ts";
import { makeRequestReader } from "../../src/parse/http1/head-reader.ts";
import { defaultHeadLimits } from "../../src/parse/http1/limits.ts";
import type { RequestHeadParser } from "../../src/parse/http1/request-head.ts";
import { makeLastLines, writeRequestHead } from "../../src/parse/http1/serialise.ts";
import { joinEdits, type PolicyEdit, readRequestEdit } from "../../src/pipeline/policy/edit.ts";
import { UnfitValue } from "../../src/pipeline/policy/errors.ts";
import { makeRandom } from "../../src/policy/index.ts";

const client = {
  address: bytesOf("203.0.113.7"),
  lastLines: makeLastLines("http", 80),
  nodeAddress: () => bytesOf("192.0.2.1"),
};

const names = [
  "X-A",
  "x-a",
  "X-B",
  "Accept",
  "Host",
  "Cookie",
  "Content-Length",
  "Connection",
  "X-Forwarded-For",
  "T E",
  "",
];

test("thousands of edits on thousands of heads", () => {
  const random = makeRandom(7);
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <A>(list: ReadonlyArray<A>): A => list[below(list.length)] as A;
  const text = (): string =>
    Array.from({ length: below(6) }, () =>
      String.fromCharCode(below(20) === 0 ? below(0x120) : 0x21 + below(0x5e)),
    ).join("");
  const record = (): Record<string, string> =>
    Object.fromEntries(Array.from({ length: below(3) }, () => [below(9) === 0 ? text() : pick(names), text()]));
  const makeEdit = (): unknown => ({
    ...(below(2) === 0 ? { remove: Array.from({ length: below(3) }, () => pick(names)) } : {}),
    ...(below(2) === 0 ? { set: record() } : {}),
    ...(below(2) === 0 ? { add: record() } : {}),
    ...(below(4) === 0 ? { path: `${below(5) === 0 ? "" : "/"}${text()}` } : {}),
  });
  let done = 0;
  for (let round = 0; round < 20_000; round++) {
    const lines = Array.from(
      { length: below(4) },
      () => `${pick(["X-A", "X-B", "Accept", "Cookie"])}: ${below(99)}\r\n`,
    );
    const length = below(3) === 0 ? `Content-Length: ${below(50)}\r\n` : "";
    const head = bytesOf(`PUT /p HTTP/1.1\r\nHost: a\r\n${lines.join("")}${length}\r\n`);
    const reader = makeRequestReader();
    expect(reader.read(head, 0, defaultHeadLimits)).toBe(Parsed.complete);
    const parser = reader.parser as RequestHeadParser;
    let edit: PolicyEdit | undefined;
    try {
      for (let count = 1 + below(2); count > 0; count--) edit = joinEdits(edit, readRequestEdit(makeEdit()));
    } catch (error) {
      expect(error).toBeInstanceOf(UnfitValue);
      continue;
    } finally {
      if (edit === undefined) reader.release();
    }
    const out = new ByteWriter();
    writeRequestHead(parser, head, client, out, false, (edit as PolicyEdit).change);
    const { contentLength, isChunked } = parser;
    reader.release();
    const written = makeRequestReader();
    expect(written.read(out.view().slice(), 0, defaultHeadLimits)).toBe(Parsed.complete);
    const again = written.parser as RequestHeadParser;
    const shown = Buffer.from(out.view()).toString("latin1");
    expect([shown, again.isOdd, again.contentLength, again.isChunked, again.pos]).toEqual([
      shown,
      false,
      contentLength,
      isChunked,
      out.length,
    ]);
    expect(shown.match(/^Host:/gim)?.length).toBe(1);
    expect(shown.match(/^X-Forwarded-For: 203\.0\.113\.7\r\n/gim)?.length).toBe(1);
    written.release();
    done++;
  }
  expect(done).toBeGreaterThan(1000);
});

// Heads of sloppy instances: what is repaired, what it reads as then, and what no proxy should pass on.
import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { Fault, nameOfFault } from "../../../../src/parse/http1/fault.ts";
import { Parsed } from "../../../../src/parse/http1/head.ts";
import { makeResponseReader } from "../../../../src/parse/http1/head-reader.ts";
import { defaultHeadLimits, type HeadLimits } from "../../../../src/parse/http1/limits.ts";
import type { ResponseHeadParser } from "../../../../src/parse/http1/response-head.ts";
import { repairResponseHead } from "../../../../src/parse/http1/response-repair.ts";
import { describeResponse } from "./readers.ts";
import { expectAtEverySplit, type Pieces, wholeText } from "./splits.ts";

/** The repaired head and what lies behind it, `strict` when there was nothing to repair, or the fault. */
const repair =
  (limits: HeadLimits = defaultHeadLimits) =>
  (pieces: Pieces): string => {
    const reader = makeResponseReader();
    try {
      for (const [index, piece] of pieces.entries()) {
        const parsed = reader.read(piece.slice(), 0, limits);
        if (parsed === Parsed.incomplete) continue;
        const parser = reader.parser as ResponseHeadParser;
        if (parsed === Parsed.faulty) return `fault ${nameOfFault(parser.fault)}`;
        if (!parser.isOdd) return "strict";
        const out = new ByteWriter();
        const fault = repairResponseHead(reader.bytes, parser.start, parser.pos, out);
        if (fault !== Fault.none) return `can't be repaired: ${nameOfFault(fault)}`;
        const again = reader.replaceHead(out.view(), limits);
        if (again === Parsed.faulty) return `repaired: fault ${nameOfFault(parser.fault)}`;
        if (again === Parsed.incomplete || parser.isOdd) return "repaired: still odd";
        const rest = pieces
          .slice(index + 1)
          .map(wholeText)
          .join("");
        return `${wholeText(reader.bytes.subarray(parser.start, reader.end))}${rest}`;
      }
      return "incomplete";
    } finally {
      reader.release();
    }
  };

describe("repaired", () => {
  test.each([
    ["bare LFs", "HTTP/1.1 200 OK\nA: 1\nB: 2\n\n", "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n"],
    ["one bare LF", "HTTP/1.1 200 OK\r\nA: 1\nB: 2\r\n\r\n", "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n"],
    ["a bare LF at the end", "HTTP/1.1 200 OK\r\nA: 1\r\n\n", "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n"],
    ["a status line alone", "HTTP/1.1 204\n\n", "HTTP/1.1 204\r\n\r\n"],
    [
      "a blank before the colon",
      "HTTP/1.1 200 OK\r\nA : 1\r\nB\t \t:2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n",
    ],
    ["a fold", "HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\nB: 3\r\n\r\n", "HTTP/1.1 200 OK\r\nA: 1 2\r\nB: 3\r\n\r\n"],
    [
      "a fold of tabs, several times",
      "HTTP/1.1 200 OK\r\nA: 1 \r\n\t\t2\t\r\n \t 3\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: 1 2 3\r\n\r\n",
    ],
    [
      "a fold of a blank line",
      "HTTP/1.1 200 OK\r\nA: 1\r\n \t\r\nB: 2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n",
    ],
    ["a fold behind an empty value", "HTTP/1.1 200 OK\r\nA:\r\n 1\r\n\r\n", "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n"],
    ["empty values", "HTTP/1.1 200 OK\r\nA :\r\nB: \r\n\r\n", "HTTP/1.1 200 OK\r\nA:\r\nB:\r\n\r\n"],
    ["a colon in a value", "HTTP/1.1 200 OK\r\nA : b:c : d\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b:c : d\r\n\r\n"],
    ["obs-text", "HTTP/1.1 200 \xd6K\nA: \xe4\n\n", "HTTP/1.1 200 \xd6K\r\nA: \xe4\r\n\r\n"],
  ])("%s", (_, text, expected) => {
    expectAtEverySplit(text, repair(), expected);
    expectAtEverySplit(`${text}\n \r\nbody`, repair(), `${expected}\n \r\nbody`);
  });

  test("a blank before the colon of what frames the body doesn't hide it", () => {
    const reader = makeResponseReader();
    reader.read(bytesOf("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"), 0, defaultHeadLimits);
    const parser = reader.parser as ResponseHeadParser;
    const out = new ByteWriter();
    repairResponseHead(reader.bytes, parser.start, parser.pos, out);
    reader.replaceHead(out.view(), defaultHeadLimits);
    expect(describeResponse(parser, reader.bytes)).toBe('200 1.1 " OK" [Content-Length: 5], length 5, keeps');
    reader.release();
  });

  test("nothing, where all is strict", () => {
    expectAtEverySplit("HTTP/1.1 200 OK\r\nA:1\t\r\n\r\n", repair(), "strict");
  });
});

describe("not repaired", () => {
  test.each([
    ["a fold onto the status line", "HTTP/1.1 200 OK\r\n A: 1\r\n\r\n", "can't be repaired: foldedField"],
    ["a line without a colon", "HTTP/1.1 200 OK\r\nA\r\n\r\n", "can't be repaired: badFieldName"],
    ["a line without a name", "HTTP/1.1 200 OK\r\n: 1\r\n\r\n", "can't be repaired: badFieldName"],
    ["a blank in a name", "HTTP/1.1 200 OK\r\nA B: 1\r\n\r\n", "can't be repaired: badFieldName"],
    ["a control byte in a name", "HTTP/1.1 200 OK\r\nA\0: 1\r\n\r\n", "can't be repaired: badFieldName"],
    ["a byte beyond ASCII in a name", "HTTP/1.1 200 OK\r\n\xc4: 1\r\n\r\n", "can't be repaired: badFieldName"],
    ["a NUL in a value", "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", "repaired: still odd"],
    ["a bare CR in a value", "HTTP/1.1 200 OK\r\nA: 1\rB: 2\r\n\r\n", "repaired: still odd"],
    ["two CRs at the end of a line", "HTTP/1.1 200 OK\r\nA: 1\r\r\n\r\n", "repaired: still odd"],
    ["a bare CR in a fold", "HTTP/1.1 200 OK\r\nA: 1\r\n 2\r3\r\n\r\n", "repaired: still odd"],
    [
      "two lengths, one hidden by a blank",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length : 2\r\n\r\n",
      "repaired: fault differentContentLengths",
    ],
    [
      "a length that a fold makes a list",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\n",
      "repaired: fault badContentLength",
    ],
  ])("%s", (_, text, expected) => {
    expectAtEverySplit(text, repair(), expected);
  });
});

test("limits hold for what was received and for what is joined", () => {
  const limits = { ...defaultHeadLimits, fieldBytes: 20, headBytes: 200, fieldCount: 5 };
  const fold = "HTTP/1.1 200 OK\r\nA: 12345678\r\n 1234567890\r\n\r\n";
  expectAtEverySplit(fold, repair(limits), "repaired: fault fieldTooLong");
  expectAtEverySplit(`HTTP/1.1 200 OK\nA: ${"1".repeat(17)}\r\n\r\n`, repair(limits), "fault fieldTooLong");
  expectAtEverySplit(`HTTP/1.1 200 OK\n${"A: 1\n".repeat(6)}\n`, repair(limits), "fault tooManyFields");
  expectAtEverySplit(
    `HTTP/1.1 200 OK\n${"A: 1\n".repeat(5)}\n`,
    repair(limits),
    `HTTP/1.1 200 OK\r\n${"A: 1\r\n".repeat(5)}\r\n`,
  );
});

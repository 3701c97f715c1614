// The parser row: both turns look at the same head, and the figures come from work that was done.
import { expect, test } from "bun:test";
import { countOtherBytes, measureParser, parsedHead } from "../../../bench/parser.ts";

test("the bare loop counts the bytes that no line of text holds", () => {
  expect(countOtherBytes(Buffer.from("a\tb \x7f\r\n\x00\xff", "latin1"))).toBe(4);
  // Request line, thirty fields and the empty line, CR and LF each.
  expect(countOtherBytes(parsedHead)).toBe(2 * 32);
});

test("a short measurement has figures in every round", () => {
  const report = measureParser(3, 2);
  expect(report.headBytes).toBe(parsedHead.length);
  expect(report.samples).toHaveLength(3);
  for (const { headNs, loopNs } of report.samples) {
    // Anything under 0.05 ns a byte would mean that the loop was left out.
    expect(headNs).toBeGreaterThan(parsedHead.length / 20);
    expect(loopNs).toBeGreaterThan(parsedHead.length / 20);
  }
});

// Heads cut into words and lines: what each is, said in one line.
import { expect, test } from "bun:test";
import { bytesOf, textOf } from "../../../../src/parse/http1/bytes.ts";
import { RawEnding, type RawHead, readRawHead } from "../../../../src/parse/http1/raw-head.ts";

const lead = "GET /before HTTP/1.1\r\n";

/** `method|target|version`, facts, and of each line `name=value`, with `~` for a fold, `!` without colon, `^` for a bare LF. */
const describeRaw = (raw: RawHead, bytes: Uint8Array): string => {
  const words = [
    textOf(bytes, raw.methodStart, raw.methodEnd),
    textOf(bytes, raw.targetStart, raw.targetEnd),
    textOf(bytes, raw.versionStart, raw.versionEnd),
  ].join("|");
  const facts: Array<string> = [];
  if (raw.isRequestLineBareLf) facts.push("^");
  if (!raw.hasBlank) facts.push("one word");
  if (raw.isVersionless) facts.push("versionless");
  if (raw.lacksTarget) facts.push("no target");
  if (raw.ending !== RawEnding.emptyLine) facts.push(raw.ending === RawEnding.cutLine ? "cut" : "no empty line");
  if (raw.isEmptyLineBareLf) facts.push("empty line ^");
  const lines = raw.lines.map((line) => {
    const marks = `${line.isFold ? `~${line.header}` : ""}${line.hasColon ? "" : "!"}${line.isBareLf ? "^" : ""}`;
    return `${marks}${textOf(bytes, line.start, line.nameEnd)}=${textOf(bytes, line.valueStart, line.end)}`;
  });
  return [words, ...facts, ...lines, ...(raw.end < bytes.length ? [`rest ${bytes.length - raw.end}`] : [])].join("; ");
};

test.each([
  ["GET / HTTP/1.1\r\n\r\n", "GET|/|HTTP/1.1"],
  ["GET /a b HTTP/1.1\r\n\r\n", "GET|/a b|HTTP/1.1"],
  ["GET  /  HTTP/1.1 \t\r\n\r\n", "GET| / |HTTP/1.1 \t"],
  ["GET HTTP/1.1\r\n\r\n", "GET||HTTP/1.1; no target"],
  ["GET  HTTP/1.1\r\n\r\n", "GET||HTTP/1.1; no target"],
  ["GET  \t HTTP/1.1\r\n\r\n", "GET| \t|HTTP/1.1; no target"],
  ["GET /\r\nX: 1\r\n\r\n", "GET|/|; versionless; rest 8"],
  ["GET /a \t\r\n", "GET|/a \t|; versionless"],
  ["GET  \t\r\n", "GET||\t; versionless; no target"],
  ["GET \r\n", "GET||; versionless; no target"],
  ["GET  \r\n", "GET||; versionless; no target"],
  ["GET\r\n", "GET||; one word; versionless; no target"],
  ["\r\n", "||; one word; versionless; no target"],
  ["", "||; ^; one word; versionless; no target"],
  [" / HTTP/1.1\r\n\r\n", "|/|HTTP/1.1"],
  ["GET / x\r\n\r\n", "GET|/|x"],
  ["GET  /\r\n\r\n", "GET||/; no target"],
  ["GET / HTTP/1.1 \xd0\xb0 \xd0\r\n\r\n", "GET|/|HTTP/1.1 \xd0\xb0 \xd0"],
  ["GET /\tHTTP/1.1\r\n", "GET|/\tHTTP/1.1|; versionless"],
  ["GET / HTTP/1.1\n\n", "GET|/|HTTP/1.1; ^; empty line ^"],
  ["GET / HTTP/1.1\r\r\n\r\n", "GET|/|HTTP/1.1\r"],
  ["GET / HTTP/1.1\r\nA: 1\r\nB:\n\r\nrest", "GET|/|HTTP/1.1; A= 1; ^B=; rest 4"],
  ["GET / HTTP/1.1\r\nA\r\n: 1\r\n\r\n", "GET|/|HTTP/1.1; !A=; = 1"],
  ["GET / HTTP/1.1\r\n x\r\n\ty: 1\r\n\r\n", "GET|/|HTTP/1.1; ~-1! x=; ~-1\ty= 1"],
  ["GET / HTTP/1.1\r\nA: 1\r\nB\r\n x\r\n\r\n", "GET|/|HTTP/1.1; A= 1; !B=; ~0! x="],
  ["GET / HTTP/1.1\r\n\r\r\n\r\n", "GET|/|HTTP/1.1; !\r="],
  ["GET / HTTP/1.1\r\nA: 1\r\n", "GET|/|HTTP/1.1; no empty line; A= 1"],
  ["GET / HTTP/1.1\r\nA: 1", "GET|/|HTTP/1.1; cut; ^A= 1"],
  ["GET / HTTP/1.1", "GET|/|HTTP/1.1; ^; empty line ^"],
] as const)("%p", (text, expected) => {
  const alone = bytesOf(text);
  expect(describeRaw(readRawHead(alone, 0, alone.length), alone)).toBe(expected);
  // Behind other bytes, and before bytes that haven't come.
  const bytes = bytesOf(`${lead}${text}\n:\r\n`);
  const raw = readRawHead(bytes, lead.length, lead.length + text.length);
  expect(describeRaw(raw, bytes.subarray(0, lead.length + text.length))).toBe(expected);
});

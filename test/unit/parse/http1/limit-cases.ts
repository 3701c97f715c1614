// Heads that reach a limit exactly and heads that pass it by one byte, with the cuts that matter near that byte.
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { defaultHeadLimits } from "../../../../src/parse/http1/limits.ts";

/** A head, and `fault …` or the word that its reading begins with. */
export interface LimitCase {
  readonly name: string;
  readonly text: string;
  readonly expected: string;
}

const { startLineBytes, fieldBytes, headBytes, fieldCount, methodBytes } = defaultHeadLimits;

const fill = (count: number): string => "a".repeat(count);
const end = "Host: a\r\n\r\n";

/** A request line of `length` bytes, its line end included. */
const requestLine = (length: number): string => {
  const rest = "GET / HTTP/1.1\r\n";
  return `GET /${fill(length - rest.length)} HTTP/1.1\r\n`;
};

/** A header line of `length` bytes, its line end included. */
const field = (length: number, lineEnd = "\r\n"): string => `X: ${fill(length - 3 - lineEnd.length)}${lineEnd}`;

/** A head of `length` bytes, everything included, that no other limit stops. */
const head = (startLine: string, length: number, lastLine = "\r\n"): string => {
  let text = startLine;
  const left = (): number => length - text.length - lastLine.length;
  while (left() > 30_000) text += field(15_000);
  text += field(Math.floor(left() / 2));
  text += field(left());
  return text + lastLine;
};

const fields = (count: number): string => Array.from({ length: count }, (_, index) => `x${index}: 1\r\n`).join("");

const request = (name: string, text: string, expected = "GET"): LimitCase => ({ name, text, expected });

export const requestLimits: ReadonlyArray<LimitCase> = [
  request("a method of the limit", `${fill(methodBytes)} / HTTP/1.1\r\n${end}`, "aaa"),
  request("a method beyond it", `${fill(methodBytes + 1)} / HTTP/1.1\r\n${end}`, "fault methodTooLong"),
  request("a request line of the limit", requestLine(startLineBytes) + end),
  request("a request line beyond it", requestLine(startLineBytes + 1) + end, "fault requestLineTooLong"),
  request(
    "a request line beyond it, bare LF",
    `${requestLine(startLineBytes + 2).slice(0, -2)}\n${end}`,
    "fault requestLineTooLong",
  ),
  request("a request line of the limit, bare LF", `${requestLine(startLineBytes + 1).slice(0, -2)}\n${end}`, "odd"),
  request("a target that does not end", `GET /${fill(startLineBytes)}`, "fault requestLineTooLong"),
  request("a field of the limit", requestLine(40) + field(fieldBytes) + end),
  request("a field beyond it", requestLine(40) + field(fieldBytes + 1) + end, "fault fieldTooLong"),
  request("a field of the limit, bare LF", requestLine(40) + field(fieldBytes, "\n") + end, "odd"),
  request("a field beyond it, bare LF", requestLine(40) + field(fieldBytes + 1, "\n") + end, "fault fieldTooLong"),
  request("a name that does not end", requestLine(40) + fill(fieldBytes + 1), "fault fieldTooLong"),
  request("blanks that do not end", `${requestLine(40)}X:${" ".repeat(fieldBytes)}`, "fault fieldTooLong"),
  request("a value that does not end", `${requestLine(40)}X: ${fill(fieldBytes)}`, "fault fieldTooLong"),
  request("a head of the limit", head(`${requestLine(40)}Host: a\r\n`, headBytes)),
  request("a head beyond it by one", head(`${requestLine(40)}Host: a\r\n`, headBytes + 1), "fault headTooLarge"),
  request(
    "a head beyond it by its last line",
    head(`${requestLine(40)}Host: a\r\n`, headBytes + 2),
    "fault headTooLarge",
  ),
  request("a head beyond it by a field", head(`${requestLine(40)}Host: a\r\n`, headBytes + 3), "fault headTooLarge"),
  request("a head of the limit, bare LF", head(`${requestLine(40)}Host: a\r\n`, headBytes, "\n"), "odd"),
  request(
    "a head beyond it, bare LF",
    head(`${requestLine(40)}Host: a\r\n`, headBytes + 1, "\n"),
    "fault headTooLarge",
  ),
  request("fields of the limit", requestLine(40) + fields(fieldCount - 1) + end),
  request("a field more", requestLine(40) + fields(fieldCount) + end, "fault tooManyFields"),
];

const statusLine = (length: number): string => `HTTP/1.1 200 ${fill(length - 15)}\r\n`;

export const responseLimits: ReadonlyArray<LimitCase> = [
  // A status line's limit is counted without its line end.
  request("a status line of the limit", `${statusLine(startLineBytes + 2)}\r\n`, "200"),
  request("a status line beyond it", `${statusLine(startLineBytes + 3)}\r\n`, "fault badStatusLine"),
  request("a reason that does not end", statusLine(startLineBytes + 3).slice(0, -2), "fault badStatusLine"),
  request("a field of the limit", `${statusLine(40) + field(fieldBytes)}\r\n`, "200"),
  request("a field beyond it", `${statusLine(40) + field(fieldBytes + 1)}\r\n`, "fault fieldTooLong"),
  request("a head of the limit", head(statusLine(40), headBytes), "200"),
  request("a head beyond it by one", head(statusLine(40), headBytes + 1), "fault headTooLarge"),
  request("a head beyond it by its last line", head(statusLine(40), headBytes + 2), "fault headTooLarge"),
  request("fields of the limit", `${statusLine(40) + fields(fieldCount)}\r\n`, "200"),
  request("a field more", `${statusLine(40) + fields(fieldCount + 1)}\r\n`, "fault tooManyFields"),
];

/** Cuts within a few bytes of each limit, of each line's end, and of the whole. */
export const cutsNear = (text: string): ReadonlyArray<number> => {
  const marks = new Set([methodBytes, startLineBytes, fieldBytes + 40, headBytes, text.length]);
  for (const [position, byte] of bytesOf(text).entries()) if (byte === 0x0a && marks.size < 60) marks.add(position);
  const cuts = new Set<number>();
  for (const mark of marks)
    for (let cut = mark - 3; cut <= mark + 3; cut++) if (cut > 0 && cut < text.length) cuts.add(cut);
  return [...cuts].sort((a, b) => a - b);
};

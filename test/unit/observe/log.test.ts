// Lines of the process's log: their two forms, and that nothing that somebody else has written can pass for one.
import { expect, test } from "bun:test";
import { formatHumanLine, formatJsonLine, type LogFields, printable } from "../../../src/observe/log.ts";

const time = new Date("2026-01-02T03:04:05.678Z");

test("a JSON line has time, level and message first, and the fields behind", () => {
  expect(formatJsonLine("info", "serving", { version: "1", listeners: 2, none: undefined }, time)).toBe(
    '{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"serving","version":"1","listeners":2}\n',
  );
});

test("a line for people has fields behind the message, and lists below it", () => {
  const fields = { pid: 7, listeners: "HTTP *:80, TCP *:81", empty: "", none: null, problems: ["one", "two"] };
  expect(formatHumanLine("info", "serving", fields, false)).toBe(
    'elbow: serving pid=7 listeners="HTTP *:80, TCP *:81" empty=""\n  one\n  two\n',
  );
});

test("colour is the level's, around the prefix alone", () => {
  const plain = formatHumanLine("error", "no", {}, false);
  const prefixes = (["debug", "info", "warn", "error"] as const).map((level) =>
    formatHumanLine(level, "no", {}, true).replace(plain.replace("elbow:", ""), ""),
  );
  expect(new Set(prefixes).size).toBe(4);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes are what is looked for.
  for (const prefix of prefixes) expect(prefix).toMatch(/^\x1b\[\d+melbow:\x1b\[0m$/);
});

const forgeries = [
  "bad\nelbow: all is well",
  "bad\r\nelbow: all is well",
  "bad\relbow: all is well",
  "bad\x1b[2K\x1b[1Gelbow: all is well",
  "bad\u0085elbow: all is well",
  "bad\u2028elbow: all is well",
  "bad\x9b2Kelbow: all is well",
  "bad\0\x07\x08\x7f",
  "bad\u202eelbow",
];

test.each(forgeries)("%j can't pass for a line of its own", (text) => {
  for (const [message, fields] of [
    [text, {}],
    ["told", { text }],
    ["told", { texts: [text] }],
  ] as ReadonlyArray<readonly [string, LogFields]>) {
    const human = formatHumanLine("warn", message, fields, false);
    const [first, ...below] = human.slice(0, -1).split("\n");
    expect(first).toStartWith("elbow: ");
    for (const line of below) expect(line).toStartWith("  ");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left.
    expect(human.replaceAll("\n", "")).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/);
    const json = formatJsonLine("warn", message, fields, time);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left.
    expect(json.slice(0, -1)).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/);
    expect(JSON.parse(json)).toEqual({ time: time.toISOString(), level: "warn", message, ...fields });
  }
});

test("what can be printed stays as it is", () => {
  expect(printable("Grüße, 日本 😀\n\ttab")).toBe("Grüße, 日本 😀\n\\x09tab");
});

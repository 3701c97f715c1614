// Cookies in a head's bytes against a reading of them as text: any parts, any cuts, any order.
import { expect, test } from "bun:test";
import { bytesOf, textOf } from "../../src/parse/http1/bytes.ts";
import { visitCookies } from "../../src/parse/http1/cookies.ts";
import { readSetCookie } from "../../src/parse/http1/set-cookie.ts";
import { withRequest, withResponse } from "../unit/parse/http1/readers.ts";
import { forSeeds, type Random } from "./random.ts";

const names = ["AWSELB", "AWSELBCORS", "SESSION"];
const parts = [
  "AWSELB",
  "AWSELBCORS",
  "SESSION",
  "A",
  "x",
  "1",
  "=",
  "=",
  ";",
  "; ",
  " ",
  "\t",
  '"',
  ",",
  "é",
  "path",
  "Max-Age=3",
];

const makeLine = (random: Random): string =>
  Array.from({ length: random.below(24) }, () => random.pick(parts)).join("");

const trim = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, "");

/** The naive reading of Cookie lines. */
const readNaively = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.flatMap((line) =>
    trim(line)
      .split(";")
      .flatMap((pair) => {
        const at = pair.indexOf("=");
        const name = trim(pair.slice(0, Math.max(0, at)));
        if (at < 0 || !names.includes(name)) return [];
        const value = trim(pair.slice(at + 1));
        return [`${name}=${/^".*"$/s.test(value) && value.length > 1 ? value.slice(1, -1) : value}`];
      }),
  );

test("cookies of a request", () => {
  forSeeds(3000, 3000, (random) => {
    const lines = Array.from({ length: 1 + random.below(3) }, () => makeLine(random));
    const head = bytesOf(`GET / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `Cookie:${line}\r\n`).join("")}\r\n`);
    const told: Array<string> = [];
    withRequest(random.cut(head), (parser, bytes) => {
      visitCookies(parser, bytes, names.map(bytesOf), {
        onCookie: (index, within, start, end) => {
          told.push(`${names[index]}=${textOf(within, start, end)}`);
          return false;
        },
      });
      return "";
    });
    expect(told).toEqual([...readNaively(lines)]);
  });
});

/** The naive reading of Set-Cookie lines. */
const readSetNaively = (lines: ReadonlyArray<string>): ReadonlyArray<string> | undefined =>
  lines
    .map(trim)
    .flatMap((line) => {
      const [pair = "", ...attributes] = line.split(";");
      const at = pair.indexOf("=");
      if (at < 0 || trim(pair.slice(0, at)) !== "SESSION" || line.endsWith(";")) return [];
      const named = attributes.map(trim).filter((text) => trim(text.split("=")[0] ?? "") !== "");
      return [named];
    })
    .at(-1);

test("cookies of a response", () => {
  forSeeds(3000, 3000, (random) => {
    const lines = Array.from({ length: 1 + random.below(3) }, () => random.pick(["SESSION=", ""]) + makeLine(random));
    const head = bytesOf(`HTTP/1.1 200 OK\r\n${lines.map((line) => `Set-Cookie:${line}\r\n`).join("")}\r\n`);
    let read: ReadonlyArray<string> | undefined;
    withResponse(random.cut(head), (parser, bytes) => {
      read = readSetCookie(parser, bytes, bytesOf("SESSION"))?.map(({ text }) => text);
      return "";
    });
    expect(read).toEqual(readSetNaively(lines) as ReadonlyArray<string>);
  });
});

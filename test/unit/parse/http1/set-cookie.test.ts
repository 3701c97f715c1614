// The attributes of an application's cookie in a response's head: as written, in order, of the last that counts.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { readSetCookie } from "../../../../src/parse/http1/set-cookie.ts";
import { withResponse } from "./readers.ts";
import { expectAtEverySplit, type Pieces } from "./splits.ts";

const readAttributes = (pieces: Pieces): string =>
  withResponse(pieces, (head, bytes) => {
    const attributes = readSetCookie(head, bytes, bytesOf("SESSION"));
    return attributes === undefined ? "none" : attributes.map(({ name, text }) => `${name}<${text}>`).join(" ");
  });

const cases: ReadonlyArray<readonly [name: string, lines: string, attributes: string]> = [
  ["no line", "", "none"],
  ["no attributes", "Set-Cookie: SESSION=1\r\n", ""],
  [
    "as written",
    "Set-Cookie: SESSION=1; Path=/; Max-Age=60;HttpOnly\r\n",
    "path<Path=/> max-age<Max-Age=60> httponly<HttpOnly>",
  ],
  ["with blanks", "set-cookie:\tSESSION = 1 ;  Path = /a b ; SECURE \r\n", "path<Path = /a b> secure<SECURE>"],
  [
    "unknown ones too",
    "Set-Cookie: SESSION=1; Priority=High; partitioned\r\n",
    "priority<Priority=High> partitioned<partitioned>",
  ],
  [
    "a date has a comma",
    "Set-Cookie: SESSION=1; expires=Wed, 21 Oct 2026 07:28:00 GMT\r\n",
    "expires<expires=Wed, 21 Oct 2026 07:28:00 GMT>",
  ],
  ["one attribute twice", "Set-Cookie: SESSION=1; path=/a; path=/b\r\n", "path<path=/a> path<path=/b>"],
  ["empty parts within", "Set-Cookie: SESSION=1;; ;secure\r\n", "secure<secure>"],
  ["an empty value", "Set-Cookie: SESSION=; Max-Age=0\r\n", "max-age<Max-Age=0>"],
  ["a semicolon at the end", "Set-Cookie: SESSION=1; Path=/;\r\n", "none"],
  ["a semicolon and blanks at the end", "Set-Cookie: SESSION=1; Path=/; \t\r\n", "none"],
  ["nothing but a semicolon behind it", "Set-Cookie: SESSION=1;\r\n", "none"],
  ["another cookie", "Set-Cookie: OTHER=1; Path=/\r\n", "none"],
  ["names have their case", "Set-Cookie: session=1; Path=/\r\n", "none"],
  ["a name within another", "Set-Cookie: SESSIONS=1\r\nSet-Cookie: XSESSION=1\r\n", "none"],
  ["a name alone", "Set-Cookie: SESSION\r\nSet-Cookie: SESSION; Path=/\r\n", "none"],
  ["a name among the attributes", "Set-Cookie: a=1; SESSION=1\r\n", "none"],
  [
    "the last of several",
    "Set-Cookie: SESSION=; Max-Age=0\r\nA: b\r\nSet-Cookie: SESSION=2; Path=/x\r\n",
    "path<Path=/x>",
  ],
  ["the last that counts", "Set-Cookie: SESSION=1; Path=/x\r\nSet-Cookie: SESSION=2; Path=/y;\r\n", "path<Path=/x>"],
  ["a field of the same length", "Set-Cooky2: SESSION=1\r\n", "none"],
  ["an empty line", "Set-Cookie:\r\n", "none"],
  ["obs-text", "Set-Cookie: SESSION=1; Comment=\xe9t\xe9\r\n", "comment<Comment=\xe9t\xe9>"],
];

test.each(cases)("%s", (_, lines, attributes) => {
  expectAtEverySplit(`HTTP/1.1 200 OK\r\n${lines}\r\n`, readAttributes, attributes);
});

test("a line that was folded is one line", () => {
  const text = "HTTP/1.1 200 OK\r\nSet-Cookie: SESSION=1;\r\n Path=/\r\n\r\n";
  expect(readAttributes([bytesOf(text)])).toBe("path<Path=/>");
});

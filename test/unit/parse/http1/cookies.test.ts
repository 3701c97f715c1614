// Cookies found in a request's bytes: by exact name, in order, over several lines, in quotes, beside what isn't one.
import { test } from "bun:test";
import { bytesOf, textOf } from "../../../../src/parse/http1/bytes.ts";
import { visitCookies } from "../../../../src/parse/http1/cookies.ts";
import { withRequest } from "./readers.ts";
import { expectAtEverySplit, type Pieces } from "./splits.ts";

const names = ["AWSELB", "AWSELBCORS", "SESSION"];

/** What a visitor is told, as text; it ends the visit at a value that begins with `stop`. */
const visit = (pieces: Pieces): string =>
  withRequest(pieces, (head, bytes) => {
    const told: Array<string> = [];
    visitCookies(head, bytes, names.map(bytesOf), {
      onCookie(index, within, start, end) {
        const value = textOf(within, start, end);
        told.push(`${names[index]}=${value}`);
        return value.startsWith("stop");
      },
    });
    return told.join(" | ");
  });

const cases: ReadonlyArray<readonly [name: string, lines: string, told: string]> = [
  ["no Cookie line", "", ""],
  ["one", "Cookie: AWSELB=1\r\n", "AWSELB=1"],
  ["among others", "Cookie: a=b; AWSELB=1; c=d\r\n", "AWSELB=1"],
  ["several, in their order", "Cookie: AWSELBCORS=2; SESSION=3; AWSELB=1\r\n", "AWSELBCORS=2 | SESSION=3 | AWSELB=1"],
  ["one name twice", "Cookie: AWSELB=1; AWSELB=2\r\n", "AWSELB=1 | AWSELB=2"],
  ["several lines", "cookie: AWSELB=1\r\nX: AWSELB=9\r\nCOOKIE: AWSELB=2\r\n", "AWSELB=1 | AWSELB=2"],
  ["the visit ends within a line", "Cookie: AWSELB=stop; SESSION=3\r\nCookie: AWSELB=2\r\n", "AWSELB=stop"],
  ["no blanks", "Cookie:a=b;AWSELB=1;SESSION=3\r\n", "AWSELB=1 | SESSION=3"],
  ["many blanks", "Cookie: \t AWSELB \t= \t1 \t; SESSION=  \r\n", "AWSELB=1 | SESSION="],
  [
    "quotes",
    'Cookie: AWSELB="1"; SESSION=""; AWSELBCORS="; AWSELB=""2"\r\n',
    'AWSELB=1 | SESSION= | AWSELBCORS=" | AWSELB="2',
  ],
  ["an = in a value", "Cookie: SESSION==1=2=\r\n", "SESSION==1=2="],
  ["names have their case", "Cookie: awselb=1; Awselb=2; session=3\r\n", ""],
  ["a name within another", "Cookie: XAWSELB=1; AWSELBX=2; AWSEL=3; AWSELBCOR=4; AWSELBCORSX=5\r\n", ""],
  ["a name within a value", "Cookie: a=AWSELB=1; b= AWSELB=2\r\n", ""],
  ["no value at all", "Cookie: AWSELB; SESSION\r\n", ""],
  ["empty parts", "Cookie: ;; ;AWSELB=1;;\r\n", "AWSELB=1"],
  ["an empty name", "Cookie: =1; AWSELB=2\r\n", "AWSELB=2"],
  ["an empty line", "Cookie:\r\nCookie: AWSELB=1\r\n", "AWSELB=1"],
  ["a comma cuts nothing", "Cookie: a=b, AWSELB=1\r\n", ""],
  [
    "a field of the same length, or that contains the name",
    "Expect: AWSELB=1\r\nX-Cookie: AWSELB=1\r\nCookie2: AWSELB=2\r\n",
    "",
  ],
  ["obs-text", "Cookie: a=\xe9; AWSELB=\xff\r\n", "AWSELB=\xff"],
];

test.each(cases)("%s", (_, lines, told) => {
  expectAtEverySplit(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`, visit, told);
});

test("a head that was repaired has cookies too", () => {
  const text = "GET / HTTP/1.1\nHost: a\nCookie: AWSELB=1\n\n";
  expectAtEverySplit(text, visit, "AWSELB=1");
});

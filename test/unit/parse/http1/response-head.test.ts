// The response head parser: every case at every split, through a reader and in one growing buffer at an offset.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { ResponseHeadParser } from "../../../../src/parse/http1/response-head.ts";
import { describeResponse, parseResponseInPlace, readResponse } from "./readers.ts";
import { brokenResponses, soundResponses, unfinishedResponses } from "./response-cases.ts";
import { expectAtEverySplit } from "./splits.ts";

describe.each([
  ["sound", soundResponses],
  ["broken", brokenResponses],
  ["unfinished", unfinishedResponses],
] as const)("%s responses", (_, cases) => {
  test.each(cases)("%s", (_, text, expected) => {
    expectAtEverySplit(text, readResponse, expected);
    expectAtEverySplit(text, parseResponseInPlace(), expected);
    expectAtEverySplit(text, parseResponseInPlace(9), expected);
  });
});

test("a parser that is used again reads as a new one does", () => {
  const used = new ResponseHeadParser();
  const all = [...soundResponses, ...brokenResponses, ...unfinishedResponses];
  const read = (parser: ResponseHeadParser, text: string, offset: number): string => {
    const bytes = new Uint8Array(offset + text.length);
    bytes.set(bytesOf(text), offset);
    parser.begin(offset);
    const parsed = parser.parse(bytes, bytes.length);
    return parsed === 1 ? describeResponse(parser, bytes) : `${parsed} ${parser.fault}`;
  };
  for (const [, before] of all) {
    for (const [, text] of all) {
      read(used, before, 11);
      expect(read(used, text, 2)).toBe(read(new ResponseHeadParser(), text, 2));
    }
  }
});

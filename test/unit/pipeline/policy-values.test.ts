// What hooks answer, as bytes: texts byte by byte, and members that are undefined.
import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../../src/parse/byte-writer.ts";
import { readAnswer } from "../../../src/pipeline/policy-answer.ts";
import { readRequestEdit, readResponseEdit } from "../../../src/pipeline/policy-edit.ts";
import { readSelection } from "../../../src/pipeline/policy-selection.ts";
import { textOfHead } from "../../../src/pipeline/request-context.ts";

const textOf = (bytes: Uint8Array): string => textOfHead(bytes, 0, bytes.length);

describe("a character is a byte", () => {
  const every = `${Array.from({ length: 0x5f }, (_, index) => String.fromCharCode(0x20 + index)).join("")}${Array.from(
    { length: 0x80 },
    (_, index) => String.fromCharCode(0x80 + index),
  ).join("")}`.trim();

  test("so that what a context gave out goes out again as it came", () => {
    expect(textOf(readResponseEdit({ set: { "X-A": every } }).change.lines)).toBe(`X-A: ${every}\r\n`);
    expect(readRequestEdit({ path: "/\u00e9" }).change.path).toEqual(new Uint8Array([0x2f, 0xe9]));
    const utf8 = Buffer.from("é€").toString("latin1");
    expect(readResponseEdit({ add: { "X-A": utf8 } }).change.lines).toEqual(
      new Uint8Array(Buffer.from("X-A: é€\r\n", "utf8")),
    );
  });

  test.each([
    ["a value", () => readResponseEdit({ set: { "X-A": "é€" } }), "a X-A header with a character above U+00FF"],
    ["a path", () => readRequestEdit({ path: "/é€" }), "a path with a character above U+00FF"],
    ["an answer's", () => readAnswer({ status: 200, headers: { "X-A": "😀" } }), "a character above U+00FF"],
  ])("and %s with one that is none is an error", (_, read, expected) => {
    expect(read).toThrow(expected);
  });
});

describe("undefined", () => {
  const headOf = (headers: object): string => {
    const out = new ByteWriter(256);
    readAnswer({ status: 204, headers }).writeHead(out, undefined, true);
    return textOf(out.view());
  };

  test("set removes what has that name, and added it is left out", () => {
    const { change } = readRequestEdit({ set: { "X-User": undefined, "X-A": "1" }, add: { "X-B": undefined } });
    expect(change.leftOut.map(textOf)).toEqual(["x-user", "x-a"]);
    expect(textOf(change.lines)).toBe("X-A: 1\r\n");
    expect(readRequestEdit({ remove: undefined, set: undefined, add: undefined, path: undefined }).change.path).toBe(
      undefined,
    );
  });

  test("is left out of an answer", () => {
    expect(headOf({ "X-A": undefined, "X-B": "1" })).toBe(
      "HTTP/1.1 204 No Content\r\nX-B: 1\r\nConnection: keep-alive\r\n\r\n",
    );
    expect(readAnswer({ status: 200, headers: undefined, body: undefined }).body.length).toBe(0);
  });

  test("is no Host, and no tag", () => {
    expect(() => readRequestEdit({ set: { Host: undefined } })).toThrow("a Host header that is no text");
    expect(() => readSelection({ tags: { tier: undefined } })).toThrow('a tag "tier" that is no text');
    expect(() => readSelection({ tags: undefined, instances: undefined })).toThrow("neither tags nor instances");
  });
});

// What hooks answer, as bytes: texts byte by byte, and members that are undefined.
import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { readAnswer } from "../../../../src/pipeline/policy/answer.ts";
import { readRequestEdit, readResponseEdit } from "../../../../src/pipeline/policy/edit.ts";
import { UnfitValue } from "../../../../src/pipeline/policy/errors.ts";
import { addFields } from "../../../../src/pipeline/policy/fields.ts";
import { textOfHead } from "../../../../src/pipeline/policy/request-context.ts";
import { readSelection } from "../../../../src/pipeline/policy/selection.ts";
import { answer, refuse } from "../../../../src/policy/index.ts";

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

test("null is told as what it is", () => {
  expect(() => readAnswer(null)).toThrow("null, which is not an answer");
  expect(() => readRequestEdit({ set: { Host: null } })).toThrow("a Host header that is no text");
  expect(() => readSelection({ tags: {}, orElse: null })).toThrow("an orElse of null");
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

describe("what nobody would notice that it does nothing", () => {
  const edits = [[], new Map(), new Response(), { sets: {} }, { headers: {} }, { tags: {} }, refuse(), answer(500)];
  test.each(edits.map((edit) => [edit]))("is no edit, %#", (edit) => {
    expect(() => readRequestEdit(edit)).toThrow(UnfitValue);
    expect(() => readResponseEdit(edit)).toThrow(UnfitValue);
  });

  test("such as headers in what has no members, or a path for a client", () => {
    expect(() => readRequestEdit({ set: new Headers({ "X-A": "1" }) })).toThrow("`set`, which is no plain object");
    expect(() => readResponseEdit({ add: new Map([["X-A", "1"]]) })).toThrow("`add`, which is no plain object");
    expect(() => readResponseEdit({ path: "/" })).toThrow('a member "path"; an edit has `remove`, `set`, `add`');
    expect(readRequestEdit(Object.assign(Object.create(null), { path: "/a" })).change.path).toBeDefined();
  });

  test.each([
    [answer(200, "", new Headers({ Location: "/" }) as never), "`headers`, which is no plain object"],
    [{ status: 200, header: {} }, 'a member "header"; an answer has `status`, `headers`, `body`'],
    [new Response(), "an object of another class"],
    [[], "an object of another class"],
  ])("is no answer, %#", (value, expected) => {
    expect(() => readAnswer(value)).toThrow(expected);
  });

  test.each([
    [{ tags: new Map() }, "`tags`, which is no plain object"],
    [{ tags: { a: "1" }, orelse: "any" }, 'a member "orelse"; a selection has `tags`, `instances`, `orElse`'],
    [refuse(), 'a member "isRefused"'],
    [["i-1"], "an object of another class"],
  ])("is no selection, %#", (value, expected) => {
    expect(() => readSelection(value)).toThrow(expected);
  });
});

test("the fields of a log line have a bound together", () => {
  const large = { a: "x".repeat(10_000) };
  expect(addFields(undefined, large)).toEqual(large);
  expect(addFields({ ...large, b: 1 }, large)).toEqual({ ...large, b: 1 });
  expect(() => addFields(large, { b: "x".repeat(10_000) })).toThrow("come to 20002 characters; 16384 are allowed");
  expect(() => addFields(undefined, ["x"])).toThrow(UnfitValue);
});

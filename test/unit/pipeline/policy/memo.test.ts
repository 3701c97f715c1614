// What hooks have answered before is read once: the same object while it says the same, or one that says what the last said.
import { expect, test } from "bun:test";
import { PolicyMemo } from "../../../../src/pipeline/policy/memo.ts";

const makeMemo = () => {
  const read: Array<unknown> = [];
  const memo = new PolicyMemo((value) => {
    read.push(value);
    return read.length;
  });
  return { read, memo };
};

test("the same object, and one like the last, are read once", () => {
  const { read, memo } = makeMemo();
  const one = { set: { a: "1" }, add: { b: ["2", "3"] } };
  expect([memo.of(one), memo.of(one), memo.of({ set: { a: "1" }, add: { b: ["2", "3"] } })]).toEqual([1, 1, 1]);
  const other = { status: 200 };
  expect([memo.of(other), memo.of(one), memo.of(other)]).toEqual([2, 1, 2]);
  expect(read).toEqual([one, other]);
});

test.each([
  [{ set: { a: "1" } }, { set: { a: "2" } }],
  [{ set: { a: "1" } }, { set: { a: "1", b: "2" } }],
  [{ set: { a: "1", b: "2" } }, { set: { a: "1" } }],
  [{ set: { a: "1" } }, { add: { a: "1" } }],
  [{ set: { a: "1" } }, { set: { a: "1" }, path: "/" }],
  [{ add: { a: ["1"] } }, { add: { a: ["1", "2"] } }],
  [{ add: { a: ["1"] } }, { add: { a: { 0: "1" } } }],
  [{ add: { a: ["1"] } }, { add: { a: "1" } }],
  [{ set: { a: undefined } }, { set: { b: undefined } }],
  [{ status: 200 }, { status: "200" }],
  [{ a: null }, { a: undefined }],
  [{ body: new Uint8Array([1]) }, { body: new Uint8Array([2]) }],
  [{ body: new Uint8Array([1]) }, { body: new Uint8Array([1, 0]) }],
  [{ body: new Uint8Array([1]) }, { body: [1] }],
  [JSON.parse('{"set":{"__proto__":"1"}}'), { set: {} }],
  [{ set: new Map() }, { set: {} }],
  [{ a: { b: { c: { d: "1" } } } }, { a: { b: { c: { d: "2" } } } }],
])("%j and %j aren't the same", (one, other) => {
  const { memo } = makeMemo();
  expect([memo.of(one), memo.of(other)]).toEqual([1, 2]);
});

test("bytes that are the same are read once", () => {
  const { memo } = makeMemo();
  const bytes = () => ({ status: 200, body: new Uint8Array([1, 2]) });
  expect([memo.of(bytes()), memo.of(bytes())]).toEqual([1, 1]);
});

test("an object that says something else than before is read again, the last one or an older one", () => {
  const { memo } = makeMemo();
  const edit: { set: Record<string, string>; path?: string } = { set: { "X-User": "alice" } };
  expect(memo.of(edit)).toBe(1);
  edit.set["X-User"] = "bob";
  expect([memo.of(edit), memo.of(edit)]).toEqual([2, 2]);
  edit.path = "/bob";
  expect(memo.of(edit)).toBe(3);
  memo.of({ set: {} });
  edit.set = { "X-User": "carol" };
  expect(memo.of(edit)).toBe(5);
  const page = { status: 200, body: new Uint8Array([1, 2]) };
  expect(memo.of(page)).toBe(6);
  page.body[1] = 3;
  expect(memo.of(page)).toBe(7);
});

test("what can't be compared is read each time", () => {
  class Edit {
    constructor(public path: string) {}
    get set() {
      return { "X-Path": this.path };
    }
  }
  const { memo } = makeMemo();
  const edit = new Edit("/a");
  expect([memo.of(edit), memo.of(edit), memo.of({ path: "/a" }), memo.of(new Edit("/a"))]).toEqual([1, 2, 3, 4]);
});

test("what is read in vain is read again", () => {
  let isBroken = true;
  const memo = new PolicyMemo(() => {
    if (isBroken) throw new Error("unfit");
    return "fit";
  });
  const value = { set: {} };
  expect(() => memo.of(value)).toThrow("unfit");
  isBroken = false;
  expect(memo.of(value)).toBe("fit");
});

// What a request is balanced by: which bytes of its head are the key, and when there is none.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { makeRequestReader } from "../../../src/parse/http1/head-reader.ts";
import { defaultHeadLimits } from "../../../src/parse/http1/limits.ts";
import type { RequestHeadParser } from "../../../src/parse/http1/request-head.ts";
import { PickKey } from "../../../src/pipeline/pick-key.ts";
import type { BalancerKey } from "../../../src/policy/balancer.ts";
import { hashText } from "../../../src/policy/hash.ts";

const reader = makeRequestReader();

const readKey = (pickKey: PickKey, head: string): number | undefined => {
  reader.read(bytesOf(head), 0, defaultHeadLimits);
  const key = pickKey.hashOf(reader.parser as RequestHeadParser, reader.bytes);
  reader.release();
  return key;
};

const keyOf = (key: BalancerKey, ...lines: ReadonlyArray<string>): number | undefined => {
  return readKey(new PickKey(key), ["GET / HTTP/1.1", "Host: a", ...lines, "", ""].join("\r\n"));
};

test("the client's address: nothing of the request", () => {
  expect(keyOf("clientAddress", "X-User: ada", "Cookie: user=ada")).toBeUndefined();
});

describe("a header", () => {
  const key = { header: "X-User" };

  test.each([
    ["alone", ["X-User: ada"], "ada"],
    ["in another case", ["x-uSER: ada"], "ada"],
    ["its value's case counts", ["X-User: Ada"], "Ada"],
    ["blanks around it don't", ["X-User: \t ada \t"], "ada"],
    ["blanks in it do", ["X-User: ada l"], "ada l"],
    ["of several the first", ["X-User: ada", "X-User: bob"], "ada"],
    ["of several the first that says anything", ["X-User:", "X-User: bob"], "bob"],
    ["behind others", ["X-Usher: x", "X-User-Id: y", "X-User: ada"], "ada"],
  ])("%s", (_, lines, value) => {
    expect(keyOf(key, ...lines)).toBe(hashText(value));
  });

  test.each([[[]], [["X-User:"]], [["X-User2: ada"]], [["X-Use: ada"]], [["Cookie: X-User=ada"]]])(
    "none in %j",
    (lines: ReadonlyArray<string>) => {
      expect(keyOf(key, ...lines)).toBeUndefined();
    },
  );

  test("one that elbow acts on", () => {
    expect(keyOf({ header: "Host" })).toBe(hashText("a"));
  });
});

describe("a cookie", () => {
  const key = { cookie: "user" };

  test.each([
    ["alone", ["Cookie: user=ada"], "ada"],
    ["among others", ["Cookie: a=b; user=ada; c=d"], "ada"],
    ["in a second line", ["Cookie: a=b", "cookie: user=ada"], "ada"],
    ["in quotes", ['Cookie: user="ada"'], "ada"],
    ["of several the first that has a value", ["Cookie: user=; user=ada; user=bob"], "ada"],
  ])("%s", (_, lines, value) => {
    expect(keyOf(key, ...lines)).toBe(hashText(value));
  });

  test.each([[[]], [["Cookie: user="]], [["Cookie: User=ada"]], [["Cookie: user"]], [["user: ada"]]])(
    "none in %j",
    (lines: ReadonlyArray<string>) => {
      expect(keyOf(key, ...lines)).toBeUndefined();
    },
  );

  test("what an earlier request had is forgotten", () => {
    const pickKey = new PickKey(key);
    const read = (cookie: string) => readKey(pickKey, `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`);
    expect([read("user=ada"), read("other=ada")]).toEqual([hashText("ada"), undefined]);
  });
});

// Attributes: the defaults are legal by their own ranges, and the types that `defineConfig` shows are exact.
import { expect, test } from "bun:test";
import { Schema } from "effect";
import { Attributes, defaultAttributes, WrittenAttributes } from "../../../src/model/attributes.ts";

test("every attribute has a default, which lies in its range", () => {
  expect(Object.keys(defaultAttributes)).toEqual(Object.keys(Attributes.fields));
  expect(Schema.decodeUnknownSync(Attributes)(defaultAttributes)).toEqual(defaultAttributes);
});

test("each attribute may be left out or undefined, and its type stays exact", () => {
  const write = (written: typeof WrittenAttributes.Encoded) => written;
  const sound = [{}, write({ idleTimeout: undefined }), write({ desyncMitigationMode: "monitor", webSocket: false })];
  const broken = [
    // @ts-expect-error: not a mode
    write({ desyncMitigationMode: "lax" }),
    // @ts-expect-error: not a number
    write({ maxHeaders: "100" }),
  ];
  const isWritable = Schema.is(WrittenAttributes);
  expect(sound.filter((one) => !isWritable(one))).toEqual([]);
  expect(broken.filter((one) => isWritable(one))).toEqual([]);
});

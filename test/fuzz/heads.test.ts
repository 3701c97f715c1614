// Heads by chance: cut or whole they read the same, what is written on reads back as meant, and nothing throws or hangs.
import { expect, test } from "bun:test";
import { ByteWriter } from "../../src/parse/byte-writer.ts";
import { bytesOf, textOf } from "../../src/parse/http1/bytes.ts";
import { Field } from "../../src/parse/http1/field-name.ts";
import type { HeadParser } from "../../src/parse/http1/head.ts";
import { fieldStride } from "../../src/parse/http1/head-fields.ts";
import {
  type ClientFacts,
  makeLastLines,
  writeRequestHead,
  writeResponseHead,
} from "../../src/parse/http1/serialise.ts";
import { readRequest, readResponse, withRequest, withResponse } from "../unit/parse/http1/readers.ts";
import { mutate, randomBytes, randomRequest, randomResponse } from "./messages.ts";
import { forSeeds, isReplay, type Random } from "./random.ts";

const mostMs = 500;
const client: ClientFacts = {
  address: bytesOf("203.0.113.7"),
  lastLines: makeLastLines("http", 8080),
  nodeAddress: () => bytesOf("192.0.2.1"),
};

const input = (random: Random, make: (random: Random) => string): Uint8Array => {
  if (random.chance(0.05)) return randomBytes(random, 200);
  const text = make(random) + (random.chance(0.5) ? make(random) : "");
  return random.chance(0.6) ? mutate(random, text) : bytesOf(text);
};

test.each([
  ["requests", randomRequest, readRequest],
  ["responses", randomResponse, readResponse],
] as const)("%s read the same, however they are cut", (_, make, read) => {
  let sound = 0;
  let broken = 0;
  forSeeds(20_000, mostMs, (random) => {
    const bytes = input(random, make);
    const whole = read([bytes.slice()]);
    for (let times = 0; times < 3; times++) expect(read(random.cut(bytes))).toBe(whole);
    if (whole.startsWith("fault")) broken++;
    else sound++;
  });
  // The inputs are of use only if both kinds come up.
  if (sound + broken > 100) expect(Math.min(sound, broken)).toBeGreaterThan(10);
});

const dropped = new Set<number>([
  Field.connection,
  Field.keepAlive,
  Field.proxyConnection,
  Field.te,
  Field.upgrade,
  Field.transferEncoding,
  Field.host,
  Field.expect,
  Field.forwardedFor,
  Field.forwardedProto,
  Field.forwardedPort,
  Field.forwardedLookAlike,
  Field.clientCertificate,
]);

/** The fields that pass, by a simpler reading than the serialiser's: name and value, in order. */
const passing = (head: HeadParser, bytes: Uint8Array, isRequest: boolean, isBodyless = false): Array<string> => {
  let hasLength = head.hasTransferEncoding || isBodyless;
  const kept: Array<string> = [];
  const onlyOfRequests = [
    Field.host,
    Field.expect,
    Field.forwardedFor,
    Field.forwardedProto,
    Field.forwardedPort,
    Field.forwardedLookAlike,
    Field.clientCertificate,
  ] as const;
  for (let index = 0; index < head.fieldCount; index++) {
    const at = index * fieldStride;
    const name = textOf(bytes, head.spans[at]!, head.spans[at + 1]!);
    const kind = head.kinds[index] as Field;
    if (dropped.has(kind) && (isRequest || !(onlyOfRequests as ReadonlyArray<number>).includes(kind))) continue;
    if (kind === Field.contentLength) {
      if (hasLength) continue;
      hasLength = true;
    } else if (head.nominated?.has(name.toLowerCase()) === true) continue;
    kept.push(`${name}: ${textOf(bytes, head.spans[at + 2]!, head.spans[at + 3]!)}`);
  }
  return kept;
};

test("requests that are written on read back as they were meant", () => {
  let written = 0;
  forSeeds(20_000, mostMs, (random) => {
    const bytes = input(random, randomRequest);
    let expected = "";
    const out = new ByteWriter(random.below(64));
    const read = withRequest(random.cut(bytes), (head, received) => {
      const facts = [
        head.isChunked,
        head.isChunked ? -1 : head.contentLength,
        head.isHead,
        textOf(received, head.start, head.methodEnd),
      ];
      expected = JSON.stringify([...facts, passing(head, received, true)]);
      writeRequestHead(head, received, client, out);
      return "written";
    });
    if (read !== "written") return;
    written++;
    const text = textOf(out.view(), 0, out.length);
    // Every line ends in CR LF, the head ends at its end, and nobody reads a second Host or framing in it.
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n\0]/);
    expect(text.indexOf("\r\n\r\n")).toBe(text.length - 4);
    expect(text).toMatch(/^[^ ]+ [^ ]+ HTTP\/1\.1\r\nHost: [^\r]*\r\n/);
    const again = withRequest(random.cut(out.view().slice()), (head, received, rest) => {
      expect(rest).toBe("");
      expect(head.nominated).toBeUndefined();
      expect([...head.isUneven.subarray(0, head.fieldCount)]).not.toContain(1);
      const kinds = [...head.kinds.subarray(0, head.fieldCount)];
      const count = (kind: Field): number => kinds.filter((one) => one === kind).length;
      expect([
        count(Field.host),
        count(Field.forwardedFor),
        count(Field.forwardedProto),
        count(Field.forwardedPort),
        count(Field.connection),
      ]).toEqual([1, 1, 1, 1, 1]);
      expect(count(Field.contentLength) + count(Field.transferEncoding)).toBeLessThan(2);
      const facts = [head.isChunked, head.contentLength, head.isHead, textOf(received, head.start, head.methodEnd)];
      return JSON.stringify([...facts, passing(head, received, true)]);
    });
    // What has too many fields to be read back has had ours added to as many as there may be.
    if (again !== "fault tooManyFields") expect(again).toBe(expected);
  });
  if (!isReplay) expect(written).toBeGreaterThan(0);
});

test("responses that are written on read back as they were meant", () => {
  let written = 0;
  forSeeds(20_000, mostMs, (random) => {
    const bytes = input(random, randomResponse);
    let expected = "";
    const out = new ByteWriter(random.below(64));
    const keepsAlive = random.chance(0.5);
    const read = withResponse(random.cut(bytes), (head, received) => {
      expected = JSON.stringify([
        head.status,
        head.isChunked,
        head.isChunked || head.status === 204 ? -1 : head.contentLength,
        keepsAlive,
        passing(head, received, false, head.status === 204),
      ]);
      writeResponseHead(head, received, head.isChunked, keepsAlive, out);
      return "written";
    });
    if (read !== "written") return;
    written++;
    const text = textOf(out.view(), 0, out.length);
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n\0]/);
    expect(text.indexOf("\r\n\r\n")).toBe(text.length - 4);
    const again = withResponse(random.cut(out.view().slice()), (head, received, rest) => {
      expect(rest).toBe("");
      expect(head.isPlainStatusLine).toBe(true);
      return JSON.stringify([
        head.status,
        head.isChunked,
        head.contentLength,
        head.keepsAlive,
        passing(head, received, false),
      ]);
    });
    expect(again).toBe(expected);
  });
  if (!isReplay) expect(written).toBeGreaterThan(0);
});

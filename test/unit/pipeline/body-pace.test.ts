// The least rate of a request's body: when a body is too slow, and which time isn't the client's.
import { expect, test } from "bun:test";
import { BodyPace } from "../../../src/pipeline/body-pace.ts";

const terms = { requestBodyTimeoutMs: 30_000, requestBodyBytesPerSecond: 240 };

test("a body has its time at any rate, and a second more for each so many bytes", () => {
  const pace = new BodyPace();
  pace.begin(1000);
  expect(pace.endsMs(0, terms)).toBe(31_000);
  expect(pace.endsMs(240, terms)).toBe(32_000);
  expect(pace.endsMs(2400, terms)).toBe(41_000);
});

test("no rate, no end", () => {
  const pace = new BodyPace();
  pace.begin(1000);
  expect(pace.endsMs(0, { ...terms, requestBodyBytesPerSecond: 0 })).toBe(Number.POSITIVE_INFINITY);
});

test("time in which the client is held back doesn't count", () => {
  const pace = new BodyPace();
  pace.begin(0);
  pace.hold(10_000);
  expect(pace.endsMs(240, terms)).toBe(Number.POSITIVE_INFINITY);
  pace.goOn(25_000);
  pace.goOn(26_000);
  expect(pace.endsMs(240, terms)).toBe(46_000);
  pace.hold(30_000);
  pace.goOn(31_000);
  expect(pace.endsMs(240, terms)).toBe(47_000);
});

test("a pace that is used again knows nothing of the body before", () => {
  const pace = new BodyPace();
  pace.begin(0);
  pace.hold(5);
  pace.goOn(10);
  pace.hold(20);
  pace.begin(100);
  expect(pace.endsMs(0, terms)).toBe(30_100);
});

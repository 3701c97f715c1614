// The queue of spans: bounded, counted, and emptied at once; and what a span looks like whose entry says little.
import { expect, test } from "bun:test";
import { AccessEntry } from "../../../../src/observe/access-log/access-entry.ts";
import { makeSpan } from "../../../../src/observe/telemetry/span.ts";
import { SpanQueue } from "../../../../src/observe/telemetry/spans.ts";

const place = { loadBalancer: "web", protocol: "TCP", port: 80 };

const makeEntry = (members: Partial<AccessEntry> = {}): AccessEntry => Object.assign(new AccessEntry(), members);

test("what finds the queue full is dropped and counted", () => {
  const queue = new SpanQueue(1, 3);
  for (let round = 0; round < 5; round++) queue.offer(makeEntry(), place);
  expect([queue.length, queue.dropped, queue.taken]).toEqual([3, 2, 0]);
  expect(queue.takeAll().length).toBe(3);
  expect([queue.length, queue.taken]).toEqual([0, 3]);
  queue.offer(makeEntry(), place);
  expect(queue.takeAll().length).toBe(1);
  expect(queue.takeAll()).toEqual([]);
});

test("a fault of the client's is no error of the span, one of anybody else's is", () => {
  const statusOf = (members: Partial<AccessEntry>) => makeSpan(makeEntry(members), place, 1)?.status;
  expect(statusOf({})).toEqual({ code: 0 });
  expect(statusOf({ reason: "clientGone" })).toEqual({ code: 0 });
  expect(statusOf({ status: 404 })).toEqual({ code: 0 });
  expect(statusOf({ status: 500 })).toEqual({ code: 2 });
  expect(statusOf({ status: 503, reason: "noInstance" })).toEqual({ code: 2, message: "noInstance" });
  expect(statusOf({ reason: "responseCut" })).toEqual({ code: 2, message: "responseCut" });
});

test("events go as far as it came, and a span never ends before it begins", () => {
  const events = (requestMs: number, backendMs: number, responseMs: number) =>
    makeSpan(makeEntry({ requestMs, backendMs, responseMs }), place, 1)?.events.length;
  expect([events(-1, -1, -1), events(1, -1, -1), events(1, 2, 3)]).toEqual([0, 1, 3]);
  const span = makeSpan(makeEntry({ receivedAtMs: 10, endedAtMs: 5 }), place, 1);
  expect(span?.endTimeUnixNano).toBe(span?.startTimeUnixNano as string);
});

test("a request of which nothing is known, and one with an invented method, have a name all the same", () => {
  expect(makeSpan(makeEntry({ isLayer7: true }), place, 1)?.name).toBe("HTTP");
  expect(makeSpan(makeEntry(), place, 1)?.name).toBe("TCP connection");
});

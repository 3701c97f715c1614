// The queue of spans: bounded, counted, and emptied at once; and what a span looks like whose entry says little.
import { expect, test } from "bun:test";
import { AccessEntry } from "../../../../src/observe/access-log/access-entry.ts";
import { LoggedRequest } from "../../../../src/observe/access-log/logged-request.ts";
import { makeSpan } from "../../../../src/observe/telemetry/span.ts";
import { SpanQueue } from "../../../../src/observe/telemetry/spans.ts";

const place = { loadBalancer: "web", protocol: "TCP", port: 80 };

const makeEntry = (members: Partial<AccessEntry> = {}): AccessEntry => Object.assign(new AccessEntry(), members);

test("what finds the queue full is dropped and counted", () => {
  const queue = new SpanQueue(1, 3);
  for (let round = 0; round < 5; round++) queue.offer(makeEntry(), place);
  expect([queue.length, queue.dropped]).toEqual([3, 2]);
  expect(queue.takeAll().length).toBe(3);
  expect(queue.length).toBe(0);
  queue.offer(makeEntry(), place);
  expect(queue.takeAll().length).toBe(1);
  expect(queue.takeAll()).toEqual([]);
});

test("what is no span anyway isn't dropped, and what was pushed in vain is", () => {
  const none = new SpanQueue(0, 0);
  none.offer(makeEntry(), place);
  expect(none.dropped).toBe(0);
  const queue = new SpanQueue(1);
  for (let round = 0; round < 3; round++) queue.offer(makeEntry(), place);
  queue.takeAll();
  expect([queue.pushed, queue.dropped]).toEqual([0, 0]);
  queue.notePushed();
  expect([queue.pushed, queue.dropped]).toEqual([3, 0]);
  queue.offer(makeEntry(), place);
  queue.takeAll();
  queue.takeAll();
  expect([queue.pushed, queue.dropped]).toEqual([3, 1]);
});

test("what a client has sent is cut", () => {
  const parts = ["GET", `/${"p".repeat(5000)}?${"q".repeat(5000)}`, "h".repeat(1000), "a".repeat(5000)];
  const bytes = Buffer.from(parts.join(""));
  const starts = parts.map((_, index) => parts.slice(0, index).join("").length);
  const [methodStart, targetStart, hostStart, agentStart] = starts;
  const request = Object.assign(new LoggedRequest(), {
    ...{ bytes, methodStart, methodEnd: targetStart, targetStart, targetEnd: hostStart },
    ...{ hostBytes: bytes, hostStart, hostEnd: agentStart, agentStart, agentEnd: bytes.length },
  });
  const span = makeSpan(makeEntry({ isLayer7: true, request }), place, 1);
  const lengths = ["url.path", "url.query", "user_agent.original"].map((wanted) => {
    const value = span?.attributes.find(({ key }) => key === wanted)?.value;
    return (value as { readonly stringValue: string }).stringValue.length;
  });
  expect(lengths).toEqual([1024, 1024, 1024]);
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

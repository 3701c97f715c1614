// A session and the bodies of requests: how they go out, and answers that don't wait for them.

import { describe, expect, test } from "bun:test";
import roundRobin from "../../../policies/balance/round-robin.ts";
import type { BackendMember } from "../../../src/backend/backend-member.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import { passTime as pass, withFakeTime } from "../net/fake-time.ts";
import { answer, benchesOf, closed, get, say, useBenches } from "./session-bench.ts";

const bench = useBenches();
const benchOf = benchesOf(bench);

describe("a request's body goes out", () => {
  const head = (length: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

  test("with its head in one write, when it is small", () => {
    for (const text of [
      `${head(3)}abc`,
      `${head(5)}abc`,
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ]) {
      const one = bench();
      say(one, text);
      expect([one.instance.writes.length, one.instance.sent.includes("abc")]).toEqual([1, true]);
    }
  });

  test("behind its head, when it isn't", () => {
    const one = bench();
    const body = "x".repeat(100_000);
    say(one, head(body.length) + body);
    expect(one.instance.sent).toEndWith(`\r\n\r\n${body}`);
    expect(one.instance.writes.length).toBe(2);
  });

  test("in chunks, when its codings ask for that, also an empty one", () => {
    for (const [body, chunks] of [
      ["abc", "3\r\nabc\r\n0\r\n\r\n"],
      ["", "0\r\n\r\n"],
    ] as const) {
      const one = benchOf({ desyncMitigationMode: "monitor" });
      say(
        one,
        `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      expect(one.instance.sent).toContain("Transfer-Encoding: gzip, chunked\r\n");
      expect(one.instance.sent).not.toContain("Content-Length");
      expect(one.instance.sent).toEndWith(`\r\n\r\n${chunks}`);
    }
  });

  test("not at all, when it is broken from the start", () => {
    const one = bench();
    say(one, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx");
    expect([one.instance.sent, one.client.sent]).toEqual(["", closed("400 BAD_REQUEST")]);
  });
});

describe("100 Continue", () => {
  const said = "HTTP/1.1 100 Continue\r\n\r\n";

  test.each([
    ["with a body to come", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", said],
    ["without a body", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", said],
    [
      "on two lines",
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
      said,
    ],
    [
      "behind another on a line of its own",
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: x=y\r\nexpect: 100-Continue\r\nContent-Length: 5\r\n\r\n",
      said,
    ],
    [
      "in front of another on a line of its own",
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x=y\r\nContent-Length: 5\r\n\r\n",
      said,
    ],
    ["in a list", "POST / HTTP/1.1\r\nHost: a\r\nExpect: x=y, 100-continue ,z\r\nContent-Length: 5\r\n\r\n", said],
    ["as a part of a word", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continued\r\nContent-Length: 5\r\n\r\n", ""],
    ["from HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", ""],
    ["refused", "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", closed("400 BAD_REQUEST")],
    ["blocked", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\nExpect: 100-continue\r\n\r\n", closed("400 BAD_REQUEST")],
  ])("%s", (_, request, expected) => {
    const one = bench();
    say(one, request);
    expect(one.client.sent).toBe(expected);
    expect(one.instance.sent).not.toMatch(/^expect/im);
    expect(one.counters.sentBytes).toBe(expected.length);
  });
});

describe("an answer before the body is whole", () => {
  const post = (length: number, sent: string) =>
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${sent}`;
  const refused = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";

  test("cuts the instance off, throws the rest away and serves what lies behind it", () => {
    const one = bench();
    say(one, post(10, "abc"));
    answer(one, refused);
    expect(one.client.sent).toBe("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
    expect([one.instance.calls, one.outstanding(), one.client.calls]).toEqual([["terminate"], 0, []]);
    say(one, "def");
    say(one, `ghij${get}`);
    expect([one.dials.length, one.instance.sent.endsWith("abc")]).toEqual([1, true]);
    // The next request is none of the body's: it gets a connection of its own.
    one.dials[0]?.answer();
    expect(one.dials[0]?.socket.sent).toStartWith("GET / HTTP/1.1\r\n");
  });

  test("a body in chunks is read away by its chunks", () => {
    const one = bench();
    say(one, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc");
    answer(one, refused);
    say(one, `de\r\n0\r\nT: x\r\n\r\n${get}`);
    expect([one.client.calls, one.dials.length]).toEqual([[], 1]);
  });

  test("one that is known to be too long is told so, and the connection closes", () => {
    const one = benchOf({ maxUnreadBodyBytes: 100 });
    say(one, post(104, "abc"));
    answer(one, refused);
    expect(one.client.sent).toContain("Connection: close\r\n");
    expect(one.client.calls).toEqual(["shutdown"]);
    const other = benchOf({ maxUnreadBodyBytes: 100 });
    say(other, post(103, "abc"));
    answer(other, refused);
    expect(other.client.sent).toContain("Connection: keep-alive\r\n");
  });

  test("one that turns out to be too long, or broken, closes the connection", () => {
    for (const rest of [`ff\r\n${"x".repeat(200)}`, "x"]) {
      const one = benchOf({ maxUnreadBodyBytes: 100 });
      say(one, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
      answer(one, refused);
      expect(one.client.sent).toContain("Connection: keep-alive\r\n");
      say(one, rest);
      expect(one.client.calls).toEqual(["shutdown"]);
    }
  });

  test("one that takes too long closes the connection, however it trickles", () => {
    withFakeTime((time) => {
      const one = benchOf({ unreadBodyTimeout: 5, lingerTimeout: 2 });
      say(one, post(1000, "abc"));
      answer(one, refused);
      for (let index = 0; index < 48; index++) {
        pass(time, 100);
        say(one, "x");
      }
      expect(one.client.calls).toEqual([]);
      pass(time, 300);
      expect(one.client.calls).toEqual(["shutdown"]);
      pass(time, 2200);
      expect([one.client.calls, one.live.size]).toEqual([["shutdown", "end"], 0]);
      one.dispose();
    });
  });

  test("a client that ends instead has its answer, and the connection is over", () => {
    const one = bench();
    say(one, post(10, "abc"));
    answer(one, "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nta");
    one.transport.endOfInput();
    answer(one, "lk");
    expect(one.client.sent).toEndWith("\r\n\r\ntalk");
    expect([one.instance.calls, one.live.size]).toEqual([["terminate"], 0]);
  });

  test("an instance that has gone by then does not take its answer with it", () => {
    const one = bench();
    say(one, post(10, "abc"));
    one.instance.isGone = true;
    say(one, "def");
    answer(one, refused);
    one.backend.transport.endOfInput();
    expect(one.client.sent).toStartWith("HTTP/1.1 413 ");
  });

  test("and an answer without a length is cut with its connection, which a failed write has reported", () => {
    const one = bench();
    say(one, post(10, "abc"));
    one.instance.isGone = true;
    say(one, "def");
    answer(one, "HTTP/1.1 413 Too Large\r\n\r\ntalk");
    one.backend.transport.endOfInput();
    expect([one.client.calls.at(-1), one.counters.reasons.get("responseCut")]).toEqual(["terminate", 1]);
  });
});

describe("an answer of ours to a request whose body is broken", () => {
  const broken = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx";
  const atCapacity = closed("503 Service Unavailable: Back-end server is at capacity");

  // Nobody can tell where the next request begins: a promise to read it would be broken at once.
  test("closes the connection where there is no instance", () => {
    const one = bench({ membership: makeMembership<BackendMember>([], roundRobin) });
    say(one, broken);
    expect([one.client.sent, one.client.calls]).toEqual([atCapacity, ["shutdown"]]);
  });

  test("closes the connection where none can be reached, and what waited turns out to be broken", () => {
    const one = bench();
    one.backend.transport.endOfInput();
    say(one, broken);
    expect([one.client.sent, one.dials.length]).toEqual(["", 1]);
    one.dials[0]?.refuse();
    expect([one.client.sent, one.client.calls, one.outstanding()]).toEqual([atCapacity, ["shutdown"], 0]);
  });
});

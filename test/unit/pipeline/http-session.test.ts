// A session on kept connections: requests and responses at every split, and the ends that must leave nothing behind.
import { describe, expect, test } from "bun:test";
import roundRobin from "../../../policies/balance/round-robin.ts";
import type { BackendMember } from "../../../src/backend/backend-member.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import { type Attributes, defaultAttributes } from "../../../src/model/attributes.ts";
import { countArmedDeadlines, tickDeadlines } from "../../../src/net/deadlines.ts";
import { makeHttpTerms } from "../../../src/pipeline/http-terms.ts";
import { type FakeTime, withFakeTime } from "../net/fake-time.ts";
import { expectAtEverySplit, type Pieces } from "../parse/http1/splits.ts";
import { answer, closed, makeSessionBench, outcomesOf, type SessionBench, say, useBenches } from "./session-bench.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const passed = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi";

const bench = useBenches();

/** A session on a load balancer with these attributes. */
const benchOf = (attributes: Partial<Attributes>): SessionBench =>
  bench({ http: makeHttpTerms({ ...defaultAttributes, ...attributes }) });

const pass = (time: FakeTime, ms: number): void => {
  for (const endMs = time.nowMs + ms; time.nowMs < endMs; ) {
    time.nowMs += 100;
    tickDeadlines();
  }
};

describe("at every split", () => {
  /** The instance answers each request once it has all of it; what it got and what the client got are told. */
  const converse =
    (requests: number) =>
    (pieces: Pieces): string => {
      const one = makeSessionBench();
      let answered = 0;
      for (const piece of pieces) {
        one.transport.receiver.onBytes(piece);
        while (answered < requests && one.instance.sent.split("#").length - 1 > answered && one.outstanding() > 0) {
          answered++;
          answer(one, `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${answered}`);
        }
      }
      const toInstance = one.instance.sent
        .replaceAll(/X-Forwarded-(For|Proto|Port): [^\r]*\r\n/g, "")
        .replaceAll("\r\n", "|");
      const toClient = one.client.sent.replaceAll(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
        "=",
      );
      const left = `${one.outstanding()} out, ${one.idleCount()} kept, ${one.counters.answers[2]} counted`;
      one.dispose();
      return `${toInstance} ${toClient} ${left}`;
    };

  test("pipelined requests with and without bodies", () => {
    const text =
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab#" +
      "\r\nGET /2 HTTP/1.1\r\nHost: a\r\nX: #\r\n\r\n" +
      "PUT /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n#";
    const expected =
      "POST /1 HTTP/1.1|Host: a|Content-Length: 3|Connection: keep-alive||ab#" +
      "GET /2 HTTP/1.1|Host: a|X: #|Connection: keep-alive||" +
      "PUT /3 HTTP/1.1|Host: a|Content-Length: 1|Connection: keep-alive||#" +
      " =1=2=3 0 out, 1 kept, 3 counted";
    expectAtEverySplit(text, converse(3), expected);
  });

  test("a response cut anywhere", () => {
    expectAtEverySplit(
      `HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${ok}`,
      (pieces) => {
        const one = makeSessionBench();
        say(one, get);
        for (const piece of pieces) one.backend.transport.receiver.onBytes(piece);
        const result = `${one.client.sent} ${one.outstanding()} ${one.idleCount()} ${one.counters.sentBytes === one.client.sent.length}`;
        one.dispose();
        return result;
      },
      `HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${passed} 0 1 true`,
    );
  });
});

describe("what the instance is told", () => {
  test.each([
    ["192.0.2.1", "Host: 192.0.2.1\r\n"],
    ["::ffff:192.0.2.1", "Host: 192.0.2.1\r\n"],
    ["2001:db8::1", "Host: [2001:db8::1]\r\n"],
  ])("HTTP/1.0 without Host, at %s", (localAddress, host) => {
    const one = bench({}, localAddress);
    say(one, "GET / HTTP/1.0\r\n\r\n");
    expect(one.instance.sent).toStartWith(`GET / HTTP/1.1\r\n${host}`);
  });
});

describe("the client's connection", () => {
  const keeps = (head: string): boolean => {
    const one = bench();
    say(one, `${head}\r\n0\r\n\r\n`);
    answer(one, ok);
    return one.client.sent.includes("Connection: keep-alive");
  };

  // RFC 9112 §6.1: both framings, or chunks before HTTP/1.1, may have been misread by someone in front: close.
  test.each([
    ["chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", true],
    ["both framings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", false],
    ["chunks in HTTP/1.0", "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n", false],
  ])("with %s", (_, head, expected) => {
    expect(keeps(head)).toBe(expected);
  });

  test("a refused head is answered and the connection closed, whatever lies behind", () => {
    const one = bench();
    say(one, `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n${get}`);
    expect(one.client.sent).toBe("HTTP/1.1 400 BAD_REQUEST\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    expect([one.client.calls, one.instance.sent, one.counters.answers[4]]).toEqual([["shutdown"], "", 1]);
    say(one, get);
    expect(one.instance.sent).toBe("");
  });

  test("a broken body cuts the instance off and is answered", () => {
    const one = bench();
    say(one, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab");
    expect(one.client.sent).toStartWith("HTTP/1.1 400 ");
    expect([one.instance.calls, one.outstanding()]).toEqual([["terminate"], 0]);
  });
});

describe("desync mitigation", () => {
  const ambiguous = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx";
  const acceptable = "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n";
  const severe = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";

  test("ambiguous: served, then both connections close, and what lies behind is never read", () => {
    const one = bench();
    const heard = outcomesOf(() => {
      say(one, ambiguous + get);
      answer(one, ok);
    });
    expect(one.instance.sent).toStartWith("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nX-Forwarded-For: ");
    expect(one.instance.sent.split("HTTP/1.1").length).toBe(2);
    expect(one.client.sent).toBe(passed.replace("keep-alive", "close"));
    expect([one.client.calls, one.instance.calls, one.idleCount()]).toEqual([["shutdown"], ["end"], 0]);
    expect(heard.map(({ status, reason, desync }) => [status, reason, desync])).toEqual([
      [200, undefined, "DuplicateContentLength"],
    ]);
    expect([...one.counters.desync]).toEqual([["DuplicateContentLength", 1]]);
  });

  test("an ambiguous WebSocket handshake is a plain request: its connections close behind the answer", () => {
    const handshake = (lines: string) =>
      `GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n${lines}\r\n`;
    const switching = "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    const good = bench();
    // Acceptable, and a handshake as good as any.
    say(good, handshake("Content-Length: 0\r\n"));
    expect(good.instance.sent).toContain("Upgrade: websocket\r\n");
    answer(good, switching);
    expect([good.client.sent.slice(0, 13), good.outstanding()]).toEqual(["HTTP/1.1 101 ", 1]);

    const one = bench();
    say(one, handshake("Content-Length: 0\r\nContent-Length: 0\r\n"));
    expect(one.counters.desync.get("DuplicateContentLength")).toBe(1);
    expect(one.instance.sent).not.toContain("pgrade");
    answer(one, switching);
    expect([one.client.sent, one.client.calls]).toEqual([closed("502 BAD_GATEWAY"), ["shutdown"]]);
  });

  test("acceptable: served, and both connections live on", () => {
    const one = bench();
    say(one, acceptable);
    answer(one, ok);
    expect(one.instance.sent).toStartWith("GET /a%20b HTTP/1.1\r\n");
    expect([one.client.sent, one.idleCount(), one.counters.desync.get("SpaceInUri")]).toEqual([passed, 1, 1]);
  });

  test("severe: refused, and the reason is on the record", () => {
    const one = bench();
    const [outcome] = outcomesOf(() => say(one, severe + get));
    expect([one.client.sent, one.client.calls, one.instance.sent]).toEqual([
      closed("400 BAD_REQUEST"),
      ["shutdown"],
      "",
    ]);
    expect(outcome).toMatchObject({ status: 400, reason: "desyncBlocked", desync: "BadHeader", instance: undefined });
    expect(outcome?.receivedBytes).toBe(severe.length);
    expect(one.counters.reasons.get("desyncBlocked")).toBe(1);
  });

  test("strictest blocks whatever isn't compliant, monitor nothing", () => {
    for (const request of [acceptable, ambiguous, severe]) {
      const strict = benchOf({ desyncMitigationMode: "strictest" });
      say(strict, request);
      expect(strict.client.sent).toBe(closed("400 BAD_REQUEST"));
      const lax = benchOf({ desyncMitigationMode: "monitor" });
      say(lax, request);
      answer(lax, ok);
      // What speaks of a body in two ways isn't trusted with another request, in any mode.
      const expected = request === ambiguous ? [passed.replace("keep-alive", "close"), 0] : [passed, 1];
      expect([lax.client.sent, lax.idleCount()]).toEqual(expected);
      expect([...lax.counters.desync.values(), ...strict.counters.desync.values()]).toEqual([1, 1]);
    }
  });

  test("what no mode can serve is refused for its own reason, and its reason for desync is kept beside it", () => {
    for (const desyncMitigationMode of ["monitor", "defensive"] as const) {
      const one = benchOf({ desyncMitigationMode });
      const [outcome] = outcomesOf(() => say(one, "GET /a b HTTP/1.1\r\n\r\n"));
      expect(outcome).toMatchObject({ status: 400, reason: "badRequest", desync: "SpaceInUri" });
    }
  });

  test("a compliant request has none", () => {
    const one = bench();
    const [outcome] = outcomesOf(() => {
      say(one, get);
      answer(one, ok);
    });
    expect(outcome).toEqual({
      loadBalancer: "web",
      status: 200,
      reason: undefined,
      desync: undefined,
      instance: "i-1",
      receivedBytes: get.length,
      sentBytes: passed.length,
      startedMs: outcome?.startedMs ?? -1,
    });
    expect(one.counters.desync.size).toBe(0);
  });

  test("an odd request leaves nothing on the next one", () => {
    const one = bench();
    const heard = outcomesOf(() => {
      say(one, acceptable + get);
      answer(one, ok);
      answer(one, ok);
    });
    expect(heard.map(({ desync }) => desync)).toEqual(["SpaceInUri", undefined]);
  });
});

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

describe("a listener that drains", () => {
  const later = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
  const keepAlive = later.replace("\r\n\r\n", "\r\nConnection: keep-alive\r\n\r\n");

  test("an answer whose head promised to keep the connection comes whole, then our FIN", () => {
    const one = bench();
    say(one, get);
    answer(one, `${later}so`);
    one.drain();
    expect([one.client.sent, one.client.calls]).toEqual([`${keepAlive}so`, []]);
    answer(one, "on");
    expect([one.client.sent, one.client.calls]).toEqual([`${keepAlive}soon`, ["shutdown"]]);
    // A request that crosses our FIN: a close would have reset the connection, and lost the answer.
    say(one, get);
    expect([one.client.calls, one.instance.sent.split("GET").length - 1]).toEqual([["shutdown"], 1]);
    one.transport.endOfInput();
    expect([one.client.calls, one.live.size]).toEqual([["shutdown", "end"], 0]);
  });

  test("a request that the client had sent behind it is served as the last", () => {
    const one = bench();
    say(one, get + get + get);
    answer(one, `${later}so`);
    one.drain();
    answer(one, "on");
    expect(one.client.calls).toEqual([]);
    answer(one, `${later}last`);
    expect(one.client.sent).toBe(`${keepAlive}soon${keepAlive.replace("keep-alive", "close")}last`);
    expect([one.client.calls, one.instance.sent.split("GET").length - 1]).toEqual([["shutdown"], 2]);
  });

  // Not a full close: what of the last answer is still on its way would be lost to a reset.
  test("nothing under way: FIN at once, and the end when the client has ended too", () => {
    const one = bench();
    say(one, get);
    answer(one, ok);
    one.drain();
    expect([one.client.calls, one.live.size]).toEqual([["shutdown"], 1]);
    one.transport.endOfInput();
    expect([one.client.calls, one.live.size]).toEqual([["shutdown", "end"], 0]);
  });
});

describe("a slow body", () => {
  const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
  const slow: Partial<Attributes> = { requestBodyTimeout: 2, requestBodyRate: 10 };

  test("is cut when it falls behind its rate, however it trickles", () => {
    withFakeTime((time) => {
      const one = benchOf(slow);
      say(one, post);
      // 5 bytes a second: behind the rate after about 4 s, 2 of them given and the others earned by 20 bytes.
      for (let index = 0; index < 17; index++) {
        pass(time, 200);
        say(one, "x");
      }
      expect(one.client.sent).toBe("");
      pass(time, 600);
      expect([one.client.sent, one.instance.calls]).toEqual([closed("408 REQUEST_TIMEOUT"), ["terminate"]]);
      expect(one.counters.reasons.get("requestBodyTimeout")).toBe(1);
      one.dispose();
    });
  });

  test("that keeps up goes on", () => {
    withFakeTime((time) => {
      const one = benchOf(slow);
      say(one, post);
      for (let index = 0; index < 100; index++) {
        pass(time, 500);
        say(one, "xxxxxx");
      }
      expect([one.client.sent, one.instance.calls]).toEqual(["", []]);
      one.dispose();
    });
  });

  test("has no end without a rate, but for silence", () => {
    withFakeTime((time) => {
      const one = benchOf({ requestBodyTimeout: 2, requestBodyRate: 0 });
      say(one, post);
      for (let index = 0; index < 20; index++) {
        pass(time, 50_000);
        say(one, "x");
      }
      expect(one.client.sent).toBe("");
      pass(time, 61_000);
      expect(one.client.sent).toBe(closed("408 REQUEST_TIMEOUT"));
      one.dispose();
    });
  });

  test("isn't the client's fault while its instance takes nothing", () => {
    withFakeTime((time) => {
      const one = benchOf(slow);
      one.instance.room = 0;
      say(one, `${post}xxxxx`);
      expect(one.client.calls).toEqual(["pause"]);
      pass(time, 30_000);
      expect(one.client.sent).toBe("");
      one.instance.room = Number.POSITIVE_INFINITY;
      one.backend.transport.flush();
      pass(time, 2000);
      expect(one.client.sent).toBe("");
      pass(time, 1000);
      expect(one.client.sent).toBe(closed("408 REQUEST_TIMEOUT"));
      one.dispose();
    });
  });

  test("leaves an answer that has begun alone", () => {
    withFakeTime((time) => {
      const one = benchOf(slow);
      say(one, post);
      answer(one, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
      pass(time, 3000);
      expect([one.client.calls, [...one.counters.reasons]]).toEqual([[], []]);
      one.dispose();
    });
  });
});

describe("what keeps nothing alive", () => {
  test("empty lines before a request", () => {
    withFakeTime((time) => {
      const one = bench();
      for (let index = 0; index < 10 && !one.client.isGone; index++) {
        pass(time, 20_000);
        if (!one.client.isGone) say(one, "\r\n");
      }
      expect(one.client.calls).toEqual(["shutdown", "end"]);
      one.dispose();
    });
  });

  test("what a client sends ahead of its answer", () => {
    withFakeTime((time) => {
      const one = bench();
      say(one, get);
      for (let index = 0; index < 4; index++) {
        pass(time, 16_000);
        say(one, "x");
      }
      expect(one.client.sent).toStartWith("HTTP/1.1 504 ");
      one.dispose();
    });
  });

  test("a request head that trickles", () => {
    withFakeTime((time) => {
      const one = benchOf({ requestHeadTimeout: 5 });
      for (let index = 0; index < 60 && one.client.sent === ""; index++) {
        say(one, index === 0 ? "G" : index === 1 ? "ET / HTTP/1.1\r\nX: " : "x");
        pass(time, 100);
      }
      expect(one.client.sent).toBe(closed("408 REQUEST_TIMEOUT"));
      one.dispose();
    });
  });

  // What was taken is seen at the next look, at most one idle timeout later; it must not be seen at the look behind that.
  test.each([0, 1, 50, 99])("what a WebSocket client took before it fell silent, at %d ms behind a tick", (phaseMs) => {
    withFakeTime((time) => {
      time.nowMs = 100 * Math.ceil(time.nowMs / 100) + phaseMs;
      tickDeadlines();
      const one = bench();
      say(one, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
      answer(one, "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
      one.client.room = 0;
      answer(one, "x".repeat(10));
      for (let index = 0; index < 6; index++) {
        pass(time, 50_000);
        one.client.room = 1;
        one.transport.flush();
      }
      expect(one.client.isGone).toBe(false);
      pass(time, 121_000);
      expect([one.client.isGone, one.outstanding()]).toEqual([true, 0]);
    });
  });

  test("but a client that takes a part of its answer isn't silent", () => {
    withFakeTime((time) => {
      const one = bench();
      one.client.room = 10;
      say(one, get);
      answer(one, ok);
      for (let index = 0; index < 5; index++) {
        pass(time, 50_000);
        one.client.room = 5;
        one.transport.flush();
      }
      expect(one.client.isGone).toBe(false);
      pass(time, 121_000);
      expect(one.client.isGone).toBe(true);
      one.dispose();
    });
  });
});

describe("HTTP/0.9", () => {
  test("the answer is its body alone, then the end", () => {
    const one = bench();
    say(one, "GET /page\r\n");
    expect(one.instance.sent).toStartWith("GET /page HTTP/1.1\r\nHost: 192.0.2.1\r\n");
    answer(one, ok);
    expect([one.client.sent, one.client.calls]).toEqual(["hi", ["shutdown"]]);
  });

  test("our own answers are the end alone, but for a refusal", () => {
    withFakeTime((time) => {
      const one = bench();
      const [outcome] = outcomesOf(() => {
        say(one, "GET /page\r\n");
        pass(time, 61_000);
      });
      expect([one.client.sent, one.client.calls[0], outcome?.reason]).toEqual(["", "shutdown", "backendTimeout"]);
      one.dispose();
    });
    const strict = benchOf({ desyncMitigationMode: "strictest" });
    say(strict, "GET /page\r\n");
    expect(strict.client.sent).toBe(closed("400 BAD_REQUEST"));
  });
});

describe("an instance whose answer can't be read", () => {
  test("gets the client a 502 when nothing was sent, and a cut when something was", () => {
    const early = bench();
    say(early, get);
    answer(early, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx");
    expect(early.client.sent).toStartWith("HTTP/1.1 502 BAD_GATEWAY\r\n");
    const late = bench();
    say(late, get);
    answer(late, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    answer(late, "x");
    expect(late.client.calls).toEqual(["terminate"]);
    expect([early, late].map(({ counters }) => counters.reasons.get("badResponseBody"))).toEqual([1, 1]);
  });
});

describe("nothing is left behind", () => {
  test("a client that ends while it owes a body", () => {
    const one = bench();
    say(one, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    one.transport.endOfInput();
    expect([one.client.sent.slice(0, 13), one.instance.calls, one.outstanding(), one.live.size]).toEqual([
      "HTTP/1.1 408 ",
      ["terminate"],
      0,
      0,
    ]);
  });

  test("a client that does not read its answer, after the idle timeout", () => {
    withFakeTime((time) => {
      const one = bench();
      one.client.room = 10;
      say(one, get);
      answer(one, ok);
      pass(time, 61_000);
      expect([one.client.isGone, one.live.size, one.outstanding()]).toEqual([true, 0, 0]);
      one.dispose();
    });
  });

  // A half-closed client that never reads: no deadline may be given up while the socket lives.
  test.each([
    ["before its answer", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true],
    ["behind its answer", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false],
  ])("a client that ended %s and does not read it, after the idle timeout", (_, request, endsFirst) => {
    withFakeTime((time) => {
      const one = bench();
      one.client.room = 10;
      say(one, request);
      if (endsFirst) one.transport.endOfInput();
      answer(one, ok);
      if (!endsFirst) one.transport.endOfInput();
      pass(time, 130_000);
      expect(one.client.isGone).toBe(true);
      one.dispose();
    });
  });

  test("an instance that keeps silent, for a client that does not read", () => {
    withFakeTime((time) => {
      const one = bench();
      one.client.room = 0;
      say(one, get);
      for (let tick = 0; tick < 700 && !one.counters.reasons.has("backendTimeout"); tick++) pass(time, 100);
      expect(one.counters.reasons.get("backendTimeout")).toBe(1);
      // The answer of ours waits for the client; the idle timeout must still come for it.
      expect([one.client.isGone, countArmedDeadlines(), time.timers]).toEqual([false, 1, 1]);
      one.dispose();
    });
  });

  test("a session that is aborted while its instance takes no more of a body", () => {
    const one = benchOf({ requestBodyTimeout: 1 });
    one.instance.room = 0;
    say(one, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    one.session.abort();
    expect([one.client.calls.at(-1), countArmedDeadlines(), one.outstanding()]).toEqual(["terminate", 0, 0]);
  });

  test("a session that is aborted in the middle", () => {
    for (const text of ["", "GE", get, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"]) {
      const one = bench();
      if (text !== "") say(one, text);
      one.session.abort();
      one.session.abort();
      expect([one.client.calls, one.live.size, one.outstanding()]).toEqual([["terminate"], 0, 0]);
    }
  });
});

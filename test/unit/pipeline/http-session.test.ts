// A session on kept connections: requests and responses at every split, and the ends that must leave nothing behind.
import { describe, expect, test } from "bun:test";
import { countArmedDeadlines } from "../../../src/net/deadlines.ts";
import { passTime as pass, withFakeTime } from "../net/fake-time.ts";
import { expectAtEverySplit, type Pieces } from "../parse/http1/splits.ts";
import {
  answer,
  benchesOf,
  closed,
  get,
  makeSessionBench,
  ok,
  outcomesOf,
  passed,
  say,
  useBenches,
} from "./session-bench.ts";

const bench = useBenches();
const benchOf = benchesOf(bench);

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

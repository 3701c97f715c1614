// A session and time: bodies that fall behind, and what doesn't count as a sign of life.
import { describe, expect, test } from "bun:test";
import type { Attributes } from "../../../src/model/attributes.ts";
import { tickDeadlines } from "../../../src/net/deadlines.ts";
import { passTime as pass, withFakeTime } from "../net/fake-time.ts";
import { answer, benchesOf, closed, get, ok, say, useBenches } from "./session-bench.ts";

const bench = useBenches();
const benchOf = benchesOf(bench);

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

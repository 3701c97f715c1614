// A session and desync mitigation: what each mode does with a request, and what becomes of both connections.
import { describe, expect, test } from "bun:test";
import { answer, benchesOf, closed, get, ok, outcomesOf, passed, say, useBenches } from "./session-bench.ts";

const bench = useBenches();
const benchOf = benchesOf(bench);

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
      clientAddress: "203.0.113.7",
      clientPort: 50_000,
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

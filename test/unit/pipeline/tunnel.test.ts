// A WebSocket behind its handshake, on sockets that are not there: every split of the bytes, valves, time, and the ends.
import { afterEach, describe, expect, test } from "bun:test";
import { countArmedDeadlines, tickDeadlines } from "../../../src/net/deadlines.ts";
import { type Outcome, observeOutcomes } from "../../../src/observe/outcomes.ts";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { type FakeTime, withFakeTime } from "../net/fake-time.ts";
import { expectAtEverySplit, type Pieces } from "../parse/http1/splits.ts";
import { makeSessionBench, type SessionBench } from "./session-bench.ts";

const handshake = "GET /s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const asked =
  "GET /s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: http\r\n" +
  "X-Forwarded-Port: 8080\r\nConnection: upgrade\r\n\r\n";
const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";

const benches: Array<SessionBench> = [];
const heard: Array<Outcome> = [];
let stopObserving = (): void => {};
const bench = (): SessionBench => {
  const made = makeSessionBench();
  benches.push(made);
  heard.length = 0;
  stopObserving();
  stopObserving = observeOutcomes((outcome) => heard.push(outcome));
  return made;
};
afterEach(() => {
  stopObserving();
  for (const one of benches.splice(0)) one.dispose();
  expect(countArmedDeadlines()).toBe(0);
});

const say = (one: SessionBench, text: string): void => one.transport.receiver.onBytes(bytesOf(text));
const answer = (one: SessionBench, text: string): void => one.backend.transport.receiver.onBytes(bytesOf(text));
/** A bench whose tunnel is open. */
const open = (): SessionBench => {
  const one = bench();
  say(one, handshake);
  answer(one, switching);
  return one;
};
const pass = (time: FakeTime, ms: number): void => {
  for (const endMs = time.nowMs + ms; time.nowMs < endMs; ) {
    time.nowMs += 100;
    tickDeadlines();
  }
};
/** That nothing is left of the tunnel, and how it was accounted. */
const expectOver = (one: SessionBench, reason: Outcome["reason"]): void => {
  expect([one.live.size, one.outstanding(), one.idleCount(), one.counters.answers[1]]).toEqual([0, 0, 0, 1]);
  expect(heard.map((outcome) => [outcome.status, outcome.reason])).toEqual([[101, reason]]);
};

describe("at every split", () => {
  const frames = "\x81\x85GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const told = (one: SessionBench): string =>
    `${one.instance.sent} | ${one.client.sent} | ${one.counters.receivedBytes} in, ${one.counters.sentBytes} out`;

  test("of what the client sends: all that stands behind the handshake reaches the instance as it is", () => {
    const expected = `${asked}${frames} | ${switching} | ${handshake.length + frames.length} in, ${switching.length} out`;
    for (const isEarly of [false, true]) {
      const converse = (pieces: Pieces): string => {
        const one = makeSessionBench();
        let isAnswered = false;
        for (const piece of pieces) {
          one.transport.receiver.onBytes(piece);
          if (isEarly || isAnswered || one.instance.sent !== asked) continue;
          isAnswered = true;
          answer(one, switching);
        }
        if (isEarly) answer(one, switching);
        const text = told(one);
        one.dispose();
        return text;
      };
      expectAtEverySplit(handshake + frames, converse, expected);
    }
  });

  test("of what the instance sends: the head as it should be, and all behind it as it is", () => {
    const frame = "\x81\x02hiHTTP/1.1 200 OK\r\n\r\n";
    const total = switching.length + frame.length;
    const converse = (pieces: Pieces): string => {
      const one = makeSessionBench();
      say(one, handshake);
      for (const piece of pieces) one.backend.transport.receiver.onBytes(piece);
      const text = told(one);
      one.dispose();
      return text;
    };
    expectAtEverySplit(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: x, upgrade\r\nUpgrade: websocket\r\n\r\n${frame}`,
      converse,
      `${asked} | ${switching}${frame} | ${handshake.length} in, ${total} out`,
    );
  });
});

describe("a stalled end", () => {
  test("stops the other until it has taken all, either way", () => {
    const one = open();
    one.instance.room = 2;
    say(one, "abc");
    expect(one.client.calls).toEqual(["pause"]);
    one.client.room = 1;
    answer(one, "xyz");
    expect(one.instance.calls).toEqual(["pause"]);
    one.instance.room = 9;
    one.backend.transport.flush();
    expect(one.client.calls).toEqual(["pause", "resume"]);
    one.client.room = 9;
    one.transport.flush();
    expect([one.instance.calls, one.instance.sent, one.client.sent]).toEqual([
      ["pause", "resume"],
      `${asked}abc`,
      `${switching}xyz`,
    ]);
  });

  test("an instance that doesn't take what was sent early stops the client", () => {
    const one = bench();
    say(one, `${handshake}early`);
    one.instance.room = 3;
    answer(one, switching);
    expect(one.client.calls).toEqual(["pause"]);
    one.instance.room = 9;
    one.backend.transport.flush();
    expect([one.client.calls, one.instance.sent]).toEqual([["pause", "resume"], `${asked}early`]);
  });

  test("a client that sent more ahead than is read is read again", () => {
    const one = bench();
    say(one, `${handshake}${"x".repeat(100_000)}`);
    expect(one.client.calls).toEqual(["pause"]);
    answer(one, switching);
    expect([one.client.calls, one.instance.sent.length]).toEqual([["pause", "resume"], asked.length + 100_000]);
  });

  test("a client that hasn't taken the 101 stops its instance", () => {
    const one = bench();
    say(one, handshake);
    one.client.room = 10;
    answer(one, switching);
    expect(one.instance.calls).toEqual(["pause"]);
    one.client.room = 1000;
    one.transport.flush();
    expect([one.instance.calls, one.client.sent]).toEqual([["pause", "resume"], switching]);
  });

  test("a chunk that was on its way when the valve shut is kept behind the first, and opens it no sooner", () => {
    const one = open();
    one.instance.room = 0;
    say(one, "abc");
    say(one, "def");
    expect(one.client.calls).toEqual(["pause"]);
    one.instance.room = 6;
    one.backend.transport.flush();
    expect([one.client.calls, one.instance.sent]).toEqual([["pause", "resume"], `${asked}abcdef`]);
  });
});

describe("time", () => {
  test("silence both ways for the idle timeout closes both ends with FIN", () => {
    withFakeTime((time) => {
      const one = open();
      pass(time, 59_000);
      expect(one.client.calls).toEqual([]);
      pass(time, 2000);
      expect([one.client.calls, one.instance.calls]).toEqual([["end"], ["end"]]);
      expectOver(one, "idle");
    });
  });

  test.each([
    ["client", (one: SessionBench) => say(one, "x")],
    ["instance", (one: SessionBench) => answer(one, "x")],
  ] as const)("bytes of the %s begin it anew", (_, speak) => {
    withFakeTime((time) => {
      const one = open();
      for (let round = 0; round < 4; round++) {
        pass(time, 50_000);
        speak(one);
      }
      expect([one.client.calls, one.instance.calls]).toEqual([[], []]);
      pass(time, 61_000);
      expectOver(one, "idle");
    });
  });

  test.each(["client", "instance"] as const)("a stalled %s that takes some now and then isn't silent", (which) => {
    withFakeTime((time) => {
      const one = open();
      const isClient = which === "client";
      const [socket, transport] = isClient ? [one.client, one.transport] : [one.instance, one.backend.transport];
      socket.room = 0;
      if (isClient) answer(one, "x".repeat(10));
      else say(one, "x".repeat(10));
      for (let round = 0; round < 6; round++) {
        pass(time, 50_000);
        socket.room = 1;
        transport.flush();
      }
      expect(socket.calls).toEqual([]);
      // It takes no more. What it has isn't whole, and a FIN would say so.
      pass(time, 121_000);
      expect([one.client.calls.at(-1), one.instance.calls.at(-1)]).toEqual(
        isClient ? ["terminate", "end"] : ["end", "terminate"],
      );
      expectOver(one, "idle");
    });
  });

  test("an end that was stalled and is no more has no more time than any other", () => {
    withFakeTime((time) => {
      const one = open();
      one.client.room = 0;
      answer(one, "x");
      pass(time, 1000);
      one.client.room = 1;
      one.transport.flush();
      pass(time, 59_000);
      expect(heard).toEqual([]);
      pass(time, 2000);
      expectOver(one, "idle");
    });
  });

  test("two that are stalled on each other, each taking nothing: closed", () => {
    withFakeTime((time) => {
      const one = open();
      one.client.room = 0;
      one.instance.room = 0;
      say(one, "x");
      answer(one, "y");
      pass(time, 121_000);
      expect([one.client.calls.at(-1), one.instance.calls.at(-1)]).toEqual(["terminate", "terminate"]);
      expectOver(one, "idle");
    });
  });
});

describe("the ends", () => {
  test("a FIN goes on behind what came before it, and the other way still flows", () => {
    const one = open();
    say(one, "last");
    one.transport.endOfInput();
    answer(one, "more");
    expect([one.instance.calls, one.instance.sent, one.client.sent]).toEqual([
      ["shutdown"],
      `${asked}last`,
      `${switching}more`,
    ]);
    one.backend.transport.endOfInput();
    expect(one.client.calls).toEqual(["shutdown"]);
    one.backend.transport.gone(undefined);
    expect(heard).toEqual([]);
    one.transport.gone(undefined);
    expectOver(one, undefined);
  });

  test("a FIN before the 101 goes on behind what was sent early", () => {
    const one = bench();
    say(one, `${handshake}early`);
    one.transport.endOfInput();
    expect(one.instance.calls).toEqual([]);
    answer(one, switching);
    expect([one.instance.calls, one.instance.sent]).toEqual([["shutdown"], `${asked}early`]);
    answer(one, "heard");
    expect(one.client.sent).toBe(`${switching}heard`);
  });

  test("a FIN waits for a stalled end", () => {
    const one = open();
    one.instance.room = 0;
    say(one, "last");
    one.transport.endOfInput();
    expect(one.instance.calls).toEqual([]);
    one.instance.room = 9;
    one.backend.transport.flush();
    expect([one.instance.calls, one.instance.sent]).toEqual([["shutdown"], `${asked}last`]);
  });

  test.each([
    ["client", "clientReset"],
    ["instance", "responseCut"],
  ] as const)("a reset of the %s is a reset for the other", (which, reason) => {
    const one = open();
    const [from, to] = which === "client" ? [one.transport, one.instance] : [one.backend.transport, one.client];
    from.gone({ code: "ECONNRESET" });
    expect(to.calls).toEqual(["terminate"]);
    expectOver(one, reason);
  });

  test("whoever ends the session cuts both, and accounts it once", () => {
    const one = open();
    say(one, "abc");
    one.session.drain();
    answer(one, "def");
    expect([one.client.calls, one.instance.calls]).toEqual([[], []]);
    one.session.abort();
    expect([one.client.calls, one.instance.calls]).toEqual([["terminate"], ["terminate"]]);
    expectOver(one, "shutdown");
    expect(heard[0]).toMatchObject({
      receivedBytes: handshake.length + 3,
      sentBytes: switching.length + 3,
      instance: expect.any(String),
    });
    one.session.abort();
    expect(heard.length).toBe(1);
  });
});

// When a request is sent again: only where no instance can have acted on it, or where acting twice does no harm, and once.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { joinMaxBytes } from "../../../src/pipeline/chunk-writer.ts";
import { answer, outcomesOf, type SessionBench, say, useBenches } from "./session-bench.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const head = (method: string, length: number): string =>
  `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
const chunkedHead = (method: string): string => `${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const passed = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi";
const gatewayTimeout = "HTTP/1.1 504 GATEWAY_TIMEOUT\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";

const bench = useBenches();

/** What reaches an instance when nothing goes wrong. */
const sentFor = (...texts: ReadonlyArray<string>): string => {
  const one = bench();
  for (const text of texts) say(one, text);
  expect(one.dials.length).toBe(0);
  return one.instance.sent;
};

/** The instance speaks on connection number `index` of those that were asked for. */
const answerOn = (one: SessionBench, index: number, text: string): void =>
  one.dials[index]?.transport.receiver.onBytes(bytesOf(text));

const ends = {
  close: ({ transport }: Pick<SessionBench, "transport">) => transport.endOfInput(),
  reset: ({ transport }: Pick<SessionBench, "transport">) => transport.gone({ code: "ECONNRESET" }),
};

describe("a connection on which no byte could be written", () => {
  const gone = (): SessionBench => {
    const one = bench();
    one.instance.isGone = true;
    return one;
  };

  // Nothing can have been done, so nothing can be done twice: whatever the method.
  test.each([
    ["a request without a body", [get]],
    ["a POST without a body", [head("POST", 0)]],
    ["a body that is whole", [`${head("POST", 3)}abc`]],
    ["a body with a request behind it", [`${head("POST", 3)}abc${get}`]],
    ["a body of which a part has come", [`${head("POST", 5)}abc`, "de"]],
    ["a body that is yet to come", [head("POST", 5), "abcde"]],
    ["chunks that are yet to come", [chunkedHead("POST"), "3\r\nabc\r\n0\r\n\r\n"]],
  ])("%s goes out on another, whole", (_, [first = "", ...rest]) => {
    for (const waits of [true, false]) {
      const one = gone();
      const [outcome] = outcomesOf(() => {
        say(one, first);
        expect([one.client.sent, one.instance.sent, one.instance.calls]).toEqual(["", "", ["terminate"]]);
        expect([one.dials.length, one.outstanding(), one.idleCount()]).toEqual([1, 1, 0]);
        // What comes of its body meanwhile waits with it.
        if (waits) for (const text of rest) say(one, text);
        one.dials[0]?.answer();
        if (!waits) for (const text of rest) say(one, text);
        expect(one.dials[0]?.socket.sent).toBe(sentFor(first, ...rest));
        answerOn(one, 0, ok);
      });
      expect([one.client.sent, one.counters.answers[2], one.dials.length]).toEqual([passed, 1, 1]);
      const requestBytes = [first, ...rest].join("").length - (first.endsWith(`abc${get}`) ? get.length : 0);
      expect(outcome).toMatchObject({ status: 200, reason: undefined, receivedBytes: requestBytes });
    }
  });

  test.each([get, `${head("POST", 3)}abc`, head("POST", 5)])("%j is sent again once, and no third time", (request) => {
    const one = gone();
    const [outcome] = outcomesOf(() => {
      say(one, request);
      const [dial] = one.dials;
      expect(one.dials.length).toBe(1);
      if (dial !== undefined) dial.socket.isGone = true;
      dial?.answer();
    });
    expect([one.client.sent.slice(0, 13), one.dials.length, one.outstanding()]).toEqual(["HTTP/1.1 504 ", 1, 0]);
    expect(outcome).toMatchObject({ status: 504, reason: "backendClosed" });
  });

  test("when no other can be had either, the client is told so", () => {
    const one = gone();
    say(one, `${head("POST", 3)}abc`);
    one.dials[0]?.refuse("connectTimeout");
    expect([one.client.sent, one.outstanding()]).toEqual([gatewayTimeout, 0]);
  });

  test("the next request of the same client may be sent again too", () => {
    const one = gone();
    for (let round = 0; round < 3; round++) {
      say(one, get);
      const dial = one.dials[round];
      dial?.answer();
      answerOn(one, round, ok);
      expect([one.dials.length, one.idleCount()]).toEqual([round + 1, 1]);
      if (dial !== undefined) dial.socket.isGone = true;
    }
    expect(one.client.sent).toBe(passed.repeat(3));
  });

  test("a client that leaves meanwhile takes the dial with it", () => {
    const one = gone();
    say(one, get);
    one.session.abort();
    expect([one.dials[0]?.isCancelled, one.outstanding()]).toEqual([true, 0]);
  });
});

describe("a connection on which a part may have been written", () => {
  const body = "x".repeat(joinMaxBytes + 1);
  const large = (lines: string): string => `PUT / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;

  // A method that may be repeated, on a connection that had waited: it is the body alone that forbids it.
  test.each([
    ["a body by length", large(`Content-Length: ${body.length}\r\n`), body],
    ["a body by length, with more to come", large(`Content-Length: ${body.length + 1}\r\n`), body],
    ["a coded body by length", large(`Transfer-Encoding: gzip\r\nContent-Length: ${body.length}\r\n`), body],
    ["chunks", large("Transfer-Encoding: chunked\r\n"), `${chunk}0\r\n\r\n`],
    ["chunks, with more to come", large("Transfer-Encoding: chunked\r\n"), chunk],
  ])("%s: the head was written and the body was not: never again", (_, requestHead, sent) => {
    for (const end of [ends.close, ends.reset]) {
      const one = bench();
      one.instance.writesLeft = 1;
      const [outcome] = outcomesOf(() => {
        say(one, requestHead + sent);
        expect(one.instance.writes.length).toBe(1);
        expect(one.instance.sent).toStartWith("PUT / HTTP/1.1\r\n");
        expect([one.dials.length, one.client.sent]).toEqual([0, ""]);
        end(one.backend);
      });
      expect([one.client.sent.slice(0, 13), one.dials.length, one.outstanding()]).toEqual(["HTTP/1.1 504 ", 0, 0]);
      expect(outcome).toMatchObject({ status: 504, reason: "backendClosed" });
    }
  });
});

describe("a connection that ends before its answer", () => {
  const repeatable = [get, head("PUT", 0), head("PUT", 5), "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"];
  const rest = (request: string): string => (request === head("PUT", 5) ? "abcde" : "");

  describe.each(Object.entries(ends))("by a %s", (_, end) => {
    test.each(repeatable)("had it waited, %j is sent again once", (request) => {
      const one = bench();
      say(one, request);
      end(one.backend);
      expect([one.dials.length, one.client.sent]).toEqual([1, ""]);
      one.dials[0]?.answer();
      if (rest(request) !== "") say(one, rest(request));
      expect(one.dials[0]?.socket.sent).toBe(sentFor(request + rest(request)));
      answerOn(one, 0, ok);
      expect([one.client.sent, one.dials.length]).toEqual([passed, 1]);
    });

    test("and when that ends as well, no third time", () => {
      const one = bench();
      say(one, get);
      end(one.backend);
      one.dials[0]?.answer();
      if (one.dials[0] !== undefined) end(one.dials[0]);
      expect([one.client.sent, one.dials.length, one.outstanding()]).toEqual([gatewayTimeout, 1, 0]);
    });

    test.each([
      ["its method", "POST / HTTP/1.1\r\nHost: a\r\n\r\n"],
      ["its method, which nobody knows", "get / HTTP/1.1\r\nHost: a\r\n\r\n"],
      ["its body, of which a part was sent", `${head("PUT", 5)}a`],
      ["its body, which was sent", `${head("PUT", 5)}abcde`],
      ["its chunks", `${chunkedHead("PUT")}3\r\nabc\r\n0\r\n\r\n`],
    ])("had it waited, for %s a request isn't sent again", (_why, request) => {
      const one = bench();
      say(one, request);
      end(one.backend);
      expect([one.client.sent.slice(0, 13), one.dials.length, one.outstanding()]).toEqual(["HTTP/1.1 504 ", 0, 0]);
    });

    const early = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n";
    test.each([
      ["that the client has got", get, early, early],
      ["that was for us", get, "HTTP/1.1 100 Continue\r\n\r\n", ""],
      ["that the client can't read", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", early, ""],
    ])("had it waited, behind an interim answer %s no request is sent again", (_which, request, interim, told) => {
      const one = bench();
      say(one, request);
      answer(one, interim);
      end(one.backend);
      expect([one.client.sent, one.dials.length, one.outstanding()]).toEqual([told + gatewayTimeout, 0, 0]);
    });

    test("a new one that ends at once: the request isn't sent again", () => {
      const one = bench();
      ends.close(one.backend);
      say(one, get);
      expect([one.dials.length, one.instance.sent]).toEqual([1, ""]);
      one.dials[0]?.answer();
      if (one.dials[0] !== undefined) end(one.dials[0]);
      expect([one.client.sent, one.dials.length, one.outstanding()]).toEqual([gatewayTimeout, 1, 0]);
    });
  });
});

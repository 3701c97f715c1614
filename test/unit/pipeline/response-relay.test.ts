// Responses on their way to the client: framed as it can read them, at every split, and never completed falsely.
// Long because it is a list: one short case for each framing of an answer and each reader of it.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { defaultHeadLimits } from "../../../src/parse/http1/limits.ts";
import { ResponseRelay, type ResponseTerms } from "../../../src/pipeline/response-relay.ts";
import { makeFakeTransport } from "../net/fake-socket.ts";
import { readChunked } from "../parse/http1/chunked-reader.ts";
import { expectAtEverySplit, type Pieces, wholeText } from "../parse/http1/splits.ts";

/** What a chunked stream of ours says, however it was cut into chunks. */
const unchunked = (text: string): string => readChunked()([bytesOf(text)]);

describe("a response", () => {
  interface Terms {
    readonly isHead?: boolean;
    readonly minorVersion?: number;
    readonly isBodyOnly?: boolean;
    readonly keeps?: boolean;
    readonly ends?: boolean;
  }

  const plainTerms: ResponseTerms = {
    isHead: false,
    minorVersion: 1,
    isBodyOnly: false,
    mayUpgrade: false,
    responseLimits: defaultHeadLimits,
    mayKeepAlive: () => true,
    policies: undefined,
    changeResponse: () => undefined,
    writeOwnFields: () => {},
  };

  /** What the client got, and what became of both connections. */
  const relay =
    ({ isHead = false, minorVersion = 1, isBodyOnly = false, keeps = true, ends = false }: Terms = {}) =>
    (pieces: Pieces): string => {
      const response = new ResponseRelay();
      const { transport, socket } = makeFakeTransport();
      response.begin();
      let isOver = false;
      for (const piece of pieces) {
        // The session reads no more from a connection whose response is over; what comes then spoils it for others.
        if (isOver) break;
        const terms = { ...plainTerms, isHead, minorVersion, isBodyOnly, mayKeepAlive: () => keeps };
        response.receive(piece, transport, terms);
        isOver = response.isDone || response.fault !== undefined;
      }
      if (ends && !isOver) response.end(transport);
      expect(response.sentBytes).toBe(socket.sent.length);
      if (isBodyOnly) return `${socket.sent} ${response.isDone ? "done" : (response.fault ?? "more")}`;
      const [head = "", ...body] = socket.sent.split(/(?<=\r\n\r\n)(?!HTTP)/);
      const rest = body.join("");
      const said = /transfer-encoding: .*chunked/i.test(head) && !isHead && rest !== "" ? unchunked(rest) : rest;
      const words = [
        ...(response.isDone ? ["done"] : []),
        ...(response.fault === undefined ? [] : [response.fault]),
        ...(response.keepsClient ? ["keeps client"] : []),
        ...(response.keepsBackend ? ["keeps backend"] : []),
      ];
      return `${head.replaceAll("\r\n", "|")} ${said} ${words.join(", ")}`;
    };

  test("of a length", () => {
    const expected =
      "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive|| hello done, keeps client, keeps backend";
    expectAtEverySplit("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", relay(), expected);
  });

  test("with an empty body, and without one", () => {
    for (const [text, isHead] of [
      ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false],
      ["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", true],
      ["HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", false],
    ] as const) {
      const head = text.replace("\r\n\r\n", "\r\nConnection: keep-alive\r\n\r\n").replaceAll("\r\n", "|");
      expectAtEverySplit(text, relay({ isHead }), `${head}  done, keeps client, keeps backend`);
    }
    expectAtEverySplit(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      relay({ isHead: true }),
      "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: keep-alive||  done, keeps client, keeps backend",
    );
    expectAtEverySplit(
      "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
      relay(),
      "HTTP/1.1 204 No Content|Connection: keep-alive||  done, keeps client",
    );
  });

  // RFC 9110 §8.6, RFC 9112 §6.1: what its instance sends behind it, sooner or later, must not answer the next request.
  test("without a body that says that one follows ends the instance's connection", () => {
    const kept = "done, keeps client, keeps backend";
    const cases = [
      ["204 No Content\r\nContent-Length: 5", "done, keeps client"],
      ["204 No Content\r\nContent-Length: 0", kept],
      ["304 Not Modified\r\nContent-Length: 5", kept],
      ["304 Not Modified\r\nTransfer-Encoding: chunked", "done, keeps client"],
    ] as const;
    for (const [head, expected] of cases) {
      expect(relay()([bytesOf(`HTTP/1.1 ${head}\r\n\r\n`)])).toEndWith(`  ${expected}`);
    }
  });

  // RFC 9110 §8.6: no Content-Length in a 204 either; a client that counts would wait for bytes of the next response.
  test("204 goes on without a length", () => {
    const expected = "HTTP/1.1 204 No Content|Connection: keep-alive||  done, keeps client";
    expectAtEverySplit("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", relay(), expected);
  });

  test("in chunks", () => {
    const text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n";
    expectAtEverySplit(
      text,
      relay(),
      'HTTP/1.1 200 OK|Trailer: T|Transfer-Encoding: chunked|Connection: keep-alive|| "abcde" + "" done, keeps client, keeps backend',
    );
    expectAtEverySplit(
      text,
      relay({ minorVersion: 0 }),
      "HTTP/1.1 200 OK|Trailer: T|Connection: close|| abcde done, keeps backend",
    );
  });

  test("in chunks beside a length ends the instance's connection", () => {
    expectAtEverySplit(
      "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      relay(),
      'HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: keep-alive|| "a" + "" done, keeps client',
    );
  });

  test("with trailers takes them to clients that can read them", () => {
    const text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\n\r\n1\r\na\r\n0\r\nT: u\r\nHost: x\r\nX-Hop: y\r\n\r\n";
    const sent =
      (minorVersion: number) =>
      (pieces: Pieces): string => {
        const response = new ResponseRelay();
        const { transport, socket } = makeFakeTransport();
        response.begin();
        for (const piece of pieces) response.receive(piece, transport, { ...plainTerms, minorVersion });
        expect(response.isDone).toBe(true);
        return socket.sent;
      };
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n";
    expectAtEverySplit(text, sent(1), `${head}1\r\na\r\n0\r\nT: u\r\n\r\n`);
    expectAtEverySplit(text, sent(0), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na");
  });

  test("with other codings under chunked passes to clients that can read them", () => {
    const text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: GZip ,identity, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    const head = "HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked|Connection: keep-alive||";
    expectAtEverySplit(text, relay(), `${head} "a" + "" done, keeps client, keeps backend`);
    expectAtEverySplit(text, relay({ minorVersion: 0 }), "  badResponse");
    expectAtEverySplit(text, relay({ isBodyOnly: true }), " badResponse");
    // A HEAD request's answer has no body to be coded (RFC 9112 §6.1).
    const noBody = text.slice(0, text.indexOf("1\r\na"));
    expectAtEverySplit(noBody, relay({ isHead: true }), `${head}  done, keeps client, keeps backend`);
    expectAtEverySplit(
      noBody,
      relay({ isHead: true, minorVersion: 0 }),
      "HTTP/1.1 200 OK|Connection: keep-alive||  done, keeps client, keeps backend",
    );
  });

  // RFC 9112 §6.3: without chunked as the last coding, a response ends with its connection, whatever its length says.
  test("with other codings alone goes on in chunks when the instance has closed", () => {
    for (const length of ["", "Content-Length: 2\r\n"]) {
      const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: deflate, gzip\r\n${length}\r\nhello`;
      const head = "HTTP/1.1 200 OK|Transfer-Encoding: deflate, gzip, chunked|Connection: keep-alive||";
      expectAtEverySplit(text, relay({ ends: true }), `${head} "hello" + "" done, keeps client`);
      expectAtEverySplit(text, relay(), `${head} "hello"… keeps client`);
      expectAtEverySplit(text, relay({ minorVersion: 0 }), "  badResponse");
    }
  });

  test("with the coding that is none is framed by what else it says", () => {
    expectAtEverySplit(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na",
      relay(),
      "HTTP/1.1 200 OK|Content-Length: 1|Connection: keep-alive|| a done, keeps client, keeps backend",
    );
    expectAtEverySplit(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\na",
      relay({ ends: true }),
      "HTTP/1.1 200 OK|Connection: close|| a done",
    );
  });

  test("to HTTP/0.9 is its body alone", () => {
    for (const [text, ends] of [
      ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false],
      ["HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false],
      ["HTTP/1.1 404 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: u\r\n\r\n", false],
      ["HTTP/1.1 200 OK\r\n\r\nhello", true],
    ] as const) {
      for (const minorVersion of [0, 1]) {
        expectAtEverySplit(text, relay({ isBodyOnly: true, minorVersion, ends }), "hello done");
      }
    }
    expectAtEverySplit("HTTP/1.1 304 x\r\n\r\n", relay({ isBodyOnly: true }), " done");
    const { transport } = makeFakeTransport();
    const response = new ResponseRelay();
    response.begin();
    response.receive(bytesOf("HTTP/1.1 204 x\r\n\r\n"), transport, { ...plainTerms, isBodyOnly: true });
    expect([response.keepsClient, response.keepsBackend]).toEqual([false, true]);
  });

  test("from a sloppy instance goes on as a strict one", () => {
    const text = "HTTP/1.1 200 OK\nA : 1\n  2\nContent-Length : 5\r\n\nhello";
    const expected =
      "HTTP/1.1 200 OK|A: 1 2|Content-Length: 5|Connection: keep-alive|| hello done, keeps client, keeps backend";
    expectAtEverySplit(text, relay(), expected);
    expectAtEverySplit(`HTTP/1.1 103 E\nLink: a\n\n${text}`, relay(), `HTTP/1.1 103 E|Link: a||${expected}`);
  });

  // RFC 9112 §6.1: HTTP/1.0 has no chunks; a peer that sends them may have been misread, and its connection must end.
  test("in chunks from HTTP/1.0 ends the instance's connection", () => {
    expectAtEverySplit(
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      relay(),
      'HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: keep-alive|| "a" + "" done, keeps client',
    );
  });

  test("until close", () => {
    const text = "HTTP/1.1 200 OK\r\nA: 1\r\n\r\nhello";
    expectAtEverySplit(text, relay({ ends: true }), "HTTP/1.1 200 OK|A: 1|Connection: close|| hello done");
    expectAtEverySplit(text, relay(), "HTTP/1.1 200 OK|A: 1|Connection: close|| hello ");
  });

  test("cut short is not done", () => {
    const length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
    expectAtEverySplit(
      length,
      relay({ ends: true }),
      "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive|| hell keeps client, keeps backend",
    );
    expect(
      relay({ ends: true })([bytesOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")]),
    ).not.toContain("done");
    expectAtEverySplit("HTTP/1.1 200 OK\r\nA", relay({ ends: true }), "  ");
  });

  test("interim responses go to HTTP/1.1 clients, but for 100", () => {
    const text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\nConnection: y\r\n\r\nHTTP/1.0 102\n\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    const final = "HTTP/1.1 200 OK|Content-Length: 2|Connection: keep-alive|| hi done, keeps client, keeps backend";
    expectAtEverySplit(text, relay(), `HTTP/1.1 103 Early|Link: x||HTTP/1.1 102 ||${final}`);
    expectAtEverySplit(text, relay({ minorVersion: 0 }), final);
  });

  test.each([
    ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "badResponse"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 x\r\n\r\n", "badResponse"],
    ["SSH-2.0", "badResponse"],
    ["HTTP/1.1 200 OK\r\nA\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: br, chunked\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\n A: 1\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nA: 1\0\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nA: 1\rB: 2\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length : 2\r\n\r\n", "badResponse"],
    [`HTTP/1.1 200 OK\r\nA: 1\n${"A: 1\r\n".repeat(100)}`, "responseHeadTooLarge"],
    [`HTTP/1.1 200 OK\nA: ${"1".repeat(16 * 1024)}`, "responseHeadTooLarge"],
    [`HTTP/1.1 200 OK\r\n${"A: 1\r\n".repeat(101)}`, "responseHeadTooLarge"],
  ])("%p is %s, and the client gets nothing of it", (text, fault) => {
    const positions = text.length > 1000 ? [1, 10, 17, 18, 24, text.length - 1] : undefined;
    expectAtEverySplit(text, relay(), `  ${fault}`, positions);
  });

  test.each(["1\r\na\r\nX", "X", "1\r\na\r\n0\r\n A: 1\r\n\r\n", `0\r\n${"A: 1\r\n".repeat(101)}`])(
    "a broken chunk is told, never completed, and hides the head that came with it: %p",
    (body) => {
      const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
      for (const terms of [plainTerms, { ...plainTerms, minorVersion: 0 }]) {
        const together = new ResponseRelay();
        const first = makeFakeTransport();
        together.begin();
        together.receive(bytesOf(head + body), first.transport, terms);
        expect([together.fault, together.isDone, together.hasStarted, together.status]).toEqual([
          "badResponseBody",
          false,
          false,
          0,
        ]);
        expect([first.socket.sent, together.sentBytes]).toEqual(["", 0]);

        const apart = new ResponseRelay();
        const second = makeFakeTransport();
        apart.begin();
        apart.receive(bytesOf(head), second.transport, terms);
        const headSent = second.socket.sent;
        apart.receive(bytesOf(body), second.transport, terms);
        expect([apart.fault, apart.isDone, apart.hasStarted]).toEqual(["badResponseBody", false, true]);
        expect(second.socket.sent).toBe(headSent);
      }
    },
  );

  test("the head goes on before there is a body, and each piece of the body as it comes", () => {
    for (const [framing, pieces, sent] of [
      ["Content-Length: 9", ["a", "bc"], ["a", "bc"]],
      ["A: until close", ["a", "bc"], ["a", "bc"]],
      [
        "Transfer-Encoding: chunked",
        ["5\r\na", "bc", "d", "e\r\n1", "\r\nx\r\n"],
        ["5\r\na", "bc", "d", "e\r\n", "1\r\nx\r\n"],
      ],
      ["Transfer-Encoding: gzip", ["a", "bc"], ["1\r\na\r\n", "2\r\nbc\r\n"]],
    ] as const) {
      const response = new ResponseRelay();
      const { transport, socket } = makeFakeTransport();
      response.begin();
      response.receive(bytesOf(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`), transport, plainTerms);
      expect(socket.sent).toEndWith("\r\n\r\n");
      const writes = socket.writes.length;
      for (const piece of pieces) response.receive(bytesOf(piece), transport, plainTerms);
      expect(socket.writes.slice(writes).map(wholeText)).toEqual([...sent]);
    }
  });

  test("a hundred interim responses pass, and one more is a flood, whoever is told of them", () => {
    for (const interim of ["HTTP/1.1 103 E\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"]) {
      for (const terms of [plainTerms, { ...plainTerms, minorVersion: 0 }]) {
        for (const [count, fault] of [
          [100, undefined],
          [101, "badResponse"],
        ] as const) {
          const response = new ResponseRelay();
          const { transport } = makeFakeTransport();
          response.begin();
          for (let half = 0; half < 2; half++) {
            const text = interim.repeat(half === 0 ? 50 : count - 50);
            response.receive(bytesOf(text), transport, terms);
          }
          if (fault === undefined) {
            response.receive(bytesOf("HTTP/1.1 204 x\r\n\r\n"), transport, terms);
          }
          expect([response.fault as string | undefined, response.isDone]).toEqual([fault, fault === undefined]);
        }
      }
    }
  });

  test("bytes behind its end go nowhere, and spoil the instance's connection", () => {
    for (const [text, body] of [
      ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n", "hi"],
      ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX", ""],
      ["HTTP/1.1 304 OK\r\n\r\nX", ""],
    ] as const) {
      const response = new ResponseRelay();
      const { transport, socket } = makeFakeTransport();
      response.begin();
      response.receive(bytesOf(text), transport, plainTerms);
      expect([response.isDone, response.keepsBackend, response.keepsClient]).toEqual([true, false, true]);
      expect(socket.sent).toEndWith(`Connection: keep-alive\r\n\r\n${body}`);
    }
  });

  test("what is counted as sent is what the client's socket was handed", () => {
    for (const text of [
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ]) {
      const response = new ResponseRelay();
      const { transport, socket } = makeFakeTransport();
      response.begin();
      response.receive(bytesOf(text), transport, plainTerms);
      expect(response.sentBytes).toBe(socket.sent.length);
    }
  });

  test("a relay that is used again knows nothing of the response before", () => {
    const response = new ResponseRelay();
    for (const before of [
      "HTTP/1.1 200 OK\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
      "HTTP/1.1 2",
      "X",
    ]) {
      const terms = { ...plainTerms, mayKeepAlive: () => false };
      response.begin();
      response.receive(bytesOf(before), makeFakeTransport().transport, terms);
      response.begin();
      const { hasStarted, hasBytes, isDone, status, keepsClient, keepsBackend, fault, sentBytes } = response;
      expect([hasStarted, hasBytes, isDone, status, keepsClient, keepsBackend, fault, sentBytes]).toEqual([
        false,
        false,
        false,
        0,
        false,
        false,
        undefined,
        0,
      ]);
      const { transport, socket } = makeFakeTransport();
      response.end(transport);
      expect([response.isDone, socket.sent]).toEqual([false, ""]);
      response.receive(bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"), transport, terms);
      expect([response.isDone, socket.sent.slice(-3)]).toEqual([true, "\r\ny"]);
    }
  });
});

// Clients that leave, fall silent or trickle at every phase of a request: nothing unfinished passes for a whole request,
// nothing waits for them beyond its time, and nobody else notices.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { sendStream } from "../support/byte-stream.ts";
import { eventually } from "../support/eventually.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import type { RawClient } from "../support/raw-client.ts";
import { type Ground, onGround, say, statusOf } from "./ground.ts";

setDefaultTimeout(30_000);

const lengthHead = "POST /cut HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n";
const chunkedHead = "POST /cut HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";

/** What a client sends before it leaves or falls silent, and whether that is a whole request. */
const phases: ReadonlyArray<readonly [name: string, wire: string]> = [
  ["after connecting", ""],
  ["behind an empty line", "\r\n"],
  ["within the method", "PO"],
  ["within the target", "POST /cu"],
  ["within the version", "POST /cut HTTP/1"],
  ["within a header name", "POST /cut HTTP/1.1\r\nHo"],
  ["within a header value", "POST /cut HTTP/1.1\r\nHost: te"],
  ["between CR and LF", "POST /cut HTTP/1.1\r\nHost: test\r"],
  ["before the empty line", "POST /cut HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n"],
  ["within a fold", "POST /cut HTTP/1.1\r\nHost: test\r\nX-A: b\r\n c"],
  ["before a body by length", lengthHead],
  ["within a body by length", `${lengthHead}01234`],
  ["one byte before the end of a body", `${lengthHead}012345678`],
  ["before a chunk", chunkedHead],
  ["within a chunk size", `${chunkedHead}1`],
  ["within a chunk", `${chunkedHead}5\r\nhel`],
  ["before the last chunk", `${chunkedHead}5\r\nhello\r\n`],
  ["within the last chunk", `${chunkedHead}5\r\nhello\r\n0\r\n`],
  ["within the trailers", `${chunkedHead}5\r\nhello\r\n0\r\nX-A: b\r\n`],
];

const begun = (wire: string): boolean => wire.trim() !== "";

const expectNext = async (client: RawClient): Promise<void> => {
  expect((await exchange(client, "/next")).body.toString()).toBe("to /next");
};

describe("a client's reset", () => {
  test.each(phases)("%s: no instance sees a whole request", (_, wire) =>
    onGround({}, async ({ connect, victims, received, elbow }) => {
      const client = await connect();
      await client.send(wire);
      await eventually(() => elbow.openConnections() === 3);
      await victims();
      client.reset();
      await eventually(() => elbow.openConnections() === 2, { what: "the client gone" });
      expect(received()).toEqual([]);
      await expectNext(await connect());
    }),
  );

  test.each([
    ["while its request waits for an answer", ""],
    ["within the head of its answer", "HTTP/1.1 200 OK\r\nContent-Le"],
    ["within the body of its answer", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"],
    ["within a chunk of its answer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n01234"],
  ])("%s: the instance is left alone at once", (_, wire) =>
    onGround(
      { answer: ({ target }) => (target === "/left" ? wire : formatResponse(`to ${target}`)) },
      async ({ connect, victims, hostileConnection, received }) => {
        const client = await connect();
        await client.send(formatRequest("/left"));
        const connection = await hostileConnection();
        await eventually(() => received().length === 1);
        if (wire.includes("01234")) await client.takeUntil("01234");
        client.reset();
        expect(["eof", "reset"]).toContain(await connection.receiveEnd());
        // What comes too late is for nobody.
        await say(connection, "56789");
        await victims();
        await expectNext(await connect());
      },
    ),
  );
});

describe("a client's FIN", () => {
  test.each(phases)("%s: 408, or nothing where nothing had begun", (_, wire) =>
    onGround({}, async ({ connect, victims, received }) => {
      const client = await connect();
      await client.send(wire);
      await victims();
      await client.halfClose();
      expect(await statusOf(client)).toBe(begun(wire) ? 408 : 0);
      expect(await client.receiveEnd()).toBe("eof");
      expect(received()).toEqual([]);
    }),
  );

  test("behind a whole request: its answer comes, then the end", () =>
    onGround({}, async ({ connect, victims }) => {
      const client = await connect();
      await client.send(formatRequest("/whole"));
      await client.halfClose();
      await victims();
      expect((await readResponse(client)).body.toString()).toBe("to /whole");
      expect(await client.receiveEnd()).toBe("eof");
    }));

  test("while its answer streams: the rest still comes", () =>
    onGround(
      {
        answer: async (_, connection) => {
          await say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
          await sendStream(connection, 3_000_000, 1);
          return undefined;
        },
      },
      async ({ connect, victims }) => {
        const client = await connect();
        await client.send(formatRequest("/big"));
        await client.takeUntil("\r\n\r\n");
        await client.halfClose();
        await victims();
        expect((await client.digest()).bytes).toBe(3_000_000);
      },
    ));
});

describe("a client's silence", () => {
  const times = { requestHeadTimeout: 0.2, requestBodyTimeout: 0.2, idleTimeout: 1 };

  test.each(phases)("%s: 408 in time, or a close where nothing had begun", (_, wire) =>
    onGround({ attributes: times }, async ({ connect, victims, received }) => {
      const client = await connect();
      await client.send(wire);
      await victims();
      expect(await statusOf(client)).toBe(begun(wire) ? 408 : 0);
      expect(await client.receiveEnd()).toBe("eof");
      expect(received()).toEqual([]);
    }),
  );

  test("behind its request, without reading the answer: dropped, and its instance free", () =>
    onGround(
      {
        attributes: times,
        answer: async ({ target }, connection) => {
          if (target !== "/big") return formatResponse(`to ${target}`);
          await say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
          await sendStream(connection, 50_000_000, 1).catch(() => {});
          return undefined;
        },
      },
      async ({ connect, victims, hostileConnection, elbow }: Ground) => {
        const client = await connect();
        await client.send(formatRequest("/big"));
        await client.takeUntil("\r\n\r\n");
        client.pauseReading();
        await victims();
        expect(["eof", "reset"]).toContain(await (await hostileConnection()).receiveEnd());
        await eventually(() => elbow.outstanding() === 0);
        client.resumeReading();
        await expect(client.digest(50_000_000)).rejects.toThrow("ended");
      },
    ));

  test("between requests: closed without a word after the idle timeout", () =>
    onGround({ attributes: times }, async ({ connect }) => {
      const client = await connect();
      await expectNext(client);
      expect(await client.receiveEnd()).toBe("eof");
      expect(client.availableBytes).toBe(0);
    }));
});

describe("a client that trickles", () => {
  test("its head within the time is served", () =>
    onGround({ attributes: { requestHeadTimeout: 10 } }, async ({ connect, victims }) => {
      const client = await connect();
      const sending = client.sendSlowly(formatRequest("/slow", { headers: [["X-A", "b".repeat(50)]] }), 1, 1);
      await victims();
      await sending;
      expect((await readResponse(client)).body.toString()).toBe("to /slow");
    }));

  test.each([
    ["its head", "GET /slow HTTP/1.1\r\nHost: test\r\nX-A: ", "b", { requestHeadTimeout: 0.4 }],
    ["empty lines before its head", "", "\r\n", { requestHeadTimeout: 0.4, idleTimeout: 1 }],
    [
      "its body by length",
      lengthHead.replace("10", "100000"),
      "b",
      { requestBodyTimeout: 0.4, requestBodyRate: 10_000 },
    ],
    ["its chunks", chunkedHead, "1\r\nb\r\n", { requestBodyTimeout: 0.4, requestBodyRate: 10_000 }],
    ["a chunk extension", `${chunkedHead}1;`, "b", { requestBodyTimeout: 0.4, requestBodyRate: 10_000 }],
    ["its trailers", `${chunkedHead}0\r\nX-A: `, "b", { requestBodyTimeout: 0.4, requestBodyRate: 10_000 }],
  ] as const)("%s beyond the time is told 408", (_, wire, drop, attributes) =>
    onGround({ attributes }, async ({ connect, victims, received }) => {
      const client = await connect();
      await client.send(wire);
      // Many times longer than the time that it has.
      const trickling = client.sendSlowly(drop.repeat(1500), drop.length, 5).catch(() => {});
      await victims();
      expect(await statusOf(client)).toBeOneOf(wire === "" ? [0, 400, 408] : [408]);
      client.dispose();
      await trickling;
      expect(received()).toEqual([]);
    }),
  );

  test("its body at a rate that is asked of it is served, however long it takes", () =>
    onGround(
      { attributes: { requestBodyTimeout: 0.2, requestBodyRate: 100 } },
      async ({ connect, victims, received }) => {
        const client = await connect();
        await client.send("POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 400\r\n\r\n");
        const sending = client.sendSlowly("b".repeat(400), 10, 20);
        await victims();
        await sending;
        expect((await readResponse(client)).body.toString()).toBe("to /slow");
        expect(received()[0]?.body.length).toBe(400);
      },
    ));
});

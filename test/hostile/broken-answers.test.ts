// Instances whose answers are malformed, cut, stalled or trickled, or that leave at the worst moment: the client gets a
// defined answer or an honest cut, never a false whole, and the next request is served as if nothing had been.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { seededBytes } from "../support/byte-stream.ts";
import { eventually } from "../support/eventually.ts";
import type { InstanceConnection } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import type { RawClient } from "../support/raw-client.ts";
import { type Ground, onGround, say, statusOf } from "./ground.ts";

setDefaultTimeout(30_000);

const head = "HTTP/1.1 200 OK\r\n";
const chunkedHead = `${head}Transfer-Encoding: chunked\r\n\r\n`;
const expectNext = async (client: RawClient): Promise<void> => {
  expect((await exchange(client, "/next")).body.toString()).toBe("to /next");
};

/** An answer to `/bad`, and right ones to all else. */
const answering = (wire: string) => ({
  answer: ({ target }: { readonly target: string }) => (target === "/bad" ? wire : formatResponse(`to ${target}`)),
});

const refused: ReadonlyArray<readonly [name: string, wire: string]> = [
  ["no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
  ["an HTTP/0.9 answer", "<html>hello</html>\r\n\r\n"],
  ["an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["a TLS alert", "\x15\x03\x03\x00\x02\x02\x46\r\n\r\n"],
  ["a request", "GET / HTTP/1.1\r\nHost: test\r\n\r\n"],
  ["version 2", `HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok`],
  ["version 3.1", `HTTP/3.1 200 OK\r\nContent-Length: 2\r\n\r\nok`],
  ["a status of two digits", `HTTP/1.1 99 OK\r\nContent-Length: 2\r\n\r\nok`],
  ["a status of four digits", `HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok`],
  ["a status 000", `HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok`],
  ["a status in letters", `HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok`],
  ["a NUL in the reason", `HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok`],
  ["a bare CR in the reason", `HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok`],
  ["a NUL in a value", `${head}X-A: b\0c\r\nContent-Length: 2\r\n\r\nok`],
  ["a bare CR in a value", `${head}X-A: b\rX-Injected: c\r\nContent-Length: 2\r\n\r\nok`],
  ["a name that is none", `${head}X(A: b\r\nContent-Length: 2\r\n\r\nok`],
  ["an empty name", `${head}: b\r\nContent-Length: 2\r\n\r\nok`],
  ["a line without colon", `${head}X-A\r\nContent-Length: 2\r\n\r\nok`],
  ["two different lengths", `${head}Content-Length: 2\r\nContent-Length: 4\r\n\r\nokok`],
  ["a list of different lengths", `${head}Content-Length: 2, 4\r\n\r\nokok`],
  ["a negative length", `${head}Content-Length: -2\r\n\r\nok`],
  ["a length that is none", `${head}Content-Length: two\r\n\r\nok`],
  ["a length beyond 64 bits", `${head}Content-Length: 99999999999999999999\r\n\r\nok`],
  ["an unknown coding", `${head}Transfer-Encoding: x\r\n\r\nok`],
  ["chunked twice", `${head}Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  ["a quoted coding", `${head}Transfer-Encoding: "chunked"\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  ["a first chunk without size", `${chunkedHead}\r\nok\r\n0\r\n\r\n`],
  ["a first chunk size that is none", `${chunkedHead}xyz\r\nok\r\n0\r\n\r\n`],
  ["a first chunk size beyond 64 bits", `${chunkedHead}fffffffffffffffff\r\nok`],
  ["a first chunk longer than it says", `${chunkedHead}2\r\nokok\r\n0\r\n\r\n`],
  ["101 headers", `${head}${"X-A: b\r\n".repeat(101)}Content-Length: 2\r\n\r\nok`],
  ["a header of 17 KiB", `${head}X-A: ${"b".repeat(17 * 1024)}\r\nContent-Length: 2\r\n\r\nok`],
  ["a head of 65 KiB", `${head}${`X-A: ${"b".repeat(8000)}\r\n`.repeat(9)}Content-Length: 2\r\n\r\nok`],
  ["a status line of 17 KiB", `HTTP/1.1 200 ${"b".repeat(17 * 1024)}\r\nContent-Length: 2\r\n\r\nok`],
  ["a head that never ends", `${head}X-A: ${"b".repeat(300_000)}`],
];

test.each(refused)("an answer with %s is 502, and nothing of it reaches the client", (_, wire) =>
  onGround(answering(wire), async ({ connect, victims, hostileConnection }) => {
    const client = await connect();
    const response = await exchange(client, "/bad");
    expect([response.startLine, response.body.length]).toEqual(["HTTP/1.1 502 BAD_GATEWAY", 0]);
    const connection = await hostileConnection();
    await eventually(() => connection.isDone || connection.ending !== "open", { what: "a dropped connection" });
    await victims();
    await expectNext(client);
  }),
);

/** Answers that end too early, by what of them goes out before the end. */
const cut: ReadonlyArray<readonly [name: string, wire: string]> = [
  ["by length, before its body", `${head}Content-Length: 10\r\n\r\n`],
  ["by length, within its body", `${head}Content-Length: 10\r\n\r\n01234`],
  ["in chunks, before the first", chunkedHead],
  ["in chunks, within a size", `${chunkedHead}5\r\nhello\r\n1`],
  ["in chunks, within a chunk", `${chunkedHead}5\r\nhel`],
  ["in chunks, before a chunk's line end", `${chunkedHead}5\r\nhello`],
  ["in chunks, before the last chunk", `${chunkedHead}5\r\nhello\r\n`],
  ["in chunks, within the last chunk", `${chunkedHead}5\r\nhello\r\n0\r\n`],
  ["in chunks, within the trailers", `${chunkedHead}5\r\nhello\r\n0\r\nX-A: b\r\n`],
  ["in chunks, broken in the middle", `${chunkedHead}5\r\nhello\r\n`],
];

/** Whether the client of the scenario in play has the head of its answer. */
let hasHead = false;

describe.each(["close", "reset"] as const)("an instance's %s", (how) => {
  const leave = (connection: InstanceConnection) => (how === "close" ? connection.close() : connection.reset());

  /** The instance says `wire` and ends once its client has `sign` of it, past any answer of elbow's own; then `look`. */
  const end = (wire: string, sign: string, look: (client: RawClient, ground: Ground) => Promise<void>) =>
    onGround(
      {
        answer: async ({ target }, connection) => {
          if (target !== "/end") return formatResponse(`to ${target}`);
          await say(connection, wire);
          await eventually(() => hasHead);
          await leave(connection);
          return undefined;
        },
      },
      async (ground) => {
        hasHead = false;
        const client = await ground.connect();
        await client.send(formatRequest("/end"));
        await client.waitFor(() => client.peek().includes(sign), JSON.stringify(sign));
        hasHead = true;
        await look(client, ground);
      },
    );

  test.each(cut)("in an answer that is framed %s: the client sees the cut", (_, wire) =>
    end(wire, "\r\n\r\n", async (client, { connect, victims }) => {
      await expect(readResponse(client)).rejects.toThrow("ended");
      expect(client.ending).toBe("reset");
      await victims();
      await expectNext(await connect());
    }),
  );

  test("when it accepts: 503 or 504 for who asked, and the next are served", () => {
    let isHostile = false;
    return onGround(
      {
        greet: async (connection) => {
          if (!isHostile) return false;
          await leave(connection);
          return true;
        },
        answer: async ({ target }, connection) => {
          if (target !== "/last") return formatResponse(`to ${target}`);
          // The kept ones go first, so that the next request must dial.
          await say(connection, `${head}Connection: close\r\nContent-Length: 2\r\n\r\nok`);
          return undefined;
        },
      },
      async ({ connect }) => {
        const clients = await Promise.all(Array.from({ length: 8 }, connect));
        isHostile = true;
        const statuses = await Promise.all(
          clients.map(async (client) => {
            await client.send(formatRequest("/last"));
            return statusOf(client);
          }),
        );
        // Two have kept connections; a dial that is reset at once was refused, as far as anyone can see.
        for (const status of statuses) expect(status).toBeOneOf([200, 503, 504]);
        expect(statuses.filter((status) => status === 200).length).toBeLessThan(3);
        isHostile = false;
        await expectNext(await connect());
      },
    );
  });

  test.each([
    ["behind a head", "GET", 0],
    ["behind a head, of what can't be repeated", "POST", 0],
    ["within an upload", "PUT", 20_000],
  ] as const)("%s: 504, and the next is served", (_, method, after) =>
    onGround(
      {
        meet: async (met, connection) => {
          if (!met.startLine.includes("/bad")) {
            await say(connection, formatResponse("to /next"));
            return true;
          }
          if (after > 0) await connection.takeBytes(after);
          return void (await leave(connection));
        },
      },
      async ({ connect, victims }) => {
        const client = await connect();
        const length = method === "GET" ? "" : `Content-Length: ${Math.max(after * 5, 5)}\r\n`;
        await client.send(`${method} /bad HTTP/1.1\r\nHost: test\r\n${length}\r\n`);
        if (after > 0) void client.sendSlowly(seededBytes(after * 5, 1), 2000).catch(() => {});
        expect(await statusOf(client)).toBe(504);
        await victims();
        await expectNext(await connect());
      },
    ),
  );

  test("within the head of an answer: 502, and the next is served", () =>
    onGround(
      {
        answer: async ({ target }, connection) => {
          if (target !== "/bad") return formatResponse(`to ${target}`);
          await say(connection, "HTTP/1.1 200 OK\r\nContent-Le");
          await Bun.sleep(20);
          await leave(connection);
          return undefined;
        },
      },
      async ({ connect, victims }) => {
        const client = await connect();
        expect((await exchange(client, "/bad")).status).toBe(502);
        await victims();
        await expectNext(client);
      },
    ));

  test("in an answer that is framed by its end: whole after a close, a cut after a reset", () =>
    end(`${head}\r\nto the end`, "to the end", async (client, { victims }) => {
      if (how === "close") expect((await readResponse(client)).body.toString()).toBe("to the end");
      else await expect(readResponse(client)).rejects.toThrow("ended (reset)");
      await victims();
    }));
});

/** Silence in a phase, and what the client sees once the idle timeout of 1 s is over. */
const stalls: ReadonlyArray<readonly [name: string, wire: string, status: number]> = [
  ["before an answer", "", 504],
  ["within the head of an answer", "HTTP/1.1 200 OK\r\nContent-Le", 504],
  ["behind an interim answer", "HTTP/1.1 103 Early Hints\r\n\r\n", 504],
  ["within a body by length", `${head}Content-Length: 10\r\n\r\n01234`, 0],
  ["within a chunk", `${chunkedHead}5\r\nhel`, 0],
  ["before the last chunk", `${chunkedHead}5\r\nhello\r\n`, 0],
  ["in a body without length", `${head}\r\nhello`, 0],
];

const runStalled = async (ground: Ground, status: number): Promise<void> => {
  const client = await ground.connect();
  const asked = exchange(client, "/stall").then(
    (response) => response.status,
    () => 0,
  );
  await ground.victims();
  expect(await asked).toBe(status);
  if (status === 0) expect(client.ending).toBe("reset");
  const connection = await ground.hostileConnection();
  await eventually(() => connection.isDone || connection.ending !== "open", { what: "a dropped connection" });
};

test.each(stalls)("an instance that falls silent %s is given up after the idle timeout", (_, wire, status) =>
  onGround(
    {
      attributes: { idleTimeout: 1 },
      answer: ({ target }) => (target === "/stall" ? wire : formatResponse(`to ${target}`)),
    },
    (ground) => runStalled(ground, status),
  ),
);

test("an instance that stops reading an upload is given up after the idle timeout", () =>
  onGround(
    {
      attributes: { idleTimeout: 1, requestBodyRate: 0 },
      meet: (_, connection) => connection.pauseReading(),
    },
    async ({ connect, victims }) => {
      const client = await connect();
      await client.send("PUT /stall HTTP/1.1\r\nHost: test\r\nContent-Length: 50000000\r\n\r\n");
      void say(client, seededBytes(50_000_000, 1));
      await victims();
      expect(await statusOf(client)).toBe(504);
    },
  ));

test("an answer byte by byte, head and chunks, is passed on as it comes", () =>
  onGround(
    {
      attributes: { idleTimeout: 1 },
      answer: async ({ target }, connection) => {
        if (target !== "/trickle") return formatResponse(`to ${target}`);
        await connection.sendSlowly(`${chunkedHead}5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n`, 1, 2);
        return undefined;
      },
    },
    async ({ connect, victims, hostileConnection }) => {
      const client = await connect();
      const asked = exchange(client, "/trickle");
      await victims();
      expect((await asked).body.toString()).toBe("hello world");
      await expectNext(client);
      expect((await hostileConnection()).ending).toBe("open");
    },
  ));

test("an instance that says close and keeps the connection open isn't asked again on it", () =>
  onGround(
    {
      answer: ({ target }) =>
        target === "/close"
          ? `${head}Connection: close\r\nContent-Length: 2\r\n\r\nok`
          : formatResponse(`to ${target}`),
    },
    async ({ connect, victims, hostileConnection }) => {
      const client = await connect();
      expect((await exchange(client, "/close")).body.toString()).toBe("ok");
      const connection = await hostileConnection();
      await victims();
      await expectNext(client);
      expect(connection.requests.at(-1)?.target).toBe("/close");
    },
  ));

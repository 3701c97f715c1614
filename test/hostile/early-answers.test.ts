// Instances that answer too early, twice, or when nobody asked: the asker gets one answer, nobody gets another's, and a
// connection that carried such bytes is never used again.
import { expect, setDefaultTimeout, test } from "bun:test";
import { seededBytes } from "../support/byte-stream.ts";
import { eventually } from "../support/eventually.ts";
import type { InstanceConnection } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import type { RawClient } from "../support/raw-client.ts";
import { type Ground, onGround, say, type Terms } from "./ground.ts";
import { hidden } from "./smuggling-tricks.ts";

setDefaultTimeout(30_000);

const poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/** Answers at the head of `/early`, and everything else as it should be. */
const early =
  (
    answer: string | Uint8Array,
    then?: (connection: InstanceConnection) => void | Promise<void>,
  ): NonNullable<Terms["meet"]> =>
  async (head, connection) => {
    if (head.startLine.includes(" /early ")) {
      await say(connection, answer);
      return then?.(connection);
    }
    await say(connection, formatResponse(`to ${head.startLine.split(" ")[1]}`));
    return true;
  };

const expectNext = async (client: RawClient): Promise<void> => {
  expect((await exchange(client, "/next")).body.toString()).toBe("to /next");
};

test("an answer before a body by length: relayed at once, and what comes of the body is never a request", () =>
  onGround({ meet: early(formatResponse("early")) }, async ({ connect, victims, received }) => {
    const client = await connect();
    const body = hidden.repeat(30);
    await client.send(`POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n\r\n`);
    const response = await readResponse(client);
    expect([response.body.toString(), header(response, "connection")]).toEqual(["early", "keep-alive"]);
    await victims();
    await client.send(body);
    await expectNext(client);
    expect(received().map(({ startLine }) => startLine)).toEqual(["GET /next HTTP/1.1"]);
  }));

test("an answer before a chunked body: the rest is read and thrown away, also where it looks like a request", () =>
  onGround({ meet: early(formatResponse("early")) }, async ({ connect, victims, received }) => {
    const client = await connect();
    await client.send("POST /early HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    const response = await readResponse(client);
    expect(response.body.toString()).toBe("early");
    await victims();
    await say(client, `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`);
    if (header(response, "connection") === "keep-alive") await expectNext(client);
    expect(received().filter(({ startLine }) => startLine.includes("smuggled"))).toEqual([]);
  }));

test("an answer before a chunked body that then breaks: the connection ends, nothing of it is served", () =>
  onGround({ meet: early(formatResponse("early")) }, async ({ connect, received }) => {
    const client = await connect();
    await client.send("POST /early HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    expect((await readResponse(client)).body.toString()).toBe("early");
    await say(client, `xyz\r\n${hidden}`);
    expect(["eof", "reset"]).toContain(await client.receiveEnd());
    expect(received()).toEqual([]);
  }));

test("a 413 before a huge body: the client reads it and is told that the connection ends", () =>
  onGround(
    { meet: early(formatResponse("too much", { status: "413 Content Too Large" })) },
    async ({ connect, victims, received }) => {
      const client = await connect();
      await client.send("PUT /early HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000\r\n\r\n");
      const sending = say(client, seededBytes(20_000_000, 1));
      const response = await readResponse(client);
      expect([response.status, response.body.toString()]).toEqual([413, "too much"]);
      expect(header(response, "connection")).toBe("close");
      await victims();
      expect(["eof", "reset"]).toContain(await client.receiveEnd());
      client.dispose();
      await sending;
      expect(received()).toEqual([]);
    },
  ));

test.each([
  ["closes", (connection: InstanceConnection) => connection.close()],
  ["resets", (connection: InstanceConnection) => connection.reset()],
] as const)("a 413 from an instance that %s the connection with the body still coming is not lost", (_, leave) =>
  onGround(
    {
      meet: early(formatResponse("too much", { status: "413 Content Too Large" }), async (connection) => {
        // The answer has left before the connection does.
        await eventually(() => connection.receivedBytes > 20_000);
        await leave(connection);
      }),
    },
    async ({ connect, victims }) => {
      const client = await connect();
      await client.send("PUT /early HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n");
      const sending = client.sendSlowly(seededBytes(2_000_000, 2), 10_000).catch(() => {});
      expect((await readResponse(client)).status).toBe(413);
      client.dispose();
      await sending;
      await victims();
    },
  ),
);

test("an answer that begins before the body and ends behind it: both are whole, both connections live", () =>
  onGround(
    {
      meet: async (head, connection) => {
        await say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
        const length = Number(header(head, "content-length"));
        await connection.takeBytes(length);
        await say(connection, "56789");
        return true;
      },
    },
    async ({ connect, received, hostileConnection }) => {
      const client = await connect();
      await client.send("PUT /a HTTP/1.1\r\nHost: test\r\nContent-Length: 50000\r\n\r\n");
      await client.takeUntil("01234");
      await client.send(seededBytes(50_000, 3));
      expect((await client.takeBytes(5)).toString()).toBe("56789");
      expect(received()[0]?.body.length).toBe(50_000);
      expect((await hostileConnection()).ending).toBe("open");
    },
  ));

test("CL.0: an instance that takes a body for its next request answers it, and nobody gets that answer", () =>
  onGround(
    {
      meet: async (head, connection) => {
        const target = head.startLine.split(" ")[1]!;
        if (target !== "/ignore") return say(connection, formatResponse(`to ${target}`)).then(() => true);
        // Both answers at once: as they come from a server that reads what lies behind a head as the next one.
        await connection.takeUntil("\r\n\r\n");
        return say(connection, `${formatResponse("to /ignore")}${formatResponse("to /smuggled")}`);
      },
    },
    async ({ connect, victims, hostileConnection }) => {
      const client = await connect();
      const first = await exchange(client, "/ignore", { body: hidden });
      expect(first.body.toString()).toBe("to /ignore");
      await victims();
      expect(["eof", "reset"]).toContain(await (await hostileConnection()).receiveEnd());
      await expectNext(client);
    },
  ));

/** What an instance may send for one request, and what the client is to see of it. */
const tooMuch: ReadonlyArray<readonly [name: string, wire: string, status: number, body: string, method: string]> = [
  ["two answers in one piece", `${formatResponse("one")}${poison}`, 200, "one", "GET"],
  ["three answers in one piece", `${formatResponse("one")}${poison}${poison}`, 200, "one", "GET"],
  ["an answer and half a one", `${formatResponse("one")}HTTP/1.1 200 OK\r\nContent-`, 200, "one", "GET"],
  ["a line end behind its answer", `${formatResponse("one")}\r\n`, 200, "one", "GET"],
  [
    "two answers, the first in chunks",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n${poison}`,
    200,
    "one",
    "GET",
  ],
  ["bytes behind its length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneoneone", 200, "one", "GET"],
  ["bytes behind no length", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\noneoneone", 200, "", "GET"],
  ["a body behind its 204", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\none", 204, "", "GET"],
  [
    "chunks behind its 204",
    "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
    204,
    "",
    "GET",
  ],
  ["a body behind its 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\none", 304, "", "GET"],
  ["a body behind its answer to HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none", 200, "", "HEAD"],
  [
    "chunks behind its answer to HEAD",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
    200,
    "",
    "HEAD",
  ],
  ["a 100 behind its answer", `${formatResponse("one")}HTTP/1.1 100 Continue\r\n\r\n`, 200, "one", "GET"],
  [
    "an answer behind one that ends the connection",
    `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\none${poison}`,
    200,
    "one",
    "GET",
  ],
];

test.each(tooMuch)(
  "an instance that sends %s: one answer goes on, the connection goes",
  (_, wire, status, body, method) =>
    onGround(
      { answer: ({ target }) => (target === "/much" ? wire : formatResponse(`to ${target}`)) },
      async ({ connect, victims, hostileConnection }) => {
        const client = await connect();
        const response = await exchange(client, "/much", { method });
        expect([response.status, response.body.toString()]).toEqual([status, body]);
        await victims();
        expect(["eof", "reset"]).toContain(await (await hostileConnection()).receiveEnd());
        await expectNext(client);
      },
    ),
);

/** Bytes for nobody, and ends, on a connection that elbow keeps. */
const forNobody: ReadonlyArray<readonly [name: string, play: (connection: InstanceConnection) => unknown]> = [
  ["a whole answer", (connection) => say(connection, poison)],
  ["half an answer", (connection) => say(connection, poison.slice(0, 20))],
  ["one line end", (connection) => say(connection, "\r\n")],
  [
    "a 408 as servers send it before they close",
    (connection) => say(connection, "HTTP/1.1 408 Request Timeout\r\n\r\n"),
  ],
  ["a megabyte", (connection) => say(connection, poison.repeat(25_000))],
  ["its FIN", (connection) => connection.close()],
  ["its FIN, and then keeps listening", (connection) => connection.halfClose()],
  ["a reset", (connection) => connection.reset()],
];

const expectDropped = async (connection: InstanceConnection): Promise<void> => {
  await eventually(() => connection.isDone || connection.ending !== "open", { what: "a dropped connection" });
};

test.each(forNobody)("on a kept connection, an instance sends %s: it is used no more", (_, play) =>
  onGround({}, async ({ connect, victims, hostileConnection }) => {
    const client = await connect();
    await exchange(client, "/first");
    const connection = await hostileConnection();
    await play(connection);
    await expectDropped(connection);
    await victims();
    await expectNext(client);
  }),
);

test.each(forNobody)("on a connection opened ahead of demand, an instance sends %s: nobody gets it", (_, play) =>
  onGround({ attributes: { minIdleConnections: 4 } }, async ({ connect, victims, instance }: Ground) => {
    // One that has carried nothing: the others carried the victims' requests.
    const fresh = await eventually(() =>
      instance.connections.find(({ receivedBytes, ending }) => receivedBytes === 0 && ending === "open"),
    );
    await play(fresh);
    await expectDropped(fresh);
    await victims();
    await expectNext(await connect());
    expect(fresh.receivedBytes).toBe(0);
  }),
);

test("a second answer that comes in the middle of the next request of the same connection ends that connection", () =>
  onGround(
    {
      answer: async ({ target }, connection) => {
        if (target !== "/second") return formatResponse(`to ${target}`);
        await say(connection, `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none`);
        return poison;
      },
    },
    async ({ connect, victims }) => {
      const clients = await Promise.all(Array.from({ length: 4 }, connect));
      const bodies = await Promise.all(
        clients.map(async (client) => (await exchange(client, "/second")).body.toString()),
      );
      expect(bodies).toEqual(["one", "one", "one", "one"]);
      await eventually(() => clients.every(({ availableBytes }) => availableBytes === 0));
      await victims();
      await say(clients[0]!, formatRequest("/next"));
      expect((await readResponse(clients[0]!)).body.toString()).toBe("to /next");
    },
  ));

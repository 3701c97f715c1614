// Pipelining games: many requests at once, requests behind bodies, behind bad ones, behind the last one. Answers come in
// order, each to its own request, and nothing behind a request that ends the connection is ever served.
import { expect, setDefaultTimeout, test } from "bun:test";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import type { RawClient } from "../support/raw-client.ts";
import { onGround, say } from "./ground.ts";

setDefaultTimeout(30_000);

const get = (target: string): string => formatRequest(target).toString("latin1");
const post = (target: string, body: string): string => formatRequest(target, { body }).toString("latin1");

const expectAnswers = async (client: RawClient, targets: ReadonlyArray<string>): Promise<void> => {
  for (const target of targets) expect((await readResponse(client)).body.toString()).toBe(`to ${target}`);
};

test("1000 pipelined requests are answered in order, one after the other", () =>
  onGround({}, async ({ connect, victims, received, instance }) => {
    const client = await connect();
    const targets = Array.from({ length: 1000 }, (_, index) => `/${index}`);
    const before = instance.connections.length;
    await say(client, targets.map(get).join(""));
    await victims();
    await expectAnswers(client, targets);
    expect(received().length).toBe(1000);
    // None was sent ahead of the answer before it, so none needed a connection of its own.
    expect(instance.connections.length - before).toBeLessThan(4);
  }));

test("1000 pipelined requests byte by byte cuts and all come to the same", () =>
  onGround({}, async ({ connect, victims }) => {
    const client = await connect();
    const targets = Array.from({ length: 1000 }, (_, index) => `/${index}`);
    const sending = client.sendSlowly(targets.map(get).join(""), 997);
    await victims();
    await expectAnswers(client, targets);
    await sending;
  }));

test.each([
  ["a body by length", post("/body", "hello")],
  ["an empty body", post("/body", "")],
  ["a chunked body", "POST /body HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
  [
    "a chunked body with trailers",
    "POST /body HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n\r\n",
  ],
  ["empty lines", `${get("/body")}\r\n\r\n`],
])("requests behind %s are the client's next", (_, first) =>
  onGround({}, async ({ connect, received }) => {
    const client = await connect();
    await client.send(`${first}${get("/a")}${first}${get("/b")}`);
    await expectAnswers(client, ["/body", "/a", "/body", "/b"]);
    expect(received().map(({ startLine }) => startLine.split(" ")[1])).toEqual(["/body", "/a", "/body", "/b"]);
  }),
);

test("requests behind HEAD, 204 and 304 get the answers that are theirs", () =>
  onGround(
    {
      answer: ({ method, target }) => {
        if (target === "/204") return "HTTP/1.1 204 No Content\r\n\r\n";
        if (target === "/304") return "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n";
        if (method === "HEAD") return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        return formatResponse(`to ${target}`);
      },
    },
    async ({ connect }) => {
      const client = await connect();
      const head = formatRequest("/head", { method: "HEAD" }).toString("latin1");
      await client.send(`${head}${get("/a")}${get("/204")}${get("/b")}${get("/304")}${get("/c")}`);
      expect((await readResponse(client, { method: "HEAD" })).status).toBe(200);
      await expectAnswers(client, ["/a"]);
      expect((await readResponse(client)).status).toBe(204);
      await expectAnswers(client, ["/b"]);
      expect((await readResponse(client)).status).toBe(304);
      await expectAnswers(client, ["/c"]);
    },
  ));

/** What ends the pipeline, and the status of its last answer. */
const lasts: ReadonlyArray<readonly [name: string, wire: string, status: number, target?: string]> = [
  ["that isn't HTTP", "nonsense\r\n\r\n", 400, ""],
  ["with two lengths", "POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400, ""],
  ["that is Severe", "GET /x HTTP/1.1\r\nHost: test\r\nX-A: b\0c\r\n\r\n", 400, ""],
  ["with a method that is too long", `${"A".repeat(128)} /x HTTP/1.1\r\nHost: test\r\n\r\n`, 405, ""],
  ["with a broken chunk", "POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, ""],
  ["that asks for the end", "GET /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", 200, "/x"],
  ["of HTTP/1.0", "GET /x HTTP/1.0\r\nHost: test\r\n\r\n", 200, "/x"],
  [
    "that is Ambiguous",
    "POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    200,
    "/x",
  ],
];

test.each(lasts)(
  "behind good requests one %s: the good are answered, what is behind it never",
  (_, wire, status, target) =>
    onGround({}, async ({ connect, victims, received }) => {
      const client = await connect();
      const good = ["/1", "/2", "/3"];
      await say(client, `${good.map(get).join("")}${wire}${get("/behind")}${post("/behind", "hello")}`);
      await victims();
      await expectAnswers(client, good);
      expect((await readResponse(client)).status).toBe(status);
      expect(await client.receiveEnd()).toBe("eof");
      expect(client.availableBytes).toBe(0);
      const targets = received().map(({ startLine }) => startLine.split(" ")[1]!);
      expect(targets).toEqual(target === "" ? good : [...good, target!]);
    }),
);

test("an HTTP/0.9 request behind others is the last one", () =>
  onGround({}, async ({ connect, received }) => {
    const client = await connect();
    await say(client, `${get("/1")}GET /old\r\n${get("/behind")}`);
    await expectAnswers(client, ["/1"]);
    expect((await client.takeToEnd()).toString()).toBe("to /old");
    expect(received().map(({ startLine }) => startLine)).toEqual(["GET /1 HTTP/1.1", "GET /old HTTP/1.1"]);
  }));

test("a pipeline behind an answer without length is never served: the answer's end is the connection's", () =>
  onGround(
    {
      answer: async (_, connection) => {
        await say(connection, "HTTP/1.1 200 OK\r\n\r\nto the end");
        return void (await connection.close());
      },
    },
    async ({ connect, received }) => {
      const client = await connect();
      await say(client, `GET /1 HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n${get("/behind")}`);
      expect((await readResponse(client)).body.toString()).toBe("to the end");
      expect(await client.receiveEnd()).toBe("eof");
      expect(received().length).toBe(1);
    },
  ));

test("a client that leaves in the middle of its pipeline: what was not begun is never served", () =>
  onGround(
    { answer: ({ target }) => (target === "/hold" ? undefined : formatResponse(`to ${target}`)) },
    async ({ connect, victims, received, hostileConnection }) => {
      const client = await connect();
      await client.send(`${get("/hold")}${get("/behind").repeat(50)}`);
      const connection = await hostileConnection();
      await victims();
      client.reset();
      expect(["eof", "reset"]).toContain(await connection.receiveEnd());
      expect(received().map(({ startLine }) => startLine)).toEqual(["GET /hold HTTP/1.1"]);
    },
  ));

test("two pipelines at once over the same instance never mix", () =>
  onGround({}, async ({ connect, victims }) => {
    const run = async (name: string): Promise<void> => {
      const client = await connect();
      const targets = Array.from({ length: 200 }, (_, index) => `/${name}/${index}`);
      await say(client, targets.map((target, index) => (index % 3 === 0 ? post(target, name) : get(target))).join(""));
      await expectAnswers(client, targets);
    };
    await Promise.all([run("a"), run("b"), run("c"), victims()]);
  }));

test("a pipeline over an instance that loses every third connection: each answer is right or an honest 5xx", () =>
  onGround(
    {
      answer: ({ target }, connection) => {
        const number = Number(target.slice(1));
        if (number % 3 !== 0) return formatResponse(`to ${target}`);
        return number % 2 === 0 ? void connection.reset() : "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n";
      },
    },
    async ({ connect, victims }) => {
      const client = await connect();
      const targets = Array.from({ length: 60 }, (_, index) => `/${index}`);
      await say(client, targets.map(get).join(""));
      await victims();
      for (const [index, target] of targets.entries()) {
        const { status, body } = await readResponse(client);
        if (index % 3 !== 0) expect([status, body.toString()]).toEqual([200, `to ${target}`]);
        else expect(status).toBe(index % 2 === 0 ? 504 : 502);
      }
      expect((await exchange(client, "/1")).body.toString()).toBe("to /1");
    },
  ));

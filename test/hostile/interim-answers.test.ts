// Interim answers as a weapon: unasked, doubled, endless, late; and clients that play with Expect: 100-continue.
import { expect, setDefaultTimeout, test } from "bun:test";
import { exchange, formatResponse, header, readResponse } from "../support/http-message.ts";
import { onGround, say, statusOf } from "./ground.ts";
import { hidden } from "./smuggling-tricks.ts";

setDefaultTimeout(30_000);

const continueLine = "HTTP/1.1 100 Continue\r\n\r\n";
const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
const final = formatResponse("final").toString();
const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

const cases: ReadonlyArray<readonly [name: string, wire: string, status: number, interims: number]> = [
  ["an unasked 100", continueLine + final, 200, 0],
  ["two unasked 100s", continueLine + continueLine + final, 200, 0],
  ["a 100 with a length", `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n${final}`, 200, 0],
  ["a 103 with a length", `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n${final}`, 200, 1],
  ["a 103 with chunks announced", `HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n${final}`, 200, 1],
  ["fifty 103s", hints.repeat(50) + final, 200, 50],
  ["a thousand 103s", hints.repeat(1000) + final, 502, -1],
  ["a thousand 100s", continueLine.repeat(1000) + final, 502, -1],
  ["103s without end", hints.repeat(20_000), 502, -1],
  ["a 103 whose head never ends", `HTTP/1.1 103 Early Hints\r\nX-A: ${"b".repeat(200_000)}`, 502, 0],
  ["an unasked 101", switching, 502, 0],
  ["an unasked 101 behind a 103", hints + switching, 502, 1],
  ["an unasked 101 with an answer behind it", switching + final, 502, 0],
  ["a 199", `HTTP/1.1 199 Odd\r\n\r\n${final}`, 200, 1],
];

test.each(cases)("an instance that sends %s", (_, wire, status, interims) =>
  onGround(
    { answer: ({ target }) => (target === "/interim" ? wire : formatResponse(`to ${target}`)) },
    async ({ connect, victims }) => {
      const client = await connect();
      const response = await exchange(client, "/interim");
      expect(response.status).toBe(status);
      if (status === 200) expect(response.body.toString()).toBe("final");
      if (interims >= 0) expect(response.interim.length).toBe(interims);
      else expect(response.interim.length).toBeLessThanOrEqual(101);
      for (const interim of response.interim) {
        expect(header(interim, "content-length")).toBeUndefined();
        expect(header(interim, "transfer-encoding")).toBeUndefined();
      }
      await victims();
      expect((await exchange(client, "/next")).body.toString()).toBe("to /next");
    },
  ),
);

test("interim answers byte by byte reach the client whole and in order", () =>
  onGround(
    {
      answer: async (_, connection) => {
        await connection.sendSlowly(continueLine + hints + hints + final, 1);
        return undefined;
      },
    },
    async ({ connect, victims }) => {
      const client = await connect();
      const asked = exchange(client, "/interim");
      await victims();
      const response = await asked;
      expect(response.interim.map(({ startLine }) => startLine)).toEqual([
        "HTTP/1.1 103 Early Hints",
        "HTTP/1.1 103 Early Hints",
      ]);
      expect(response.body.toString()).toBe("final");
    },
  ));

test.each(["HTTP/1.0", "HTTP/0.9"])("an %s client gets no interim answer", (version) =>
  onGround({ answer: () => hints + final }, async ({ connect }) => {
    const client = await connect();
    await client.send(version === "HTTP/1.0" ? "GET /a HTTP/1.0\r\nHost: test\r\n\r\n" : "GET /a\r\n");
    await client.receiveEnd();
    const text = Buffer.concat(client.recorded).toString("latin1");
    expect(text).not.toContain("103");
    expect(text).toEndWith("final");
    expect(text.startsWith("HTTP/1.1 200 OK\r\n")).toBe(version === "HTTP/1.0");
  }),
);

const expecting = (framing: string): string =>
  `POST /expect HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`;

test.each([
  ["a length", "Content-Length: 5", "hello"],
  ["chunks", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"],
])("a client that waits for 100 before its body with %s gets one, and the instance no Expect", (_, framing, body) =>
  onGround({}, async ({ connect, victims, received }) => {
    const client = await connect();
    await client.send(expecting(framing));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(continueLine);
    await victims();
    await client.send(body);
    expect((await readResponse(client)).body.toString()).toBe("to /expect");
    expect(received()[0]?.body).toBe("hello");
  }),
);

test("a client that doesn't wait for its 100 gets both answers, one after the other", () =>
  onGround({}, async ({ connect, received }) => {
    const client = await connect();
    await client.send(`${expecting("Content-Length: 5")}hello${hidden}`);
    const first = await readResponse(client);
    expect([first.interim.length, first.body.toString()]).toEqual([1, "to /expect"]);
    expect((await readResponse(client)).body.toString()).toBe("to /smuggled");
    expect(received().length).toBe(2);
  }));

test("a client that never sends its body after its 100 is told 408 in time", () =>
  onGround({ attributes: { requestBodyTimeout: 0.3, idleTimeout: 60 } }, async ({ connect, victims, received }) => {
    const client = await connect();
    await client.send(expecting("Content-Length: 5"));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(continueLine);
    await victims();
    expect((await readResponse(client)).status).toBe(408);
    expect(await client.receiveEnd()).toBe("eof");
    expect(received()).toEqual([]);
  }));

test("a client that sends a request in place of the body that it promised: it is the body", () =>
  onGround({}, async ({ connect, received }) => {
    const client = await connect();
    await client.send(expecting(`Content-Length: ${hidden.length}`));
    await client.takeUntil("\r\n\r\n");
    await client.send(hidden);
    expect((await readResponse(client)).body.toString()).toBe("to /expect");
    expect(received().map(({ body }) => body)).toEqual([hidden]);
  }));

test("an Expect with a request that is refused gets the refusal and no 100", () =>
  onGround({}, async ({ connect }) => {
    const client = await connect();
    await say(client, expecting("Content-Length: 5\r\nContent-Length: 6"));
    expect(await statusOf(client)).toBe(400);
    expect(await client.receiveEnd()).toBe("eof");
  }));

test("an Expect from an HTTP/1.0 client is no reason for a 100", () =>
  onGround({}, async ({ connect }) => {
    const client = await connect();
    await say(client, expecting("Content-Length: 5").replace("HTTP/1.1", "HTTP/1.0"));
    await client.send("hello");
    const response = await readResponse(client);
    expect([response.interim.length, response.body.toString()]).toEqual([0, "to /expect"]);
  }));

test("an instance that answers 100 when elbow already has: the client sees one", () =>
  onGround({ answer: () => continueLine + continueLine + final }, async ({ connect }) => {
    const client = await connect();
    await client.send(`${expecting("Content-Length: 5")}hello`);
    const response = await readResponse(client);
    expect([response.interim.length, response.body.toString()]).toEqual([1, "final"]);
  }));

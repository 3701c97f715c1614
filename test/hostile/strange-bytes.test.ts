// Bytes that are no request, or too much of one: other protocols, garbage, floods of headers, heads without end. Each
// gets a defined answer or a close, none reaches an instance, and what is held stays bounded.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { seededBytes } from "../support/byte-stream.ts";
import { exchange, readResponse } from "../support/http-message.ts";
import { onGround, say, statusOf } from "./ground.ts";

setDefaultTimeout(30_000);

const KIB = 1024;

/** A TLS 1.2 ClientHello, as a browser that takes the port for an HTTPS one sends it. */
const clientHello = Buffer.from(
  `16030100${(0x2f).toString(16)}0100002b0303${"ab".repeat(32)}000004c02fc0300100000000`,
  "hex",
);

const strange: ReadonlyArray<readonly [name: string, wire: string | Uint8Array, statuses: ReadonlyArray<number>]> = [
  ["an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", [400]],
  ["a TLS ClientHello", clientHello, [400]],
  ["an SSH banner without a blank", "SSH-2.0-OpenSSH_9.2p1\r\n", [400]],
  // Two words and no version are an HTTP/0.9 request, whatever the words: the answer is its body alone.
  ["an SSH banner", "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", [0, 400]],
  [
    "a PROXY protocol line before a request",
    "PROXY TCP4 6.6.6.6 6.6.6.7 1 2\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n",
    [400],
  ],
  [
    "a PROXY protocol header of version 2",
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x50\0\x51",
    [400],
  ],
  ["a memcached command", "stats\r\n", [400]],
  ["an SMTP greeting", "EHLO test\r\n", [0, 400]],
  ["NULs", "\0".repeat(100), [400]],
  ["a blank", " ", [400, 408]],
  ["a tab and a line end", "\t\r\n", [400]],
  ["a bare CR", "\rX", [400]],
  ["a status line", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", [400]],
  ["colons", ":::::\r\n\r\n", [400]],
  ["a Latin text", "Gallia est omnis divisa in partes tres\r\n\r\n", [400]],
  ["UTF-16", Buffer.from("GET / HTTP/1.1\r\nHost: test\r\n\r\n", "utf16le"), [400]],
];

test.each(strange)("%s gets a defined answer and the end", (_, wire, statuses) =>
  onGround({ attributes: { requestHeadTimeout: 1 } }, async ({ connect, victims, received }) => {
    const client = await connect();
    await say(client, wire);
    await victims();
    await client.halfClose().catch(() => {});
    const status = await statusOf(client);
    expect(["eof", "reset"]).toContain(await client.receiveEnd());
    expect(status).toBeOneOf([...statuses]);
    if (status !== 0) expect(received()).toEqual([]);
  }),
);

test("random bytes, 60 times over: an answer or a close, and nothing that elbow didn't write", () =>
  onGround({ attributes: { requestHeadTimeout: 1 } }, async ({ connect, victims }) => {
    for (let round = 0; round < 60; round++) {
      const client = await connect();
      await say(client, seededBytes(1 + ((round * 37) % 2000), round + 1));
      await client.halfClose().catch(() => {});
      expect(["eof", "reset"]).toContain(await client.receiveEnd());
      const text = Buffer.concat(client.recorded).toString("latin1");
      if (text !== "") expect(text).toMatch(/^HTTP\/1\.1 (200|400|405|408) |^to /);
      client.dispose();
      if (round % 20 === 0) await victims();
    }
  }));

const start = "GET /flood HTTP/1.1\r\nHost: test\r\n";

const floods: ReadonlyArray<readonly [name: string, wire: string, status: number]> = [
  ["101 headers", `${start}${"X-A: b\r\n".repeat(100)}\r\n`, 400],
  ["10,000 headers", `${start}${"X-A: b\r\n".repeat(10_000)}\r\n`, 400],
  ["one header of 17 KiB", `${start}X-A: ${"b".repeat(17 * KIB)}\r\n\r\n`, 400],
  ["a head of 65 KiB", `${start}${`X-A: ${"b".repeat(8000)}\r\n`.repeat(9)}\r\n`, 400],
  ["a header without end", `${start}X-A: ${"b".repeat(500 * KIB)}`, 400],
  ["a header name without end", `${start}${"X".repeat(500 * KIB)}`, 400],
  ["blanks without end before a value", `${start}X-A:${" ".repeat(500 * KIB)}`, 400],
  ["a request line of 17 KiB", `GET /${"a".repeat(17 * KIB)} HTTP/1.1\r\nHost: test\r\n\r\n`, 400],
  ["a target without end", `GET /${"a".repeat(500 * KIB)}`, 400],
  ["a method of 128 characters", `${"A".repeat(128)} / HTTP/1.1\r\nHost: test\r\n\r\n`, 405],
  ["a method without end", "A".repeat(500 * KIB), 405],
  ["empty lines without end", "\r\n".repeat(250 * KIB), 400],
  ["folds without end", `${start}X-A: b\r\n${" c\r\n".repeat(50_000)}\r\n`, 400],
  ["a Connection that names 10,000 headers", `${start}Connection: ${"a,".repeat(10_000)}b\r\n\r\n`, 400],
  ["a Transfer-Encoding of 5000 codings", `${start}Transfer-Encoding: ${"gzip, ".repeat(5000)}chunked\r\n\r\n`, 400],
  ["10,000 odd lines", `${start}${"no colon\r\n".repeat(10_000)}\r\n`, 400],
];

test.each(floods)("%s are refused at the limit, and the connection ends", (_, wire, status) =>
  onGround({}, async ({ connect, victims, received }) => {
    const client = await connect();
    void say(client, wire);
    await victims();
    expect(await statusOf(client)).toBe(status);
    expect(["eof", "reset"]).toContain(await client.receiveEnd());
    expect(received()).toEqual([]);
  }),
);

describe("a chunked body", () => {
  const head = "POST /flood HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";

  test.each([
    ["an extension without end", `1;${"a".repeat(500 * KIB)}`],
    ["a size of zeros without end", "0".repeat(500 * KIB)],
    ["a trailer without end", `0\r\nX-A: ${"b".repeat(500 * KIB)}`],
    ["trailers without end", `0\r\n${"X-A: b\r\n".repeat(50_000)}`],
  ])("with %s is refused at the limit", (_, body) =>
    onGround({}, async ({ connect, victims, received }) => {
      const client = await connect();
      void say(client, head + body);
      await victims();
      expect(await statusOf(client)).toBe(400);
      expect(["eof", "reset"]).toContain(await client.receiveEnd());
      expect(received()).toEqual([]);
    }),
  );

  test("of 50,000 chunks of one byte, each with an extension, goes on whole", () =>
    onGround({}, async ({ connect, victims, received }) => {
      const client = await connect();
      const sending = client.send(`${head}${`1;ext="${"e".repeat(20)}"\r\nb\r\n`.repeat(50_000)}0\r\n\r\n`);
      await victims();
      await sending;
      expect((await readResponse(client)).body.toString()).toBe("to /flood");
      expect(received()[0]?.body).toBe("b".repeat(50_000));
    }));
});

test.each([
  ["with a target alone", "GET /old\r\n"],
  ["with a bare LF", "GET /old\n"],
])("HTTP/0.9 %s gets the body alone and the end", (_, wire) =>
  onGround({}, async ({ connect, victims, received }) => {
    const client = await connect();
    await client.send(wire);
    await victims();
    expect((await client.takeToEnd()).toString()).toBe("to /old");
    expect(received().map(({ startLine }) => startLine)).toEqual(["GET /old HTTP/1.1"]);
  }),
);

test("HTTP/0.9 with its version spelled out gets its answer once, and the end", () =>
  onGround({}, async ({ connect, received }) => {
    const client = await connect();
    await say(client, "GET /old HTTP/0.9\r\n\r\nGET /behind HTTP/1.1\r\nHost: test\r\n\r\n");
    expect((await client.takeToEnd()).toString()).toEndWith("to /old");
    expect(received().map(({ startLine }) => startLine)).toEqual(["GET /old HTTP/1.1"]);
  }));

test("as many headers as may be, each as long as may be, still pass", () =>
  onGround({}, async ({ connect, received }) => {
    const client = await connect();
    const headers = Array.from({ length: 99 }, (_, index) => [`X-${index}`, "v".repeat(600)] as const);
    expect((await exchange(client, "/many", { headers })).body.toString()).toBe("to /many");
    expect(received()[0]?.headers.filter(([name]) => /^X-[0-9]/.test(name)).length).toBe(99);
  }));

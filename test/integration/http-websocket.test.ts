// WebSocket through an HTTP listener (RFC 6455): real clients and real servers speak it, and a reload disturbs nobody.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import type { Server } from "bun";
import { seededBytes } from "../support/byte-stream.ts";
import { configurationOf, type RunningElbow, startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { eventually, within } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { findProgram, runProgram, titleOf } from "../support/program.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText } from "../support/scripts.ts";
import {
  formatFrame,
  formatHandshake,
  maskedFrame,
  opcode,
  readFrame,
  sampleAccept,
  serveWebSocket,
  shakeHands,
} from "../support/web-socket.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

describe("real ends", () => {
  /** What the server saw of handshakes, pings, pongs and ends. */
  const seen = {
    headers: {} as Record<string, string>,
    pings: [] as Array<string>,
    pongs: [] as Array<string>,
    closes: [] as Array<readonly [number, string]>,
  };
  let server: Server<undefined>;
  let elbow: RunningElbow;

  beforeAll(async () => {
    server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request, it) {
        seen.headers = Object.fromEntries(request.headers);
        const protocol = request.headers.get("sec-websocket-protocol")?.split(", ")[0];
        const headers = { "X-Served-By": "bun", ...(protocol && { "Sec-WebSocket-Protocol": protocol }) };
        return it.upgrade(request, { headers }) ? undefined : new Response("plain");
      },
      websocket: {
        perMessageDeflate: true,
        maxPayloadLength: 16 * MIB,
        message(socket, message) {
          if (message === "ping me") socket.ping("from the server");
          else if (message === "close me") socket.close(4002, "as you wish");
          else socket.send(message, typeof message === "string" && message.length > 1000);
        },
        ping: (_, payload) => void seen.pings.push(payload.toString()),
        pong: (_, payload) => void seen.pongs.push(payload.toString()),
        close: (_, code, reason) => void seen.closes.push([code, reason]),
      },
    });
    elbow = await startElbow({ protocol: "HTTP", instances: [{ port: server.port! }] });
  });
  afterAll(async () => {
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0, { what: "nothing open" });
    await elbow.stop();
    await server.stop(true);
  });

  /** Bun's WebSocket takes headers too, which the type of a browser's doesn't know. */
  interface Options {
    readonly protocols?: ReadonlyArray<string>;
    readonly headers?: Readonly<Record<string, string>>;
  }
  const open = async (options: Options = {}): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${elbow.port()}/socket`, options as never);
    socket.binaryType = "nodebuffer";
    await once(socket, "open");
    return socket;
  };
  interface Events {
    readonly open: Event;
    readonly message: MessageEvent;
    readonly pong: MessageEvent;
    readonly close: CloseEvent;
  }
  const once = <Name extends keyof Events>(socket: WebSocket, name: Name): Promise<Events[Name]> => {
    const event = new Promise<Events[Name]>((take) => {
      socket.addEventListener(name as "message", take as never, { once: true });
    });
    return within(event, 10_000, () => `no ${name}`);
  };
  const echoed = async (socket: WebSocket, message: string | Buffer): Promise<string | Buffer> => {
    const answer = once(socket, "message");
    socket.send(message);
    return (await answer).data;
  };
  const end = async (socket: WebSocket, code?: number, reason?: string): Promise<CloseEvent> => {
    const closed = once(socket, "close");
    socket.close(code, reason);
    return closed;
  };

  test("text and binary are echoed, small and 1 MiB, one after another", async () => {
    const socket = await open();
    expect(await echoed(socket, "héllo")).toBe("héllo");
    expect(await echoed(socket, "")).toBe("");
    const binary = seededBytes(MIB, 1);
    expect(Buffer.compare((await echoed(socket, binary)) as Buffer, binary)).toBe(0);
    const text = "åß".repeat(MIB / 4);
    expect((await echoed(socket, text)) === text).toBe(true);
    for (let index = 0; index < 200; index++) expect(await echoed(socket, `${index}`)).toBe(`${index}`);
    await end(socket);
  });

  test("pings of either side are answered by the other", async () => {
    const socket = await open();
    const pong = once(socket, "pong");
    socket.ping("from the client");
    await pong;
    expect(seen.pings.at(-1)).toBe("from the client");
    socket.send("ping me");
    await eventually(() => seen.pongs.at(-1) === "from the server");
    await end(socket);
  });

  test("close codes and reasons pass, whichever side closes", async () => {
    const socket = await open();
    const { code, reason, wasClean } = await end(socket, 4001, "enough");
    expect([code, reason, wasClean]).toEqual([4001, "enough", true]);
    await eventually(() => seen.closes.at(-1)?.[0] === 4001);
    expect(seen.closes.at(-1)).toEqual([4001, "enough"]);

    const other = await open();
    const closed = once(other, "close");
    other.send("close me");
    const event = await closed;
    expect([event.code, event.reason, event.wasClean]).toEqual([4002, "as you wish", true]);
  });

  test("subprotocols, extensions, headers and X-Forwarded-… pass", async () => {
    const socket = await open({
      protocols: ["chat", "superchat"],
      headers: { Origin: "http://origin.example", Cookie: "a=1", "X-Forwarded-For": "192.0.2.1" },
    });
    expect(socket.protocol).toBe("chat");
    expect(socket.extensions).toContain("permessage-deflate");
    expect(seen.headers).toMatchObject({
      host: `127.0.0.1:${elbow.port()}`,
      upgrade: "websocket",
      connection: "upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-protocol": "chat, superchat",
      origin: "http://origin.example",
      cookie: "a=1",
      "x-forwarded-for": "192.0.2.1, 127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-port": String(elbow.port()),
    });
    expect(seen.headers["sec-websocket-extensions"]).toContain("permessage-deflate");
    // Compressed both ways: nobody looked into a frame.
    expect(await echoed(socket, "again and ".repeat(10_000))).toBe("again and ".repeat(10_000));
    await end(socket);
  });

  test("fifty at once, each with its own messages", async () => {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => open()));
    const talk = async (socket: WebSocket, name: number) => {
      for (let round = 0; round < 10; round++) {
        const text = `${name}-${round}-${"x".repeat(name * 100)}`;
        expect(await echoed(socket, text)).toBe(text);
      }
    };
    await Promise.all(sockets.map(talk));
    expect(elbow.outstanding()).toBe(50);
    await Promise.all(sockets.map((socket) => end(socket)));
  });

  test("a client that leaves without a word: its server hears of it", async () => {
    const before = seen.closes.length;
    const socket = await open();
    socket.terminate();
    await eventually(() => seen.closes.length > before);
    expect(seen.closes.at(-1)![0]).toBe(1006);
  });

  test("a message in fragments, with a ping between them, byte by byte", async () => {
    using client = await RawClient.connect(elbow.port());
    await client.send(formatHandshake());
    const response = await client.takeUntil("\r\n\r\n");
    expect(response.toString()).toContain(`\r\nSec-WebSocket-Accept: ${sampleAccept}\r\n`);
    expect(response.toString()).toContain("\r\nX-Served-By: bun\r\n");
    const frames = [
      maskedFrame(opcode.text, "in ", false),
      maskedFrame(opcode.ping, "amid"),
      maskedFrame(opcode.continuation, "three ", false),
      maskedFrame(opcode.continuation, "parts"),
    ];
    await client.sendSlowly(Buffer.concat(frames));
    expect(await readFrame(client)).toEqual({ opcode: opcode.pong, isLast: true, payload: Buffer.from("amid") });
    expect(await readFrame(client)).toEqual({
      opcode: opcode.text,
      isLast: true,
      payload: Buffer.from("in three parts"),
    });
    await client.send(maskedFrame(opcode.close, Buffer.from([0x03, 0xe8])));
    expect(await readFrame(client)).toEqual({ opcode: opcode.close, isLast: true, payload: Buffer.from([0x03, 0xe8]) });
    expect(await client.receiveEnd()).toBe("eof");
    await client.close();
  });

  test.skipIf(findProgram("node") === undefined)(`${titleOf("node")}'s own WebSocket`, async () => {
    const program = resolve(import.meta.dir, "../support/node-web-socket.mjs");
    const { stdout, stderr } = await runProgram([
      findProgram("node")!,
      "--no-warnings",
      "--experimental-websocket",
      program,
      String(elbow.port()),
    ]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout.toString())).toEqual({
      seen: ["héllo", MIB, true],
      protocol: "chat",
      code: 4001,
      reason: "enough",
      wasClean: true,
    });
  });
});

test("a reload that changes the attribute holds for the next handshake, and keeps those that are open", async () => {
  using instance = FakeInstance.start(
    serveWebSocket(async (connection) => {
      for (;;) await connection.send(formatFrame(opcode.text, (await readFrame(connection)).payload));
    }),
  );
  using other = FakeInstance.start(answerText("other"));
  const port = freePort();
  const written = (webSocket: boolean, instances: WrittenLoadBalancer["instances"] = [instance]) =>
    configurationOf([{ protocol: "HTTP", port, instances, attributes: { webSocket } }]);
  const echo = async (client: RawClient, text: string) => {
    await client.send(maskedFrame(opcode.text, text));
    return (await readFrame(client)).payload.toString();
  };
  await using elbow = await startElbow(written(true));
  using old = await RawClient.connect(port);
  using kept = await RawClient.connect(port);
  await shakeHands(old);
  expect((await exchange(kept, "/")).body.toString()).toBe("plain /");

  await elbow.apply(written(false));
  expect(await echo(old, "still")).toBe("still");
  await kept.send(formatHandshake());
  expect((await readResponse(kept)).body.toString()).toBe("plain /socket");

  await elbow.apply(written(true));
  await shakeHands(kept);
  expect(await echo(kept, "now")).toBe("now");

  // Its instance is deregistered: a tunnel belongs to it until it ends.
  await elbow.apply(written(true, [other]));
  expect([await echo(old, "and still"), await echo(kept, "this too")]).toEqual(["and still", "this too"]);
  using fresh = await RawClient.connect(port);
  expect((await exchange(fresh, "/")).body.toString()).toBe("other");

  // Its listener is removed: it may go on for a while.
  await elbow.apply(configurationOf([{ protocol: "HTTP", port: freePort(), instances: [other] }]));
  await expect(RawClient.connect(port)).rejects.toThrow();
  expect(await echo(old, "even so")).toBe("even so");
});

// Real clients against elbow: curl, Bun's fetch, Node's http with a keep-alive agent. Each does what it does by itself
// (its own framing, its own waits, its own reuse of connections), and gets what the instance meant.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { seededBytes, sendStream } from "../support/byte-stream.ts";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { formatResponse, header, headerValues, readHead } from "../support/http-message.ts";
import { findProgram, runProgram, titleOf } from "../support/program.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** Tells method, target and size of what it got; some paths are special. Heads are met before their bodies. */
const startInstance = (): FakeInstance =>
  FakeInstance.start(async (connection) => {
    for (;;) {
      await connection.waitFor(
        () => connection.peek().includes("\r\n\r\n") || connection.ending !== "open",
        "a head",
        60_000,
      );
      if (connection.peek().toString("latin1").split(" ")[1] === "/early") {
        await readHead(connection);
        await connection.send(formatResponse("too much", { status: "413 Content Too Large" })).catch(() => {});
        return;
      }
      const request = await connection.readRequest();
      if (request === undefined) return connection.ending === "eof" ? connection.close() : undefined;
      const { method, target, body } = request;
      const text = `${method} ${target} ${body.length > 100 ? sha256(body) : body.length}`;
      if (method === "HEAD") await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
      else if (target === "/big") {
        await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${50 * MIB}\r\n\r\n`);
        await sendStream(connection, 50 * MIB, 9).catch(() => {});
      } else if (target === "/chunked") {
        await connection.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n",
        );
      } else if (target === "/hints") {
        await connection.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${formatResponse(text)}`);
      } else if (target === "/trailers") {
        await connection.send(
          "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n",
        );
      } else if (target === "/events") {
        await connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
        await eventually(() => isReleased, { timeoutMs: 10_000 });
        await connection.send("data: 2\n\n").catch(() => {});
        return connection.close();
      } else if (target === "/close") {
        await connection.send(formatResponse(text, { headers: [["Connection", "close"]] }));
        return connection.close();
      } else await connection.send(formatResponse(text));
    }
  });

let isReleased = false;
let instance: FakeInstance;
let elbow: RunningElbow;

beforeAll(async () => {
  instance = startInstance();
  elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
});
afterAll(async () => {
  // Every request was read to its end, and none was malformed.
  expect(instance.scriptErrors).toEqual([]);
  await elbow.stop();
  instance.stop();
});

const url = (path: string): string => `http://127.0.0.1:${elbow.port()}${path}`;
const lastRequest = () => instance.requests.at(-1)!;

describe.skipIf(findProgram("curl") === undefined)(titleOf("curl"), () => {
  const folder = makeFolder();
  afterAll(() => folder[Symbol.dispose]());

  /** Runs curl and gives its output, which must be of use: curl itself has found nothing wrong. */
  const curl = async (args: ReadonlyArray<string>, stdin?: Uint8Array): Promise<string> => {
    const command = [findProgram("curl") as string, "-q", "--noproxy", "*", "-sS", "--max-time", "15", ...args];
    const { code, stdout, stderr } = await runProgram(command, stdin === undefined ? {} : { stdin });
    expect([code, stderr]).toEqual([0, ""]);
    return stdout.toString("latin1");
  };

  test("GET", async () => {
    expect(await curl([url("/a?b=c")])).toBe("GET /a?b=c 0");
    expect(header(lastRequest(), "host")).toBe(`127.0.0.1:${elbow.port()}`);
    expect(header(lastRequest(), "user-agent")).toStartWith("curl/");
  });

  test("HEAD", async () => {
    expect(await curl(["-I", url("/head")])).toBe(
      "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nConnection: keep-alive\r\n\r\n",
    );
  });

  test("POST of a form, of a megabyte, and of nothing", async () => {
    expect(await curl(["-d", "a=b", url("/form")])).toBe("POST /form 3");
    const bytes = seededBytes(MIB, 1);
    // curl expects 100 for a body of this size, and waits for it for a second at most.
    expect(await curl(["--data-binary", "@-", url("/mib")], bytes)).toBe(`POST /mib ${sha256(bytes)}`);
    expect(await curl(["-d", "", url("/nothing")])).toBe("POST /nothing 0");
  });

  test("an upload in chunks, from its standard input", async () => {
    const bytes = seededBytes(3 * MIB, 2);
    expect(await curl(["-T", "-", url("/chunks")], bytes)).toBe(`PUT /chunks ${sha256(bytes)}`);
    expect(headerValues(lastRequest(), "transfer-encoding")).toEqual(["chunked"]);
  });

  test("an upload that waits for 100 doesn't wait for long, and the instance sees no Expect", async () => {
    const text = await curl([
      "-H",
      "Expect: 100-continue",
      "--expect100-timeout",
      "10",
      "-w",
      " %{time_total}",
      "-d",
      "hello",
      url("/expect"),
    ]);
    const [method, target, length, seconds] = text.split(" ");
    expect([method, target, length]).toEqual(["POST", "/expect", "5"]);
    // curl would have sent it without after ten seconds.
    expect(Number(seconds)).toBeLessThan(5);
    expect(header(lastRequest(), "expect")).toBeUndefined();
  });

  test("HTTP/1.0", async () => {
    expect(await curl(["--http1.0", url("/old")])).toBe("GET /old 0");
    expect(await curl(["--http1.0", url("/chunked")])).toBe("abcde");
    expect(lastRequest().startLine).toBe("GET /chunked HTTP/1.1");
  });

  test("an upgrade to h2c is passed over", async () => {
    // A curl that can't speak HTTP/2 is told to send what one that can sends.
    const asking = (await curl(["-V"])).includes("HTTP2")
      ? ["--http2"]
      : ["-H", "Connection: Upgrade, HTTP2-Settings", "-H", "Upgrade: h2c", "-H", "HTTP2-Settings: AAMAAABkAAQAAP__"];
    expect(await curl([...asking, url("/h2c"), "-w", " %{http_version}"])).toBe("GET /h2c 0 1.1");
    expect([header(lastRequest(), "upgrade"), header(lastRequest(), "http2-settings")]).toEqual([undefined, undefined]);
  });

  test("chunks, gone again", async () => {
    expect(await curl([url("/chunked")])).toBe("abcde");
    expect(await curl(["--raw", url("/chunked")])).toEndWith("0\r\n\r\n");
  });

  test("several requests on one connection, though the instance closes its own", async () => {
    const text = await curl(["-w", " %{num_connects}\n", url("/1"), url("/close"), url("/3"), url("/4")]);
    expect(text).toBe("GET /1 0 1\nGET /close 0 0\nGET /3 0 0\nGET /4 0 0\n");
  });

  test("a download of 50 MiB, and one that it breaks off", async () => {
    const file = resolve(folder.path, "big");
    await curl(["-o", file, url("/big")]);
    expect(Bun.file(file).size).toBe(50 * MIB);
    const command = [
      findProgram("curl") as string,
      "-q",
      "--noproxy",
      "*",
      "-s",
      "--max-filesize",
      "1000",
      url("/big"),
    ];
    expect((await runProgram(command)).code).toBe(63);
    await eventually(() => elbow.outstanding() === 0);
  });

  test("a big upload that is answered early: curl has the 413", async () => {
    const file = folder.write("upload", "x".repeat(20 * MIB));
    expect(await curl(["-T", file, "-w", " %{http_code}", url("/early")])).toBe("too much 413");
    expect(await curl(["-T", file, "-H", "Expect:", "-w", " %{http_code}", url("/early")])).toBe("too much 413");
    await eventually(() => elbow.outstanding() === 0);
    expect(await curl([url("/after")])).toBe("GET /after 0");
  });

  test("a blank in the target, as it shouldn't be", async () => {
    expect(await curl(["--request-target", "/a b", url("/")])).toBe("GET /a%20b 0");
  });

  test("folded lines and other oddities of a header that it is told to send", async () => {
    expect(await curl(["-H", "X-A: b\r\n c", "-H", "Empty;", url("/odd")])).toBe("GET /odd 0");
    expect([header(lastRequest(), "x-a"), header(lastRequest(), "empty")]).toEqual(["b c", ""]);
  });
});

describe("Bun's fetch", () => {
  test("GET, POST and HEAD", async () => {
    expect(await (await fetch(url("/a"))).text()).toBe("GET /a 0");
    expect(await (await fetch(url("/b"), { method: "POST", body: "hello" })).text()).toBe("POST /b 5");
    const head = await fetch(url("/c"), { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "1234"]);
  });

  test("a body that it streams", async () => {
    const bytes = seededBytes(2 * MIB, 3);
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let at = 0; at < bytes.length; at += 50_000) {
          controller.enqueue(bytes.subarray(at, at + 50_000));
          await Bun.sleep(0);
        }
        controller.close();
      },
    });
    expect(await (await fetch(url("/stream"), { method: "PUT", body })).text()).toBe(`PUT /stream ${sha256(bytes)}`);
  });

  test("100 at once, twice over", async () => {
    for (let round = 0; round < 2; round++) {
      const texts = await Promise.all(
        Array.from({ length: 100 }, async (_, index) => (await fetch(url(`/${index}`))).text()),
      );
      expect(texts).toEqual(Array.from({ length: 100 }, (_, index) => `GET /${index} 0`));
    }
  });

  test("events as they come", async () => {
    isReleased = false;
    const response = await fetch(url("/events"));
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("data: 1\n\n");
    isReleased = true;
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("data: 2\n\n");
    expect((await reader.read()).done).toBe(true);
  });

  test("a download that it gives up: the instance is let go", async () => {
    const stop = new AbortController();
    const response = await fetch(url("/big"), { signal: stop.signal });
    await response.body!.getReader().read();
    stop.abort();
    await eventually(() => elbow.outstanding() === 0);
    expect(await (await fetch(url("/after"))).text()).toBe("GET /after 0");
  });
});

describe.skipIf(findProgram("node") === undefined)(`Node's http client: ${titleOf("node")}`, () => {
  test("keep-alive agent, streamed upload, 100, hints and trailers", async () => {
    const script = resolve(import.meta.dir, "../support/node-client.mjs");
    const { code, stdout, stderr } = await runProgram([findProgram("node") as string, script, String(elbow.port())]);
    expect([code, stderr]).toEqual([0, ""]);
    const seen = JSON.parse(stdout.toString());
    expect(seen).toMatchObject({
      statuses: [200],
      right: 200,
      connections: 4,
      upload: `PUT /upload ${seen.uploadHash}`,
      sawContinue: true,
      expected: "POST /expect 5",
      hints: [103],
      hinted: "GET /hints 0",
      trailers: { "x-sum": "7" },
    });
  });
});

// One HTTP check against real sockets: what is asked, which answers pass, and every way in which one can fail, in words.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { bodyMaxBytes } from "../../src/health/probe-response.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { header } from "../support/http-message.ts";
import {
  afterRequest,
  areLeft,
  ask,
  leaveNothing,
  ok,
  say,
  sayAndClose,
  shortTimeout,
  spell,
} from "../support/probing.ts";
import { answerText, serveHttp, silence } from "../support/scripts.ts";
import { TlsInstance } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

leaveNothing();

describe("HTTP", () => {
  test("asks for the path on a connection of its own, and says who asks", async () => {
    using instance = FakeInstance.start(answerText("ok"));
    for (let round = 0; round < 3; round++) expect(spell(await ask("HTTP", instance.port))).toBe("+ status 200");
    expect(instance.connections.length).toBe(3);
    const [request] = instance.requests;
    expect(request?.startLine).toBe("GET /ping HTTP/1.1");
    expect(request?.headers).toEqual([
      ["Host", `127.0.0.1:${instance.port}`],
      ["User-Agent", "ELB-HealthChecker/1.0"],
      ["Accept", "*/*"],
      ["Connection", "close"],
    ]);
    await eventually(() => areLeft(instance));
  });

  test("over TLS, the same", async () => {
    using instance = await TlsInstance.secure(answerText("ok"));
    expect(spell(await ask("HTTPS", instance.port))).toBe("+ status 200");
    expect(instance.requests[0]?.startLine).toBe("GET /ping HTTP/1.1");
    await eventually(() => areLeft(instance));
  });

  test("with a preamble, Host, headers and other success codes", async () => {
    using instance = FakeInstance.start(async (connection) => {
      await connection.takeUntil("PROXY UNKNOWN\r\n");
      await serveHttp(() => "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nyes")(connection);
    });
    const options = {
      preamble: Buffer.from("PROXY UNKNOWN\r\n"),
      host: "app.test",
      headers: { "X-Check": "1" },
      successCodes: "200-299,404",
      expectBody: "yes",
    };
    expect(spell(await ask("HTTP", instance.port, options))).toBe("+ status 404");
    const [request] = instance.requests;
    expect(header(request!, "Host")).toBe("app.test");
    expect(header(request!, "X-Check")).toBe("1");
  });

  test.each([
    ["204 No Content", "- status 204"],
    ["302 Found\r\nLocation: /", "- status 302"],
    ["500 Internal Server Error", "- status 500"],
    ["503 Service Unavailable", "- status 503"],
  ])("%j: %s", async (status, outcome) => {
    using instance = FakeInstance.start(say(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`));
    expect(spell(await ask("HTTP", instance.port))).toBe(outcome);
    await eventually(() => areLeft(instance));
  });

  test.each<readonly [string, Script, string]>([
    ["a body of a length", sayAndClose(`${ok}Content-Length: 2\r\n\r\nok`), "+ status 200"],
    ["chunks", say(`${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`), "+ status 200"],
    ["nothing behind the head", sayAndClose(`${ok}\r\n`), "+ status 200"],
    ["an interim response first", say(`HTTP/1.1 100 Continue\r\n\r\n${ok}Content-Length: 0\r\n\r\n`), "+ status 200"],
    ["a body without a length", sayAndClose(`${ok}\r\nhello`), "- a body without Content-Length or chunks"],
    ["half a body", sayAndClose(`${ok}Content-Length: 5\r\n\r\nhell`), "- closed before the response was whole"],
    [
      "chunks without an end",
      sayAndClose(`${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`),
      "- closed before the response was whole",
    ],
    ["a broken chunk", say(`${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\n`), "- broken response: bad chunk size"],
    [
      "two lengths",
      say(`${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`),
      "- broken response: different content lengths",
    ],
    ["no HTTP", (connection) => connection.send("220 mail.test ESMTP\r\n"), "- the answer isn't HTTP/1"],
    ["the end at once", (connection) => connection.close(), "- closed without a response"],
    ["the end behind the request", afterRequest((connection) => connection.close()), "- closed without a response"],
    ["a half-close", afterRequest((connection) => connection.halfClose()), "- closed without a response"],
    ["a reset", afterRequest((connection) => connection.reset()), "- connection reset"],
    [
      "a reset in the body",
      afterRequest(async (connection) => {
        await connection.send(`${ok}Content-Length: 50\r\n\r\nhello`);
        connection.reset();
      }),
      "- connection reset",
    ],
    ["silence", silence, "- timeout after 0.6 s"],
    ["half a head, and silence", say(ok), "- timeout after 0.6 s"],
    ["half a body, and silence", say(`${ok}Content-Length: 5\r\n\r\nhell`), "- timeout after 0.6 s"],
    ["no body, no length and no end", say(`${ok}\r\n`), "- timeout after 0.6 s"],
    [
      "a head that trickles",
      (connection) => connection.sendSlowly(`${ok}X-Long: ${"x".repeat(500)}\r\n\r\n`, 1, 20),
      "- timeout after 0.6 s",
    ],
    [
      "a body that trickles",
      afterRequest(async (connection) => {
        await connection.send(`${ok}Content-Length: 500\r\n\r\n`);
        await connection.sendSlowly("x".repeat(500), 1, 20);
      }),
      "- timeout after 0.6 s",
    ],
    [
      "a huge head",
      say(`${ok}${"X-Fill: ".concat("x".repeat(1000), "\r\n").repeat(90)}`),
      "- broken response: head too large",
    ],
    ["a huge field", say(`${ok}X-Fill: ${"x".repeat(40_000)}`), "- broken response: field too long"],
  ])("%s", async (_, script, outcome) => {
    using instance = FakeInstance.start(script);
    const result = await ask("HTTP", instance.port, { timeout: shortTimeout });
    expect(spell(result)).toBe(outcome);
    expect(result.isConnected).toBe(true);
    expect(result.durationMs).toBeLessThan(2500);
    await eventually(() => areLeft(instance));
  });

  test("a body without end is left at its limit, long before the timeout", async () => {
    using instance = FakeInstance.start(
      afterRequest(async (connection) => {
        await connection.send(`${ok}Transfer-Encoding: chunked\r\n\r\n`);
        const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
        for (let count = 0; count < 10_000 && !connection.isDone; count++) await connection.send(chunk);
      }),
    );
    expect(spell(await ask("HTTP", instance.port))).toBe("- a body of more than 8 MiB");
    await eventually(() => areLeft(instance));
    expect(instance.connections[0]!.sentBytes).toBeLessThan(4 * bodyMaxBytes);
  });

  test("a TLS server, asked in clear", async () => {
    using instance = await TlsInstance.secure(answerText("never"));
    expect((await ask("HTTP", instance.port)).reason).toMatch(
      /^(the answer isn't HTTP\/1|closed without a response|connection reset)$/,
    );
  });

  test("a server in clear, asked for TLS", async () => {
    using instance = FakeInstance.start(async (connection) => {
      await connection.takeBytes(6);
      await connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    expect(spell(await ask("HTTPS", instance.port))).toBe("- TLS handshake failed: WRONG_VERSION_NUMBER");
  });
});

// The load balancer's cookie over real sockets: what every answer sets to the byte, and which values are good.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ListenerStickiness } from "../../src/model/stickiness.ts";
import { startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, headerValues, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import {
  byApplication,
  byDuration,
  StickyClient,
  setValues,
  startNamed,
  startThree,
  sticking,
} from "../support/sticky-clients.ts";
import { formatHandshake, serveWebSocket } from "../support/web-socket.ts";

setDefaultTimeout(30_000);

const wordsOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("latin1")
    .replaceAll(/=[0-9A-F]{138};/g, "=VALUE;");

/** The head of an answer to `request`, values left out. */
const headOf = async (stickiness: ListenerStickiness, answer: string, request = formatRequest("/")) => {
  using instance = FakeInstance.start(serveHttp(() => answer));
  await using elbow = await startElbow(sticking(stickiness, [instance]));
  using client = await RawClient.connect(elbow.port());
  await client.send(request);
  return wordsOf(await client.takeUntil("\r\n\r\n"));
};

describe("an answer's head, to the byte", () => {
  const plain = "HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: 0\r\n";
  const end = "Connection: keep-alive\r\n\r\n";
  const noCache = 'Cache-control: no-cache="set-cookie"\r\n';

  test("for a time", async () => {
    expect(await headOf(byDuration(60), `${plain}\r\n`)).toBe(
      `${plain}Set-Cookie: AWSELB=VALUE;PATH=/;MAX-AGE=60\r\nSet-Cookie: AWSELBCORS=VALUE;PATH=/;MAX-AGE=60;SECURE;SAMESITE=None\r\n${noCache}${end}`,
    );
  });

  test.each([byDuration(), byDuration(0)])("for the browser's session: %j", async (stickiness) => {
    expect(await headOf(stickiness, `${plain}\r\n`)).toBe(
      `${plain}Set-Cookie: AWSELB=VALUE;PATH=/\r\nSet-Cookie: AWSELBCORS=VALUE;PATH=/;SECURE;SAMESITE=None\r\n${noCache}${end}`,
    );
  });

  test("as long as the application's cookie", async () => {
    const own =
      "Set-Cookie: SESSION=x; Path=/my_app; Domain=.site.test; Max-Age=9; HttpOnly; SameSite=Lax; Priority=High\r\n";
    const copied = "Path=/my%5Fapp;Domain=.site.test;Max-Age=9;HttpOnly";
    expect(await headOf(byApplication, `${plain}${own}\r\n`)).toBe(
      `${plain}${own}Set-Cookie: AWSELB=VALUE;${copied};SameSite=Lax\r\nSet-Cookie: AWSELBCORS=VALUE;${copied};SECURE;SAMESITE=None\r\n${noCache}${end}`,
    );
  });

  test.each([
    ["doesn't set the application's cookie", ""],
    ["sets another", "Set-Cookie: SESSION2=x; Path=/\r\n"],
    ["ends its line in a semicolon", "Set-Cookie: SESSION=x; Path=/;\r\n"],
  ])("an answer that %s gets none", async (_, own) => {
    expect(await headOf(byApplication, `${plain}${own}\r\n`)).toBe(`${plain}${own}${end}`);
  });

  test.each([
    ["HEAD", formatRequest("/", { method: "HEAD" }), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
    ["204", undefined, "HTTP/1.1 204 No Content\r\n\r\n"],
    ["304", undefined, "HTTP/1.1 304 Not Modified\r\n\r\n"],
    ["an error of the instance's", undefined, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"],
    ["chunks", undefined, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a sloppy head", undefined, "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["HTTP/1.0", Buffer.from("GET / HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ])("%s is an answer like any other", async (_, request, answer) => {
    expect(await headOf(byDuration(), answer, request)).toContain(
      `\r\nSet-Cookie: AWSELB=VALUE;PATH=/\r\nSet-Cookie: AWSELBCORS=VALUE;PATH=/;SECURE;SAMESITE=None\r\n${noCache}`,
    );
  });
});

test("nothing is set on interim answers, on answers of elbow's own, and where there is no policy", async () => {
  using early = FakeInstance.start(
    serveHttp(() => "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
  );
  await using elbow = await startElbow(sticking(byDuration(), [early]));
  using client = await RawClient.connect(elbow.port());
  await client.send(formatRequest("/"));
  expect(wordsOf(await client.takeUntil("\r\n\r\n"))).toBe("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  expect(setValues(await readResponse(client))).toHaveLength(2);

  await elbow.apply(sticking(byDuration(), []));
  const refused = await exchange(client, "/");
  expect([refused.status, headerValues(refused, "set-cookie")]).toEqual([503, []]);
  using bad = await RawClient.connect(elbow.port());
  await bad.send("GET / HTTP/1.1\r\n\r\n");
  const malformed = await readResponse(bad);
  expect([malformed.status, headerValues(malformed, "set-cookie")]).toEqual([400, []]);

  // The policy is taken away: also from a connection that was served under it.
  using plain = startNamed("a");
  using kept = await RawClient.connect(elbow.port());
  await elbow.apply(sticking(byDuration(), [plain]));
  expect(setValues(await exchange(kept, "/"))).toHaveLength(2);
  await elbow.apply(sticking(undefined, [plain]));
  const answer = await exchange(kept, "/");
  expect([answer.status, headerValues(answer, "set-cookie"), headerValues(answer, "cache-control")]).toEqual([
    200,
    [],
    [],
  ]);
  await elbow.apply(sticking(byDuration(), [plain]));
  expect(setValues(await exchange(kept, "/"))).toHaveLength(2);
});

test("a cookie that was made up, changed or given out elsewhere is as good as none", async () => {
  using three = startThree();
  const good = sticking(byDuration(), three.all);
  await using elbow = await startElbow(good);
  const valueUnder = async (configuration: typeof good) => {
    await using other = await startElbow(configuration);
    const client = new StickyClient(other.port());
    await client.visit();
    return client.value;
  };
  const own = new StickyClient(elbow.port());
  const first = await own.visit();
  const { value } = own;
  expect(value).toMatch(/^[0-9A-F]{138}$/);
  const flip = (at: number) => value.slice(0, at) + (value[at] === "0" ? "1" : "0") + value.slice(at + 1);
  const forged = [
    ...["", "x", value.slice(1), value.slice(0, -1), `${value}0`, value.toLowerCase(), "A".repeat(138)],
    ...[flip(0), flip(63), flip(64), flip(137), value.slice(64) + value.slice(0, 64), value.repeat(20)],
    await valueUnder(sticking(byDuration(), three.all, { name: "other" })),
    await valueUnder(sticking(byDuration(), three.all, { instancePort: 10 })),
    await valueUnder(sticking(byDuration(), three.all, { secrets: ["another secret, long enough to be one"] })),
  ];
  for (const one of forged) {
    const seen = new Set<string>();
    for (let index = 0; index < 3; index++) {
      using client = await RawClient.connect(elbow.port());
      const answer = await exchange(client, "/", { headers: [["Cookie", `AWSELB=${one}; AWSELBCORS=${one}`]] });
      expect(setValues(answer)).toHaveLength(2);
      seen.add(answer.body.toString());
    }
    expect([one, seen.size]).toEqual([one, 3]);
  }
  expect(await own.visits()).toBe(first);
});

test("two nodes with one secret follow each other's cookies; a new secret in front loses nobody", async () => {
  using three = startThree();
  const [older, newer] = ["the older secret, long enough to be one", "the newer secret, long enough to be one"];
  const under = (...secrets: ReadonlyArray<string>) => sticking(byDuration(), three.all, { secrets });
  await using one = await startElbow(under(older));
  await using other = await startElbow(under(older));
  const client = new StickyClient(one.port());
  const first = await client.visit();
  client.port = other.port();
  expect(await client.visits()).toBe(first);
  const { value } = client;
  await one.apply(under(newer, older));
  client.port = one.port();
  expect(await client.visits()).toBe(first);
  expect(client.value).toBe(value);
  await one.apply(under(newer));
  await client.visit();
  expect(client.value).not.toBe(value);
});

test("the companion is good where the cookie itself doesn't come, and both go on to the instance", async () => {
  using three = startThree();
  await using elbow = await startElbow(sticking(byDuration(), three.all));
  const own = new StickyClient(elbow.port());
  const first = await own.visit();
  using client = await RawClient.connect(elbow.port());
  for (let index = 0; index < 3; index++) {
    const cookie = `a=b; AWSELBCORS=${own.value}`;
    const answer = await exchange(client, "/", { headers: [["Cookie", cookie]] });
    expect([answer.body.toString(), setValues(answer)]).toEqual([first, []]);
    expect(headerValues(three.of(first).requests.at(-1)!, "cookie")).toEqual([cookie]);
  }
});

test("an HTTPS listener, and an HTTP one with the same instance port, share their sessions", async () => {
  using three = startThree();
  const listeners = [
    { protocol: "HTTP", stickiness: byDuration(5) } as const,
    { ...(await secureListener("HTTPS")), stickiness: byDuration(5) },
  ];
  await using elbow = await startElbow({ protocol: "HTTP", listeners, instances: three.all });
  using secure = await SecureClient.connect(elbow.port(1));
  const answer = await exchange(secure, "/");
  const [value = ""] = setValues(answer);
  expect(headerValues(answer, "set-cookie")[1]).toBe(`AWSELBCORS=${value};PATH=/;MAX-AGE=5;SECURE;SAMESITE=None`);
  const headers = [["Cookie", `AWSELB=${value}`]] as const;
  using plain = await RawClient.connect(elbow.port(0));
  for (let index = 0; index < 3; index++) {
    expect((await exchange(secure, "/", { headers })).body).toEqual(answer.body);
    expect((await exchange(plain, "/", { headers })).body).toEqual(answer.body);
  }
});

test("a WebSocket handshake's answer carries the cookie, and the next handshake follows it", async () => {
  using a = FakeInstance.start(serveWebSocket(() => {}));
  using b = FakeInstance.start(serveWebSocket(() => {}));
  await using elbow = await startElbow(sticking(byDuration(), [a, b]));
  const shake = async (...headers: ReadonlyArray<readonly [string, string]>) => {
    using client = await RawClient.connect(elbow.port());
    await client.send(formatHandshake("/socket", { headers }));
    return (await client.takeUntil("\r\n\r\n")).toString("latin1");
  };
  const answer = await shake();
  expect(wordsOf(Buffer.from(answer))).toMatch(
    /^HTTP\/1\.1 101 Switching Protocols\r\nSec-WebSocket-Accept: \S+\r\nSet-Cookie: AWSELB=VALUE;PATH=\/\r\nSet-Cookie: AWSELBCORS=VALUE;PATH=\/;SECURE;SAMESITE=None\r\nCache-control: no-cache="set-cookie"\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n$/,
  );
  const value = /AWSELB=(\w+)/.exec(answer)?.[1] ?? "";
  const [named, other] = a.connections.length === 1 ? [a, b] : [b, a];
  for (let index = 0; index < 3; index++)
    expect(await shake(["Cookie", `AWSELB=${value}`])).not.toContain("Set-Cookie");
  expect([named.connections.length, other.connections.length]).toEqual([4, 0]);
});

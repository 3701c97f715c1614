// Clients that stay with their instances, over real sockets: who gets which request, and what every answer sets.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { toCookieSecret } from "../../src/model/cookie-secret.ts";
import { defaultHealthCheck, type HealthCheck } from "../../src/model/health-check.ts";
import type { ListenerStickiness } from "../../src/model/stickiness.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, headerValues, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import {
  answerNamed,
  byApplication,
  byDuration,
  StickyClient,
  setValues,
  startNamed,
} from "../support/sticky-clients.ts";
import { formatHandshake, serveWebSocket } from "../support/web-socket.ts";

setDefaultTimeout(30_000);

/** A configuration with one listener, on the same socket at every reload. */
const sticking = (
  stickiness: ListenerStickiness | undefined,
  instances: ReadonlyArray<FakeInstance>,
  options: { readonly name?: string; readonly secrets?: ReadonlyArray<string>; readonly instancePort?: number } = {},
) => {
  const { name = "web", secrets, instancePort = 9 } = options;
  const listeners = [{ instancePort, ...(stickiness === undefined ? {} : { stickiness }) }];
  return configurationOf(
    [{ name, protocol: "HTTP", listeners, instances }],
    secrets === undefined ? {} : { cookieSecrets: secrets.map(toCookieSecret) },
  );
};

const startThree = () => {
  const all = ["a", "b", "c"].map((name) => startNamed(name));
  return {
    all,
    /** The instance of this name. */
    of: (name: string) => all["abc".indexOf(name)] as FakeInstance,
    /** All but the instance of this name. */
    without: (name: string) => all.filter((_, index) => "abc"[index] !== name),
    [Symbol.dispose]: () => {
      for (const one of all) one.stop();
    },
  };
};

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

describe("stickiness by duration", () => {
  test("clients stay, each with its instance, until their cookie ends", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byDuration(60), three.all));
    const clients = [1, 2, 3].map(() => new StickyClient(elbow.port()));
    const firsts: Array<string> = [];
    for (const client of clients) firsts.push(await client.visit());
    expect([...firsts].sort().join("")).toBe("abc");
    for (const [index, client] of clients.entries()) {
      const { value } = client;
      expect(await client.visits()).toBe(firsts[index] as string);
      // Its end isn't put off.
      expect(client.value).toBe(value);
    }
    const [client] = clients as [StickyClient];
    client.jar.nowMs += 61_000;
    expect(client.value).toBe("");
    expect(setValues(await client.get())).toHaveLength(2);
    expect(client.value).not.toBe("");
  });

  test("an instance that can't be reached counts as no cookie: another, a new cookie, and no way back", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byDuration(), three.all));
    const client = new StickyClient(elbow.port());
    const first = await client.visit();
    const { value } = client;
    const { port } = three.of(first);
    three.of(first).stop();
    const second = await client.visit();
    expect(second).toMatch(/^[abc]$/);
    expect(second).not.toBe(first);
    expect(client.value).not.toBe(value);
    three.of(first).listen(port);
    expect(await client.visits()).toBe(second);
  });

  test("so does one that is taken out; its cookie is good again when it is back", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byDuration(), three.all));
    const [client, absent] = [new StickyClient(elbow.port()), new StickyClient(elbow.port())];
    const first = await client.visit();
    absent.jar.take(`Set-Cookie: AWSELB=${client.value};PATH=/`);
    await elbow.apply(sticking(byDuration(), three.without(first)));
    const second = await client.visit();
    expect(second).not.toBe(first);
    expect(await client.visits()).toBe(second);
    await elbow.apply(sticking(byDuration(), three.all));
    expect(await client.visits()).toBe(second);
    // A client that wasn't there meanwhile has lost nothing.
    expect(await absent.visits()).toBe(first);
  });
});

test.each([
  ["by duration", byDuration(), "/"],
  ["by the application's cookie", byApplication, "/login"],
] as const)("an instance that fails its checks can't be had: %s", async (_, stickiness, path) => {
  using three = startThree();
  const target: HealthCheck["target"] = { protocol: "HTTP", port: 9, path: "/ping" };
  const checked = { ...defaultHealthCheck, target, interval: 0.2, timeout: 0.1, healthyThreshold: 2 };
  const configuration = sticking(stickiness, three.all);
  const loadBalancers = configuration.loadBalancers.map((one) => ({ ...one, healthCheck: checked }));
  await using elbow = await startElbow({ ...configuration, loadBalancers });
  const hasOut = (isOut: boolean) =>
    elbow.status()[0]?.instances.some(({ state }) => state === "OutOfService") === isOut;
  const client = new StickyClient(elbow.port());
  const first = await client.visit(path);
  expect(await client.visits()).toBe(first);
  // It would answer: only the checks know.
  three.of(first).become(answerNamed(first, { isWell: false }));
  await eventually(() => hasOut(true), { what: "out of service" });
  const second = await client.visit();
  expect(second).not.toBe(first);
  expect(await client.visits()).toBe(second);
  three.of(first).become(answerNamed(first));
  await eventually(() => hasOut(false), { what: "in service" });
  expect(await client.visits()).toBe(second);
});

describe("stickiness by the application's cookie", () => {
  test("a session begins and ends with the application's cookie", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byApplication, three.all));
    const client = new StickyClient(elbow.port());
    expect(await client.visits(6)).toBe("abc");
    const first = await client.visit("/login");
    expect(await client.visits()).toBe(first);
    expect(setValues(await client.get())).toEqual([]);
    // Signed out: both cookies end together.
    expect(await client.visit("/logout")).toBe(first);
    expect(client.value).toBe("");
    expect(await client.visits(6)).toBe("abc");
  });

  test("ours alone binds nobody", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byApplication, three.all));
    const [client, other] = [new StickyClient(elbow.port()), new StickyClient(elbow.port())];
    await client.visit("/login");
    other.jar.take(`Set-Cookie: AWSELB=${client.value}; Path=/`);
    expect(await other.visits(6)).toBe("abc");
  });

  test("a session goes over to another instance for good, also over a reload", async () => {
    const [a, b] = [startNamed("a", "/x_y"), startNamed("b", "/x_y")];
    using _a = a;
    using _b = b;
    await using elbow = await startElbow(sticking(byApplication, [a, b]));
    using client = await RawClient.connect(elbow.port());
    const signedIn = await exchange(client, "/login");
    const cookie = (value: string) => ({ headers: [["Cookie", `SESSION=1; AWSELB=${value}`]] as const });
    const [value = ""] = setValues(signedIn);
    const [first, second] = signedIn.body.toString() === "a" ? [a, b] : [b, a];
    // A reload that changes nothing about it leaves what the policy has learnt.
    await elbow.apply(sticking(byApplication, [a, b]));
    await elbow.apply(sticking(byApplication, [second]));
    const moved = await exchange(client, "/", cookie(value));
    const [newValue = ""] = setValues(moved);
    expect(headerValues(moved, "set-cookie")).toEqual([
      `AWSELB=${newValue};Path=/x%5Fy;HttpOnly`,
      `AWSELBCORS=${newValue};Path=/x%5Fy;HttpOnly;SECURE;SAMESITE=None`,
    ]);
    await elbow.apply(sticking(byApplication, [first, second]));
    for (let index = 0; index < 4; index++) {
      const answer = await exchange(client, "/", cookie(newValue));
      expect([answer.body.toString(), setValues(answer)]).toEqual([moved.body.toString(), []]);
    }
  });

  test("the same when its instance is killed", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byApplication, three.all));
    const client = new StickyClient(elbow.port());
    const first = await client.visit("/login");
    const { port } = three.of(first);
    three.of(first).stop();
    const second = await client.visit();
    expect(second).toMatch(/^[abc]$/);
    three.of(first).listen(port);
    expect(await client.visits()).toBe(second);
    expect(second).not.toBe(first);
  });
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

test("on one connection every request goes where its own cookie says, also when all are sent at once", async () => {
  using three = startThree();
  await using elbow = await startElbow(sticking(byDuration(), three.all));
  using client = await RawClient.connect(elbow.port());
  const values = new Map<string, string>();
  for (let index = 0; index < 3; index++) {
    const answer = await exchange(client, "/");
    values.set(answer.body.toString(), setValues(answer)[0] ?? "");
  }
  const order = "cabbacbaacccabab";
  const requests = [...order].map((name) =>
    formatRequest("/", { headers: [["Cookie", `x=1; AWSELB=${values.get(name)}`]] }),
  );
  await client.send(Buffer.concat(requests));
  let answered = "";
  for (const _ of order) {
    const answer = await readResponse(client);
    answered += answer.body.toString();
    expect(setValues(answer)).toEqual([]);
  }
  expect(answered).toBe(order);
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

test("an instance that takes no share gets those whose cookie names it, and nobody else", async () => {
  using three = startThree();
  await using elbow = await startElbow(sticking(byDuration(), three.all));
  const client = new StickyClient(elbow.port());
  const first = await client.visit();
  const instances = three.all.map(({ port }) => ({
    ...{ id: `127.0.0.1:${port}`, host: "127.0.0.1", port },
    weight: port === three.of(first).port ? 0 : 1,
  }));
  const listeners = [{ stickiness: byDuration() }];
  await elbow.apply(configurationOf([{ name: "web", protocol: "HTTP", listeners, instances }]));
  expect(await client.visits()).toBe(first);
  const others = new Set<string>();
  for (let index = 0; index < 8; index++) others.add(await new StickyClient(elbow.port()).visit());
  expect([...others].sort().join("")).toBe("abc".replace(first, ""));
});

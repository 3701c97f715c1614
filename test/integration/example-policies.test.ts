// Each policy of examples/policies/ under real traffic: named by a configuration file, between a client and an instance.
import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { issueTestCertificate } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { startExample } from "../support/example-elbow.ts";
import { exchange, formatResponse, header, headerValues } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, greet, serveHttp } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";

setDefaultTimeout(30_000);

const plain = [{ script: answerText("well") }];

/** One request on a connection of its own. */
const ask = async (port: number, target = "/", headers: Readonly<Record<string, string>> = {}, method = "GET") => {
  using client = await RawClient.connect(port);
  return await exchange(client, target, { method, headers: Object.entries(headers) });
};

/** What a TCP listener's client gets until the end. */
const greeting = async (port: number): Promise<string> => {
  using client = await RawClient.connect(port);
  await client.halfClose();
  return String(await client.takeToEnd());
};

test("canary: by percentage, by header, and on the other side where one has no instance", async () => {
  const policies = {
    canary: { percent: 0, header: "X-Canary", canary: { track: "canary" }, stable: { track: "stable" } },
  };
  await using ground = await startExample({
    policies,
    instances: [
      { script: answerText("old"), tags: { track: "stable" } },
      { script: answerText("old too"), tags: { track: "stable" } },
      { script: answerText("new"), tags: { track: "canary" } },
    ],
  });
  const bodies = async (headers: Readonly<Record<string, string>>) => {
    const seen = new Set<string>();
    for (let turn = 0; turn < 6; turn++) seen.add(String((await ask(ground.port, "/", headers)).body));
    return [...seen].sort();
  };
  expect(await bodies({})).toEqual(["old", "old too"]);
  expect(await bodies({ "X-Canary": "1" })).toEqual(["new"]);
  expect(await bodies({ "X-Canary": "0" })).toEqual(["old", "old too"]);
  await ground.elbow.run(ground.elbow.control.deregister("web", ["i-2"]));
  expect(await bodies({ "X-Canary": "1" })).toEqual(["old", "old too"]);
});

test("canary: at layer 4, everybody at 100 %", async () => {
  await using ground = await startExample({
    policies: { canary: { percent: 100, canary: { track: "canary" }, stable: { track: "stable" } } },
    listeners: [{ protocol: "TCP" }],
    instances: [
      { script: greet("old"), tags: { track: "stable" } },
      { script: greet("new"), tags: { track: "canary" } },
    ],
  });
  for (let turn = 0; turn < 4; turn++) expect(await greeting(ground.port)).toBe("new");
  expect(ground.instance.connections.length).toBe(0);
});

test.each([
  [{ allow: ["127.0.0.0/8"] }, true],
  [{ allow: ["::1", "10.0.0.0/8"] }, false],
  [{ deny: ["127.0.0.1"] }, false],
  [{ deny: ["10.0.0.0/8"] }, true],
])("address filter: %j lets in: %p", async (attributes, isLetIn) => {
  const policies = { "address-filter": attributes };
  await using http = await startExample({ policies, instances: plain });
  await using tcp = await startExample({
    ...{ policies, listeners: [{ protocol: "TCP" }], instances: [{ script: greet("hi") }] },
  });
  expect((await ask(http.port)).status).toBe(isLetIn ? 200 : 403);
  if (isLetIn) expect(await greeting(tcp.port)).toBe("hi");
  else {
    using client = await RawClient.connect(tcp.port);
    await client.receiveEnd();
    expect(client.takeAvailable().length).toBe(0);
  }
  expect(http.instance.requests.length).toBe(isLetIn ? 1 : 0);
  expect(tcp.instance.connections.length).toBe(isLetIn ? 1 : 0);
});

test("maintenance page: 503 with a page, and nothing for the instance", async () => {
  await using ground = await startExample({
    policies: { "maintenance-page": { enabled: true, message: "Back at 5" } },
    instances: plain,
  });
  const response = await ask(ground.port, "/", {}, "POST");
  expect(response.status).toBe(503);
  expect(header(response, "Retry-After")).toBe("300");
  expect(String(response.body)).toContain("<p>Back at 5</p>");
  expect(ground.instance.connections.length).toBe(0);
});

test("security headers: in the place of the instance's own, HSTS by TLS alone", async () => {
  const certificate = await issueTestCertificate();
  await using ground = await startExample({
    policies: { "security-headers": { referrerPolicy: "no-referrer" } },
    listeners: [
      { protocol: "HTTP" },
      {
        ...{ protocol: "HTTPS", instanceProtocol: "HTTP" },
        certificate: { cert: certificate.certPem, key: certificate.keyPem },
      },
    ],
    instances: [
      {
        script: serveHttp(() =>
          formatResponse("well", {
            headers: [
              ["Server", "Chatty/1.0"],
              ["Referrer-Policy", "unsafe-url"],
            ],
          }),
        ),
      },
    ],
  });
  const clear = await ask(ground.port);
  expect(headerValues(clear, "Referrer-Policy")).toEqual(["no-referrer"]);
  expect(header(clear, "X-Content-Type-Options")).toBe("nosniff");
  expect(header(clear, "Server")).toBeUndefined();
  expect(header(clear, "Strict-Transport-Security")).toBeUndefined();
  using client = await SecureClient.connect(ground.ports[1] as number);
  const secure = await exchange(client, "/");
  expect(header(secure, "Strict-Transport-Security")).toBe("max-age=31536000; includeSubDomains");
});

test("basic authentication: who knows the password comes in, under a name that can't be forged", async () => {
  const salt = randomBytes(16);
  const hash = scryptSync("sesame", salt, 32).toString("base64");
  await using ground = await startExample({
    policies: { "basic-auth": { users: { ada: `scrypt:${salt.toString("base64")}:${hash}` } } },
    instances: plain,
  });
  const as = (text: string) => ({
    Authorization: `Basic ${Buffer.from(text).toString("base64")}`,
    "X-Remote-User": "root",
  });
  const refused = await ask(ground.port);
  expect(refused.status).toBe(401);
  expect(header(refused, "WWW-Authenticate")).toBe('Basic realm="elbow", charset="UTF-8"');
  expect((await ask(ground.port, "/", as("ada:wrong"))).status).toBe(401);
  expect(ground.instance.requests.length).toBe(0);
  for (let turn = 0; turn < 2; turn++) expect((await ask(ground.port, "/", as("ada:sesame"))).status).toBe(200);
  for (const request of ground.instance.requests) {
    expect(headerValues(request, "X-Remote-User")).toEqual(["ada"]);
    expect(header(request, "Authorization")).toBeUndefined();
  }
});

test("rate limit: a burst goes through, what is more gets 429 and when to come back", async () => {
  await using ground = await startExample({
    policies: { "rate-limit": { perSecond: 0.01, burst: 3 } },
    instances: plain,
  });
  const responses = [];
  for (let turn = 0; turn < 5; turn++) responses.push(await ask(ground.port));
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
  const seconds = Number(header(responses[3]!, "Retry-After"));
  expect(seconds).toBeGreaterThan(50);
  expect(seconds).toBeLessThanOrEqual(100);
  expect(ground.instance.requests.length).toBe(3);
});

test("trace context: the instance, the client and the log see the same ids", async () => {
  await using ground = await startExample({
    policies: { "trace-context": {} },
    instances: plain,
    attributes: { accessLog: { enabled: true, file: "access.log", format: "json" } },
  });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const kept = await ask(ground.port, "/kept", { traceparent, tracestate: "a=1", "X-Request-Id": "mine-12345" });
  const fresh = await ask(ground.port, "/fresh", { traceparent: "nonsense", tracestate: "a=1" });
  const [first, second] = ground.instance.requests;
  expect(header(first!, "traceparent")).toBe(traceparent);
  expect(header(first!, "tracestate")).toBe("a=1");
  expect(header(kept, "X-Request-Id")).toBe("mine-12345");
  expect(header(second!, "traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(header(second!, "tracestate")).toBeUndefined();
  expect(header(second!, "X-Request-Id")).toBe(header(fresh, "X-Request-Id") as string);
  const log = join(ground.folder, "access.log");
  const lines = await eventually(
    () => {
      const text = readFileSync(log, "utf8").trimEnd().split("\n");
      return text.length === 2 ? text : undefined;
    },
    { what: "two lines in the access log" },
  );
  expect(lines[0]).toContain('"requestId":"mine-12345"');
  expect(lines[0]).toContain('"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"');
  expect(lines[1]).toContain(`"requestId":"${header(fresh, "X-Request-Id")}"`);
});

test("routes: instances by host and path", async () => {
  await using ground = await startExample({
    policies: {
      "route-by-tags": {
        routes: [
          { path: "/api", tags: { app: "api" } },
          { host: "shop.test", tags: { app: "shop" } },
          { host: "gone.test", tags: { app: "gone" } },
        ],
      },
    },
    instances: [
      { script: answerText("api"), tags: { app: "api" } },
      { script: answerText("shop"), tags: { app: "shop", tier: "gold" } },
    ],
  });
  const bodyOf = async (target: string, host: string) => {
    using client = await RawClient.connect(ground.port);
    await client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return String(await client.takeToEnd());
  };
  for (let turn = 0; turn < 3; turn++) {
    expect(await bodyOf("/api/users?id=1", "shop.test")).toEndWith("api");
    expect(await bodyOf("/cart", "SHOP.test:8080")).toEndWith("shop");
  }
  expect(await bodyOf("/", "gone.test")).toStartWith("HTTP/1.1 503 ");
});

test("redirect to HTTPS: the host without its port, path and query kept", async () => {
  await using ground = await startExample({ policies: { "redirect-to-https": { port: 8443 } }, instances: plain });
  using client = await RawClient.connect(ground.port);
  await client.send(
    "GET /a?b=1 HTTP/1.1\r\nHost: shop.test:8080\r\n\r\nPOST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
  );
  const text = String(await client.takeToEnd());
  expect(text).toMatch(/^HTTP\/1\.1 301 [^\r]+\r\nLocation: https:\/\/shop\.test:8443\/a\?b=1\r\n/);
  expect(text).toMatch(/\r\nHTTP\/1\.1 308 [^\r]+\r\nLocation: https:\/\/\[::1\]:8443\/\r\n/);
  expect(ground.instance.connections.length).toBe(0);
});

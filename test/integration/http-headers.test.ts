// Layer 7, headers: what an instance learns about the client, what passes untouched, and what belongs to one connection
// only and is removed (RFC 9110 §7.6.1).
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import {
  exchange,
  formatResponse,
  type HeaderLine,
  header,
  headerValues,
  readResponse,
} from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

let instance: FakeInstance;
let elbow: RunningElbow;
let client: RawClient;
let responseHeaders: ReadonlyArray<HeaderLine> = [];

beforeAll(async () => {
  instance = FakeInstance.start(serveHttp(() => formatResponse("ok", { headers: responseHeaders })));
  elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
});
beforeEach(async () => {
  client?.dispose();
  client = await RawClient.connect(elbow.port());
  responseHeaders = [];
});
afterAll(async () => {
  client.dispose();
  await elbow.stop();
  instance.stop();
});

/** Sends a GET with these header lines; gives the request as the instance saw it. */
const forwarded = async (...headers: ReadonlyArray<HeaderLine>) => {
  expect((await exchange(client, "/", { headers })).status).toBe(200);
  return instance.requests.at(-1)!;
};

test("X-Forwarded-For is the client's address; -Proto and -Port are the listener's", async () => {
  const request = await forwarded();
  expect(header(request, "x-forwarded-for")).toBe("127.0.0.1");
  expect(header(request, "x-forwarded-proto")).toBe("http");
  expect(header(request, "x-forwarded-port")).toBe(String(elbow.port()));
});

test("X-Forwarded-For is appended to, several lines become one in order", async () => {
  expect(header(await forwarded(["X-Forwarded-For", "203.0.113.7"]), "x-forwarded-for")).toBe("203.0.113.7, 127.0.0.1");
  const joined = await forwarded(["X-Forwarded-For", "203.0.113.7, 10.0.0.1"], ["x-forwarded-for", "198.51.100.2"]);
  expect(header(joined, "x-forwarded-for")).toBe("203.0.113.7, 10.0.0.1, 198.51.100.2, 127.0.0.1");
});

test("X-Forwarded-Proto and -Port from a client are replaced, however often and in whatever case they come", async () => {
  const request = await forwarded(
    ["X-Forwarded-Proto", "https"],
    ["x-forwarded-PROTO", "gopher"],
    ["X-Forwarded-Port", "1"],
    ["x-forwarded-port", "2"],
  );
  expect(header(request, "x-forwarded-proto")).toBe("http");
  expect(header(request, "x-forwarded-port")).toBe(String(elbow.port()));
});

test("an IPv6 client is named bare and in lower case", async () => {
  const instances = [{ id: "v4", host: "127.0.0.1", port: instance.port }];
  await using six = await startElbow({ protocol: "HTTP", address: "::1", instances });
  using there = await RawClient.connect(six.port(), "::1");
  expect((await exchange(there, "/")).status).toBe(200);
  expect(header(instance.requests.at(-1)!, "x-forwarded-for")).toBe("::1");
});

test("an HTTP/1.0 request without Host gets the balancer's own address, an IPv6 one in brackets (RFC 9110 §7.2)", async () => {
  const instances = [{ id: "v4", host: "127.0.0.1", port: instance.port }];
  for (const [address, host] of [
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "[::1]"],
  ] as const) {
    await using there = await startElbow({ protocol: "HTTP", address, instances });
    using old = await RawClient.connect(there.port(), address);
    await old.send("GET / HTTP/1.0\r\n\r\n");
    expect((await readResponse(old)).status).toBe(200);
    expect(header(instance.requests.at(-1)!, "host")?.replace(/:\d+$/, "")).toBe(host);
  }
});

test("other headers pass in order, in their own case, repeated ones too; Host comes first", async () => {
  const lines: ReadonlyArray<HeaderLine> = [
    ["x-LOWER-upper", "a  b"],
    ["Cookie", "a=1"],
    ["Accept", "*/*"],
    ["Cookie", "b=2"],
    ["X-Empty", ""],
    ["X-Bytes", "\xe9\xff"],
  ];
  const request = await forwarded(...lines);
  expect(request.headers[0]).toEqual(["Host", "test"]);
  const names = new Set(lines.map(([name]) => name));
  expect(request.headers.filter(([name]) => names.has(name))).toEqual([...lines]);
});

test("a Host that is not the first line goes on as the first", async () => {
  await client.send("GET / HTTP/1.1\r\nAccept: a\r\nhOST: other.example:81\r\n\r\n");
  expect((await readResponse(client)).status).toBe(200);
  const request = instance.requests.at(-1)!;
  expect(request.headers[0]![1]).toBe("other.example:81");
  expect(headerValues(request, "host").length).toBe(1);
});

test("what belongs to the client's connection is removed, also what Connection names", async () => {
  const request = await forwarded(
    ["Connection", "keep-alive, X-Secret"],
    ["x-secret", "1"],
    ["X-Kept", "1"],
    ["Keep-Alive", "timeout=9"],
    ["Proxy-Connection", "keep-alive"],
    ["Upgrade", "websocket"],
    ["connection", "x-other"],
    ["X-Other", "1"],
  );
  for (const name of ["x-secret", "x-other", "keep-alive", "proxy-connection", "upgrade"]) {
    expect([name, header(request, name)]).toEqual([name, undefined]);
  }
  expect(header(request, "x-kept")).toBe("1");
  const connection = headerValues(request, "connection").join(",").toLowerCase();
  expect(connection).not.toContain("secret");
  expect(connection).not.toContain("upgrade");
});

test("what belongs to the instance's connection is removed, also what Connection names", async () => {
  responseHeaders = [
    ["X-First", "1"],
    ["Connection", "x-internal, keep-alive"],
    ["X-Internal", "secret"],
    ["Keep-Alive", "timeout=5"],
    ["Proxy-Connection", "keep-alive"],
    ["Upgrade", "h2c"],
    ["X-Last", "2"],
  ];
  const response = await exchange(client, "/");
  for (const name of ["x-internal", "keep-alive", "proxy-connection", "upgrade"]) {
    expect([name, header(response, name)]).toEqual([name, undefined]);
  }
  expect([header(response, "x-first"), header(response, "x-last")]).toEqual(["1", "2"]);
  expect(headerValues(response, "connection").join().toLowerCase()).not.toContain("internal");
  // An instance that closes does not close its clients' connections.
  responseHeaders = [["Connection", "close"]];
  expect(header(await exchange(client, "/"), "connection")?.toLowerCase()).not.toBe("close");
  responseHeaders = [];
  expect((await exchange(client, "/")).status).toBe(200);
});

test("response headers pass in order, in their own case, with nothing of elbow's own but Connection", async () => {
  responseHeaders = [
    ["Set-Cookie", "a=1"],
    ["server", "mine/1"],
    ["X-UPPER", "v"],
    ["Set-Cookie", "b=2"],
  ];
  const response = await exchange(client, "/");
  const own = response.headers.filter(([name]) => name.toLowerCase() !== "connection");
  expect(own).toEqual([...responseHeaders, ["Content-Length", "2"]]);
});

test("the reason phrase and unusual status codes pass", async () => {
  using odd = FakeInstance.start(serveHttp(() => formatResponse("", { status: "299 It Went: Rather Well" })));
  await using other = await startElbow({ protocol: "HTTP", instances: [odd] });
  using there = await RawClient.connect(other.port());
  expect((await exchange(there, "/")).startLine).toBe("HTTP/1.1 299 It Went: Rather Well");
});

test("method and target pass as they are", async () => {
  for (const [method, target] of [
    ["REPORT", "/a/../b//c?x=%41&y=;"],
    ["OPTIONS", "*"],
    ["m-search", "/~user/'(quoted)'"],
    ["DELETE", "/%2e%2E/%zz"],
  ] as const) {
    expect((await exchange(client, target, { method })).status).toBe(200);
    expect(instance.requests.at(-1)!.startLine).toBe(`${method} ${target} HTTP/1.1`);
  }
});

test("an absolute target goes on in origin form, its authority replaces Host", async () => {
  await client.send("GET http://real.example:8080/path?q=1 HTTP/1.1\r\nHost: other\r\n\r\n");
  expect((await readResponse(client)).status).toBe(200);
  const request = instance.requests.at(-1)!;
  expect(request.startLine).toBe("GET /path?q=1 HTTP/1.1");
  expect(header(request, "host")).toBe("real.example:8080");
});

test("Expect: 100-continue is answered at once and not passed on", async () => {
  await client.send("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  await client.send("body");
  const response = await readResponse(client);
  expect(response).toMatchObject({ status: 200, interim: [] });
  const request = instance.requests.at(-1)!;
  expect(request.body.toString()).toBe("body");
  expect(header(request, "expect")).toBe(undefined);
});

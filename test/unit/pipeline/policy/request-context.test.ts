// What policies read of a request's head: every form of target, headers in any case and number, for as long as they like.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { SeenClient, SeenConnection, SeenRequest } from "../../../../src/pipeline/policy/request-context.ts";
import { SeenResponse } from "../../../../src/pipeline/policy/response-context.ts";
import { makeSessionBench } from "../session-bench.ts";

const one = makeSessionBench();
const route = { ...one.session.route, port: 8443 };
const end = { client: one.transport, clientAddress: "203.0.113.7", clientPort: 50_000 };
one.dispose();

const see = (head: string): SeenRequest => new SeenRequest(route, end, bytesOf(head), 0, head.length);

test("a value with many blanks inside costs no more than another", () => {
  const read = (value: string): number => {
    const request = see(`GET / HTTP/1.1\r\nHost: a\r\nX-A: \t${value} \t\r\n\r\n`);
    const beganMs = performance.now();
    expect(request.header("x-a")).toBe(value);
    return performance.now() - beganMs;
  };
  const size = 60_000;
  const plainMs = read("1".repeat(size));
  // Hundreds of times as long where each blank is looked at from each one before it.
  expect(read(`1${" ".repeat(size)}1`)).toBeLessThan(50 * plainMs + 100);
});

describe("the request line", () => {
  test.each([
    ["GET /a/b?c=d?e HTTP/1.1", "GET", "/a/b?c=d?e", "/a/b", "c=d?e", "1.1"],
    ["GET / HTTP/1.0", "GET", "/", "/", "", "1.0"],
    ["OPTIONS * HTTP/1.1", "OPTIONS", "*", "*", "", "1.1"],
    ["GET http://h:1/p?q HTTP/1.1", "GET", "http://h:1/p?q", "/p", "q", "1.1"],
    ["GET http://h HTTP/1.1", "GET", "http://h", "/", "", "1.1"],
    ["GET http://h?q HTTP/1.1", "GET", "http://h?q", "/", "q", "1.1"],
    ["GET /old", "GET", "/old", "/old", "", "0.9"],
  ])("%s", (line, method, target, path, query, version) => {
    const request = see(`${line}\r\nHost: a\r\n\r\n`);
    expect([request.method, request.target, request.path, request.query, request.version]).toEqual([
      method,
      target,
      path,
      query,
      version,
    ]);
  });

  test("says the host where the target does", () => {
    expect(see("GET http://u:p@h:1/ HTTP/1.1\r\nHost: b\r\n\r\n").host).toBe("h:1");
    expect(see("GET / HTTP/1.1\r\nHost: b:2\r\n\r\n").host).toBe("b:2");
    expect(see("GET / HTTP/1.0\r\n\r\n").host).toBeUndefined();
  });
});

describe("headers", () => {
  const request = see(
    "GET / HTTP/1.1\r\nHost: a\r\nX-One:  1 \t\r\nx-one: 2\r\nEmpty:\r\nÀ: b\r\nLatin: \u00e9\u00a0\r\n\r\n",
  );

  test("are found in any case, several joined", () => {
    expect(request.header("x-ONE")).toBe("1, 2");
    expect(request.header("host")).toBe("a");
    expect(request.header("empty")).toBe("");
    expect(request.header("latin")).toBe("\u00e9\u00a0");
    expect(request.header("one")).toBeUndefined();
    expect(request.header("x-")).toBeUndefined();
  });

  test("aren't found by what is no name", () => {
    for (const name of ["", "host: a\r\nx-one", "GET / HTTP/1.1", ":", undefined, 1]) {
      expect(request.header(name as string)).toBeUndefined();
    }
  });

  test("are listed as sent", () => {
    expect(request.headers()[1]).toEqual(["X-One", "1"]);
    expect(request.headers().map(([name]) => name)).toEqual(["Host", "X-One", "x-one", "Empty", "À", "Latin"]);
  });
});

test("who asks, and where", () => {
  const { kind, loadBalancer, listener, clientAddress, clientPort, tls } = see("GET / HTTP/1.1\r\n\r\n");
  expect({ kind, loadBalancer, listener, clientAddress, clientPort, tls }).toEqual({
    kind: "request",
    loadBalancer: "web",
    listener: { protocol: "HTTP", port: 8443 },
    clientAddress: "203.0.113.7",
    clientPort: 50_000,
    tls: undefined,
  });
});

describe("a context that is handed on", () => {
  const request = see("GET /a?b HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n");
  const head = "HTTP/1.1 200 OK\r\nX-Two: 2\r\n\r\n";
  const response = new SeenResponse({ request }, 200, "i-1", bytesOf(head), 0, head.length);

  test("has functions that can be taken out of it", () => {
    const { header, headers } = request;
    expect([header("x-one"), headers().length, header === request.header]).toEqual(["1", 2, true]);
    const ofResponse = response.header;
    SeenResponse.seal(response);
    expect(ofResponse("x-two")).toBeUndefined();
  });

  test("shows what the contract has, and no more", () => {
    const shown = {
      kind: "request",
      loadBalancer: "web",
      listener: { protocol: "HTTP", port: 8443 },
      clientAddress: "203.0.113.7",
      clientPort: 50_000,
      method: "GET",
      target: "/a?b",
      path: "/a",
      query: "b",
      host: "a",
      version: "1.1",
      headers: [
        ["Host", "a"],
        ["X-One", "1"],
      ],
    };
    expect(JSON.parse(JSON.stringify(request))).toEqual(shown);
    expect(Bun.inspect(request)).toBe(Bun.inspect(request.toJSON()));
    expect(Object.keys(request)).toEqual([]);
    expect(JSON.parse(JSON.stringify({ response }))).toEqual({
      response: { request: shown, status: 200, instance: "i-1" },
    });
    const connection = new SeenConnection(route, end);
    const { kind, ...client } = JSON.parse(JSON.stringify(connection));
    expect([kind, client]).toEqual(["connection", JSON.parse(JSON.stringify(new SeenClient(route, end)))]);
    expect(client).toEqual({
      loadBalancer: "web",
      listener: shown.listener,
      clientAddress: "203.0.113.7",
      clientPort: 50_000,
    });
  });
});

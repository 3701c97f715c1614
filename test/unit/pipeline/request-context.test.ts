// What policies read of a request's head: every form of target, headers in any case and number, for as long as they like.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { SeenRequest } from "../../../src/pipeline/request-context.ts";
import { makeSessionBench } from "./session-bench.ts";

const one = makeSessionBench();
const route = { ...one.session.route, port: 8443 };
const end = { client: one.transport, clientAddress: "203.0.113.7", clientPort: 50_000 };
one.dispose();

const see = (head: string): SeenRequest => new SeenRequest(route, end, bytesOf(head), 0, head.length);

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

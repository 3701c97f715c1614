// The bytes of an HTTP check's request, exactly.
import { expect, test } from "bun:test";
import { writeProbeRequest } from "../../../src/health/probe-request.ts";
import { settleHealthCheck, type WrittenHealthCheck } from "../../../src/model/health-check.ts";
import { Endpoint } from "../../../src/net/endpoint.ts";

const requestOf = (written: WrittenHealthCheck, address = "10.0.0.5"): ReadonlyArray<string> =>
  Buffer.from(writeProbeRequest(settleHealthCheck(written, 80), new Endpoint(address, 8080)))
    .toString("latin1")
    .split("\r\n");

test("without options", () => {
  expect(requestOf({ target: "HTTP:80/ping?deep=1" })).toEqual([
    "GET /ping?deep=1 HTTP/1.1",
    "Host: 10.0.0.5:8080",
    "User-Agent: ELB-HealthChecker/1.0",
    "Accept: */*",
    "Connection: close",
    "",
    "",
  ]);
  expect(requestOf({ target: "HTTP:80/" }, "::1")[1]).toBe("Host: [::1]:8080");
});

test("with another Host and further headers, which may replace ours", () => {
  const headers = { "X-Check": "yes", "user-agent": "me/1", Accept: "text/plain" };
  expect(requestOf({ target: "HTTP:80/", host: "app.test:81", headers })).toEqual([
    "GET / HTTP/1.1",
    "Host: app.test:81",
    "X-Check: yes",
    "user-agent: me/1",
    "Accept: text/plain",
    "Connection: close",
    "",
    "",
  ]);
});

test.each([
  ["::1", "[::1]"],
  ["[::1]:80", "[::1]:80"],
  ["10.0.0.1", "10.0.0.1"],
])("Host %s goes as %s", (host, field) => {
  expect(requestOf({ target: "HTTP:80/", host })[1]).toBe(`Host: ${field}`);
});

test("a path beyond ASCII goes percent-encoded", () => {
  expect(requestOf({ target: "HTTP:80/prüfung/😀?a=%20b" })[0]).toBe("GET /pr%C3%BCfung/%F0%9F%98%80?a=%20b HTTP/1.1");
});

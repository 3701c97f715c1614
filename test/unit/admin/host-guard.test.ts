// Which Host headers the management server takes as its own: loopback names and the configured address, nothing else.
import { expect, test } from "bun:test";
import { anyAddress, isOwnHost } from "../../../src/admin/host-guard.ts";

test.each([
  "localhost",
  "LOCALHOST:9090",
  "127.0.0.1",
  "127.0.0.1:9090",
  "127.8.9.255:1",
  "[::1]",
  "[::1]:9090",
  "127.0.0.1:",
])("%s is a loopback name", (host) => {
  expect(isOwnHost(host, ["127.0.0.1"])).toBe(true);
});

test.each([
  undefined,
  "",
  ":9090",
  "evil.example",
  "evil.example:9090",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "evil.localhost",
  "127.0.0.1@evil.example",
  "evil.example/localhost",
  "localhost:9090:1",
  "localhost:http",
  "127.1",
  "0177.0.0.1",
  "127.999.0.1",
  "127.0.0.256",
  "128.0.0.1",
  "0.0.0.0",
  "::1",
  "[::2]",
  "[::1",
  "[::1]x",
  "localhost, evil.example",
  "localhost evil",
])("%p is refused", (host) => {
  expect(isOwnHost(host, ["127.0.0.1"])).toBe(false);
});

test("the configured address is accepted, in brackets when it is IPv6", () => {
  expect(isOwnHost("192.0.2.7:9090", ["192.0.2.7"])).toBe(true);
  expect(isOwnHost("[2001:DB8::7]:9090", ["2001:db8::7"])).toBe(true);
  expect(isOwnHost("192.0.2.7", ["192.0.2.8"])).toBe(false);
  expect(isOwnHost("2001:db8::7", ["2001:db8::7"])).toBe(false);
});

test("with every address listened on, addresses are its own, and names only those of its certificate", () => {
  const hosts = [anyAddress, "lb.example", "*.lb.example"];
  for (const host of ["10.1.2.3:9090", "[fd00::1]:9090", "lb.example", "A.lb.example:1", "localhost"]) {
    expect(isOwnHost(host, hosts)).toBe(true);
  }
  for (const host of ["evil.example", "a.b.lb.example", "xlb.example", ".lb.example.evil", "10.1.2"]) {
    expect(isOwnHost(host, hosts)).toBe(false);
  }
});

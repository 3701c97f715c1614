// Hosts: legal names, one spelling, and the split of a port from a host.
import { describe, expect, test } from "bun:test";
import { parseHost, splitHostAndPort } from "../../../src/model/host.ts";

test.each([
  ["app.internal", "app.internal"],
  ["APP.Internal", "app.internal"],
  ["app", "app"],
  ["app.internal.", "app.internal."],
  ["shop_web_1", "shop_web_1"],
  ["3com.example", "3com.example"],
  ["10.0.0.5", "10.0.0.5"],
  ["2001:DB8::1", "2001:db8::1"],
  ["a".repeat(63), "a".repeat(63)],
])("%s is the host %s", (text, host) => {
  expect(parseHost(text)).toBe(host);
});

test.each([
  "",
  ".",
  "-app",
  "app-",
  "app..internal",
  "app internal",
  "10.0.0.300",
  "10.0.0",
  "3001",
  "a.1",
  "http://app",
  "a".repeat(64),
  `${"a.".repeat(126)}aa`,
  "bücher.example",
])("%j is no host", (text) => {
  expect(parseHost(text)).toBeUndefined();
});

describe("a host and its port", () => {
  test.each([
    ["app", { host: "app" }],
    ["app:3001", { host: "app", port: 3001 }],
    ["127.0.0.1:65535", { host: "127.0.0.1", port: 65_535 }],
    ["::1", { host: "::1" }],
    ["::1:3001", { host: "::1:3001" }],
    ["[::1]", { host: "::1" }],
    ["[::1]:3001", { host: "::1", port: 3001 }],
  ])("%s", (text, expected) => {
    expect(splitHostAndPort(text)).toEqual(expected);
  });

  test.each(["app:", "app:0", "app:65536", "app:080", "app:x", "[::1", "[::1]3001", "[app]:80", "[127.0.0.1]:80"])(
    "%s is neither",
    (text) => {
      expect(splitHostAndPort(text)).toBeUndefined();
    },
  );
});

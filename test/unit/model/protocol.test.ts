// Protocols: any case goes in, upper case comes out, and nothing else is one.
import { expect, test } from "bun:test";
import { Schema } from "effect";
import { isLayer7, isSecure, Protocol } from "../../../src/model/protocol.ts";

test.each([
  ["HTTP", "HTTP", true, false],
  ["https", "HTTPS", true, true],
  ["Tcp", "TCP", false, false],
  ["ssl", "SSL", false, true],
] as const)("%s", (written, protocol, layer7, secure) => {
  const decoded = Schema.decodeUnknownSync(Protocol)(written);
  expect(decoded).toBe(protocol);
  expect([isLayer7(decoded), isSecure(decoded)]).toEqual([layer7, secure]);
});

test.each(["", "UDP", "HTTP ", "http2", 80, null, undefined])("%p is no protocol", (written) => {
  expect(() => Schema.decodeUnknownSync(Protocol)(written)).toThrow();
});

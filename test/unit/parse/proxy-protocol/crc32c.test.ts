// The checksum against published sums (RFC 3720 §B.4, and the check value of CRC-32C in the catalogues).
import { expect, test } from "bun:test";
import { crc32c } from "../../../../src/parse/proxy-protocol/crc32c.ts";

test.each<readonly [string, Uint8Array, number]>([
  ["nothing", new Uint8Array(0), 0],
  ["the digits 1 to 9", Buffer.from("123456789"), 0xe3069283],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 bytes of ones", new Uint8Array(32).fill(255), 0x62a8ab43],
  ["0 to 31", Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ["31 to 0", Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
])("%s", (_, bytes, sum) => {
  expect(crc32c(bytes)).toBe(sum);
});

test("a part alone, and four bytes taken as zeros", () => {
  expect(crc32c(Buffer.from("123456789 and more"), 9)).toBe(0xe3069283);
  const bytes = new Uint8Array(32).fill(7, 10, 14);
  expect(crc32c(bytes, 32, 10)).toBe(0x8a9136aa);
  expect(crc32c(bytes)).not.toBe(0x8a9136aa);
});

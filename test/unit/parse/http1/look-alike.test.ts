// How near names come to the framing fields': the table of AWS's http-desync-guardian (`test_same_letters` and its
// neighbours in src/http_token_utils.rs, Apache-2.0), and what this port adds to it.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { isLookAlike, Likeness, likenessTo } from "../../../../src/parse/http1/look-alike.ts";

/** Text as UTF-8: the look-alikes of other alphabets are several bytes each. */
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const { same, alike, distant } = Likeness;

test.each([
  ["t-e", "t-e", same],
  ["t-e", "T-E", same],
  ["t-e", "t_e", alike],
  ["t-e", "t_e ", alike],
  ["t-e", "t____e", alike],
  ["t-e", "t----e", alike],
  ["t", "tp", distant],
  ["t", "t0", distant],
  ["t", "t_", alike],
  ["t", "p", distant],
  ["t", "", distant],
  ["transfer-encoding", "transfer-encoding1", distant],
  ["transfer-encoding", "tran\u017ffer-encoding", alike],
  ["transfer-encoding", "transfer-encod\u0131ng", alike],
  ["transfer-encoding", "Transfer-Encoding", same],
  ["transfer-encoding", "TRANSFER-ENCODING", same],
  ["transfer-encoding", "transfer-encodin", distant],
  ["transfer", "transfer-encoding", distant],
  ["transfer-encoding", "transfer-\tencoding", alike],
  ["transfer-encoding", "\r\ntransfer-\t\te\tn\tc o d i ng\t", alike],
  ["transfer-encoding", "transfer_encoding", alike],
  ["transfer-encoding", "x_transfer_encoding", distant],
  ["transfer-encoding", "gibberish", distant],
  ["transfer-encoding", "\t\x01\x02transfer-encoding\t\x0f\x0c", alike],
  ["transfer-encoding", "\t".repeat(27), distant],
  ["transfer-encoding", "accept-encoding", distant],
  ["transfer-encoding", "\ufeffTransfer-Encoding\u3000", alike],
  ["transfer-encoding", "Transfer\u2010Encoding", alike],
  // Letters that no other letter stands for.
  ["content-length", "content-len\u0121th", distant],
  // The port keeps what looks like an oversight there: nothing but symbols behind the first letters is alike.
  ["transfer-encoding", `tran${"-".repeat(20)}`, alike],
] as const)("%p and %p", (lower, name, expected) => {
  const bytes = utf8(name);
  expect(likenessTo(bytesOf(lower), bytes, 0, bytes.length)).toBe(expected);
  // The same in the middle of others.
  const framed = Uint8Array.from([0x74, ...bytes, 0x2d, 0x67]);
  expect(likenessTo(bytesOf(lower), framed, 1, 1 + bytes.length)).toBe(expected);
});

test("a framing field itself is no look-alike", () => {
  for (const name of ["Content-Length", "transfer-encoding", "Host", ""]) {
    expect(isLookAlike(bytesOf(name), 0, name.length)).toBe(false);
  }
  for (const name of ["Content_Length", "transfer-encoding "])
    expect(isLookAlike(bytesOf(name), 0, name.length)).toBe(true);
});

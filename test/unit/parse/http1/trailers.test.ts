// Trailers: which pass behind a body, in what form, and how many.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { isLeftOutTrailer } from "../../../../src/parse/http1/trailers.ts";
import { passOnChunks } from "./chunked-reader.ts";
import { expectAtEverySplit } from "./splits.ts";

test.each(["Content-Length", "transfer-encoding", "Host", "Connection", "Keep-Alive", "Proxy-Connection", "TE"])(
  "%s stays behind",
  (name) => expect(isLeftOutTrailer(name)).toBe(true),
);

test.each(["Trailer", "Upgrade", "Expect", "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "If-Match"])(
  "%s stays behind",
  (name) => expect(isLeftOutTrailer(name)).toBe(true),
);

test.each(["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Host", "Forwarded"])(
  "%s stays behind",
  (name) => expect(isLeftOutTrailer(name)).toBe(true),
);

test.each(["Content-Type", "Content-Encoding", "Content-Range", "Location", "Cache-Control", "Date"])(
  "%s stays behind",
  (name) => expect(isLeftOutTrailer(name)).toBe(true),
);

test.each(["X-Amzn-Mtls-Clientcert", "x-amzn-mtls-clientcert-leaf", "X_Amzn_Mtls_Clientcert_Subject"])(
  "%s stays behind",
  (name) => expect(isLeftOutTrailer(name)).toBe(true),
);

// A reader that takes another separator for a hyphen must not find one of them either.
test.each(["Content_Length", "content.length", "X_Forwarded_For", "transfer_encoding", "HOST", "_Host"])(
  "%s, which some take for one of them, stays behind",
  (name) => expect(isLeftOutTrailer(name)).toBe(true),
);

test.each(["Content-Digest", "Server-Timing", "Grpc-Status", "X-Checksum", "ETag", "Authentication-Info", "Hostname"])(
  "%s passes",
  (name) => expect(isLeftOutTrailer(name)).toBe(false),
);

const behind = (trailers: string): string => `1\r\nx\r\n0\r\n${trailers}\r\n`;

test.each([
  ["in order, with the case and blanks they came with", "B: 1\r\na:2\r\nB:  3 4\r\n", "B: 1\r\na:2\r\nB:  3 4\r\n"],
  ["without the blanks at their ends", "A: 1 \t\r\nB: \t \r\n", "A: 1\r\nB:\r\n"],
  ["with empty and with odd values", "A:\r\nB: \xe4\t,;\r\n", "A:\r\nB: \xe4\t,;\r\n"],
  ["but for those that stay behind", "A: 1\r\nContent-Length: 5\r\nB: 2\r\nHOST: x\r\n", "A: 1\r\nB: 2\r\n"],
  ["none when all stay behind", "Host: x\r\nTE: trailers\r\n", ""],
])("trailers pass %s", (_, trailers, expected) => {
  expectAtEverySplit(behind(trailers), passOnChunks(), `${behind(expected)} + `);
  expectAtEverySplit(`${behind(trailers)}GET /`, passOnChunks({ offset: 3 }), `${behind(expected)} + GET /`);
});

// RFC 9110 §7.6.1: what Connection names is for one hop, in a trailer as in a head.
test("a trailer that Connection named stays behind", () => {
  const nominated = new Set(["x-hop"]);
  expectAtEverySplit(behind("A: 1\r\nX-Hop: 2\r\n"), passOnChunks({ nominated }), `${behind("A: 1\r\n")} + `);
});

test("a hundred fields are taken and no more, also of those that stay behind", () => {
  expect(passOnChunks()([bytesOf(behind("A: 1\r\n".repeat(100)))])).toBe(`${behind("A: 1\r\n".repeat(100))} + `);
  for (const line of ["A: 1\r\n", "Host: a\r\n"]) {
    expect(passOnChunks()([bytesOf(behind(line.repeat(101)))])).toBe("fault trailerTooLarge");
  }
});

// Reading Bun's reports of a handshake: what broke it, and what is only a certificate that doesn't verify.
import { expect, test } from "bun:test";
import { brokenBy, peerOf } from "../../../src/net/secure-dial.ts";
import { makeFakeTransport } from "./fake-socket.ts";

const wrongVersion = "error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER";

test.each<readonly [boolean, { code?: string; message?: string } | undefined, string | undefined]>([
  [true, undefined, undefined],
  [true, { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, undefined],
  [false, { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, undefined],
  [false, { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, undefined],
  [false, { code: "ERR_TLS_CERT_ALTNAME_INVALID" }, undefined],
  [false, { code: "EE_KEY_TOO_SMALL" }, undefined],
  [false, { code: "ECONNRESET" }, "ECONNRESET"],
  [true, { code: "ECONNRESET" }, "ECONNRESET"],
  [false, { code: "EPROTO", message: wrongVersion }, "WRONG_VERSION_NUMBER"],
  [true, { code: "EPROTO" }, "EPROTO"],
  [false, { code: "ERR_SSL_SOMETHING" }, "ERR_SSL_SOMETHING"],
  [false, undefined, "unknown"],
  [false, {}, "unknown"],
])("done %p with %p is broken by %p", (isDone, error, word) => {
  expect(brokenBy(isDone, error)).toBe(word as string);
});

test("only a sound chain has no problem; that Bun misses a name is ours to judge", () => {
  const problemOf = (error: { code?: string } | undefined) => peerOf(makeFakeTransport().transport, error).chainProblem;
  expect([undefined, { code: "ERR_TLS_CERT_ALTNAME_INVALID" }].map(problemOf)).toEqual([undefined, undefined]);
  expect([{ code: "CERT_HAS_EXPIRED" }, {}].map(problemOf)).toEqual(["CERT_HAS_EXPIRED", "unknown"]);
});

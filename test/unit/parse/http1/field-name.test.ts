// Every known field is recognised in any case; a name that differs by one byte is not.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { Field, recogniseField } from "../../../../src/parse/http1/field-name.ts";

const known = [
  ["Host", Field.host],
  ["Content-Length", Field.contentLength],
  ["Transfer-Encoding", Field.transferEncoding],
  ["Connection", Field.connection],
  ["Keep-Alive", Field.keepAlive],
  ["Proxy-Connection", Field.proxyConnection],
  ["TE", Field.te],
  ["Upgrade", Field.upgrade],
  ["Expect", Field.expect],
  ["X-Forwarded-For", Field.forwardedFor],
  ["X-Forwarded-Proto", Field.forwardedProto],
  ["X-Forwarded-Port", Field.forwardedPort],
  ["X_Forwarded_For", Field.forwardedLookAlike],
  ["X-Amzn-Mtls-Clientcert", Field.clientCertificate],
] as const;

const recognise = (name: string): Field => recogniseField(bytesOf(`<${name}>`), 1, 1 + name.length);

test("the cases are all the fields there are", () => {
  expect(new Set(known.map(([, field]) => field)).size).toBe(Object.keys(Field).length - 1);
});

test.each(known)("%s", (name, field) => {
  expect(recognise(name)).toBe(field);
  expect(recognise(name.toLowerCase())).toBe(field);
  expect(recognise(name.toUpperCase())).toBe(field);
  for (let at = 0; at < name.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const changed = name.slice(0, at) + String.fromCharCode(byte) + name.slice(at + 1);
      const same = byte < 0x80 && changed.toLowerCase() === name.toLowerCase();
      // Another mark for `-`, and the other way round, in the names that the next test is about.
      if (!same && /^x[^a-z0-9]forwarded[^a-z0-9]/is.test(changed)) continue;
      if (!same && /^x[^a-z0-9]amzn[^a-z0-9]mtls[^a-z0-9]clientcert$/is.test(changed)) continue;
      if (recognise(changed) !== (same ? field : Field.other)) expect(changed).toBe("told from what it is not");
    }
  }
  expect(recognise(name.slice(0, -1))).toBe(Field.other);
  expect(recognise(`${name}s`)).toBe(Field.other);
});

test.each([
  "X_Forwarded-For",
  "x-forwarded_for",
  "X_FORWARDED_PROTO",
  "X-Forwarded_Port",
  "X.Forwarded.For",
  "X~Forwarded-Port",
])("%p could be taken for one of ours", (name) => {
  expect(recognise(name)).toBe(Field.forwardedLookAlike);
});

test.each([
  "X_Forwarded_Far",
  "XaForwarded-For",
  "X--orwarded-For",
  "X_Forwarded_Host",
  "X-Forwarded-Fo_",
  "x_forwarded_protO_",
])("%p could not", (name) => {
  expect(recognise(name)).toBe(Field.other);
});

test.each([
  ...["-Serial-Number", "-Issuer", "-Subject", "-Validity", "-Leaf", "-Chain", "-", "_", "--Leaf"].map(
    (rest) => `X-Amzn-Mtls-Clientcert${rest}`,
  ),
  "x_amzn_mtls_clientcert_leaf",
  "X-AMZN_MTLS-CLIENTCERT_SERIAL-NUMBER",
  "X.Amzn~Mtls|Clientcert!Subject",
  "X_Amzn_Mtls_Clientcert",
])("%p tells of a client's certificate", (name) => {
  expect(recognise(name)).toBe(Field.clientCertificate);
});

test.each([
  "X-Amzn-Mtls-Clientcer",
  "X-Amzn-Mtls-Clientcertificate",
  "X-Amzn-Mtls-Clientcert0-Leaf",
  "X-Amzn-Mtls--Clientcert-Leaf",
  "XX-Amzn-Mtls-Clientcert-Leaf",
  "XAmzn-Mtls-Clientcert-Subject",
  "X-Amzn-Trace-Id-And-Then-Some",
  "Y-Amzn-Mtls-Clientcert-Subject",
])("%p does not", (name) => {
  expect(recognise(name)).toBe(Field.other);
});

test.each(["", "X", "Cookie", "Accept", "X-Forwarded-Host", "Content-Encoding", "If-None-Match"])(
  "%p is no field of ours",
  (name) => {
    expect(recognise(name)).toBe(Field.other);
  },
);

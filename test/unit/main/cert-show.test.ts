// What `elbow cert show` says of odd certificates; of ordinary ones, the integration test of the command says it.
import { expect, test } from "bun:test";
import { readBlocks, spellBlocks } from "../../../src/main/cert-show.ts";
import { findPemBlocks, writePemBlock } from "../../../src/tls/pem.ts";
import { type CertificateParts, der, unsignedCertificate } from "../../support/der.ts";

const show = (parts: CertificateParts): string => {
  const text = writePemBlock("CERTIFICATE", unsignedCertificate(parts));
  const pem = { label: "odd.pem", bytes: new TextEncoder().encode(text), blocks: findPemBlocks(text) };
  const blocks = readBlocks(pem, Date.parse("2024-01-01T00:00:00Z"));
  return spellBlocks(blocks as Exclude<typeof blocks, Error>);
};

test("a date that the TLS library can't read is said to be none", () => {
  const offset = der(0x17, "271101000000+0100");
  expect(show({ notAfter: offset })).toContain(
    "valid        2023-09-21 01:50 to an unreadable time UTC, which can't be served\n",
  );
  expect(show({ notBefore: offset })).toContain(
    "valid        an unreadable time to 2024-09-20 01:50 UTC, which can't be served\n",
  );
  expect(show({})).toContain("valid        2023-09-21 01:50 to 2024-09-20 01:50 UTC, 263 days left\n");
});

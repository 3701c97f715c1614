// Demo mode's certificate: kept where it can be, else made for this start, with the reason in one line.
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { ensureDemoCertificate } from "../../../src/main/demo-certificate.ts";
import type { PemSource } from "../../../src/model/certificate-source.ts";
import { loadCertificate, remarksAt } from "../../../src/tls/certificate.ts";
import { makeFolder } from "../../support/folder.ts";

const ensure = (STATE_DIRECTORY: string) => Effect.runPromise(ensureDemoCertificate({ STATE_DIRECTORY }));
const pathOf = (source: PemSource): string => ("path" in source ? source.path : "");

test("it is kept, and used again", async () => {
  using state = makeFolder();
  const first = await ensure(state.path);
  expect(first.remark).toBeUndefined();
  const pem = readFileSync(pathOf(first.source.cert), "utf8");
  expect(await ensure(state.path)).toEqual(first);
  expect(readFileSync(pathOf(first.source.cert), "utf8")).toBe(pem);
  const authority = new X509Certificate(readFileSync(first.authorityFile ?? ""));
  expect(new X509Certificate(pem).checkIssued(authority)).toBe(true);
});

test("whether kept or not, it is served without a remark, to those who ask for either name", async () => {
  using state = makeFolder({ file: "" });
  for (const directory of [state.path, join(state.path, "file")]) {
    const { source } = await ensure(directory);
    const certificate = await Effect.runPromise(loadCertificate(source));
    expect(certificate.names).toEqual(["localhost", "127.0.0.1"]);
    expect(remarksAt(certificate, Date.now())).toEqual([]);
  }
});

test("a folder that others may write is left alone", async () => {
  using state = makeFolder();
  await ensure(state.path);
  chmodSync(join(state.path, "demo"), 0o777);
  const next = await ensure(state.path);
  expect(next.remark).toStartWith(
    `demo mode's certificate is new at each start: ${join(state.path, "demo")} can't be used: other users may write`,
  );
  expect(next.authorityFile).toBeUndefined();
  expect(next.source.key).toHaveProperty("text");
});

test("what is in its way is named, and left alone", async () => {
  using state = makeFolder();
  const { source } = await ensure(state.path);
  const keyFile = pathOf(source.key);
  writeFileSync(keyFile, "mine");
  const next = await ensure(state.path);
  expect(next.remark).toStartWith(`demo mode's certificate is new at each start: ${keyFile} is there and isn't `);
  expect(next.authorityFile).toBeUndefined();
  expect(next.source.key).toHaveProperty("text");
  expect(readFileSync(keyFile, "utf8")).toBe("mine");
});

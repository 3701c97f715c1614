// The signature by which a changed file is noticed: every way in which certificates are renewed changes it.
import { expect, test } from "bun:test";
import { appendFileSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { signatureOf } from "../../../src/tls/pem-file.ts";
import { makeFolder } from "../../support/folder.ts";

const sign = (...files: ReadonlyArray<string>): Promise<string> => {
  const [cert, key, chain] = files.map((path) => ({ file: path, path }));
  const source = { cert: cert!, key: key ?? { text: "inline" }, ...(chain === undefined ? {} : { chain }) };
  return Effect.runPromise(signatureOf(source));
};

test("it stays while nothing changes, also when the file is read", async () => {
  using folder = makeFolder({ "a.pem": "a", "a.key": "k" });
  const files = [join(folder.path, "a.pem"), join(folder.path, "a.key")];
  const before = await sign(...files);
  for (const file of files) readFileSync(file);
  expect(await sign(...files)).toBe(before);
});

test("written, replaced, gone, there again, linked elsewhere: each changes it", async () => {
  using folder = makeFolder({ "a.pem": "a", "v1/k": "k", "v2/k": "k", "c.pem": "c" });
  const at = (name: string) => join(folder.path, name);
  symlinkSync("v1/k", at("a.key"));
  const signAll = () => sign(at("a.pem"), at("a.key"), at("c.pem"));
  const seen = [await signAll()];
  const note = async (change: () => void) => {
    change();
    seen.push(await signAll());
  };
  await note(() => appendFileSync(at("a.pem"), "b"));
  // A copy that keeps size and time of the old one.
  await note(() => {
    writeFileSync(at("new"), "ab");
    utimesSync(at("new"), 1, 1);
    renameSync(at("new"), at("a.pem"));
  });
  await note(() => {
    symlinkSync("v2/k", at("new"));
    renameSync(at("new"), at("a.key"));
  });
  await note(() => rmSync(at("c.pem")));
  await note(() => writeFileSync(at("c.pem"), "c"));
  expect(new Set(seen).size).toBe(seen.length);
});

test("a source that is text, and a single file", async () => {
  using folder = makeFolder({ "ca.pem": "a" });
  expect(await Effect.runPromise(signatureOf({ text: "PEM" }))).toBe("inline");
  const path = join(folder.path, "ca.pem");
  const before = await Effect.runPromise(signatureOf({ file: "ca.pem", path }));
  rmSync(path);
  expect(before).not.toBe("ENOENT");
  expect(await Effect.runPromise(signatureOf({ file: "ca.pem", path }))).toBe("ENOENT");
});

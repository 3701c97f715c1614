// The signature by which a changed file is noticed: every way in which certificates are renewed changes it. And reading:
// nothing that lies in a file's place holds anybody up.
import { expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Effect, Result } from "effect";
import { readPem, signatureOf } from "../../../src/tls/pem-file.ts";
import { makeFolder } from "../../support/folder.ts";

setDefaultTimeout(30_000);

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

/** What reading a file of the system's own says. */
const readFault = async (path: string): Promise<string> => {
  const read = await Effect.runPromise(Effect.result(readPem({ file: path, path }, "certificate")));
  return Result.isFailure(read) ? read.failure.message : `${read.success.bytes.length} bytes`;
};

test.skipIf(process.platform !== "linux")(
  "a file of the system's that says it is empty is read as far as it goes",
  async () => {
    // Its size is 0, as that of everything in /proc.
    expect(await readFault("/proc/self/status")).toMatch(/^\d{3,} bytes$/);
  },
);

test.skipIf(process.platform !== "linux")("a file of the system's that has no end is left soon", async () => {
  // 256 GiB of the process's address space, and it says that it has none.
  expect(await readFault("/proc/self/pagemap")).toMatch(/is too large|can't be read \(EINVAL\)/);
});

test("a pipe that takes the file's place at any moment holds nobody up", async () => {
  using folder = makeFolder({ regular: "regular" });
  const at = (name: string) => join(folder.path, name);
  expect(Bun.spawnSync(["mkfifo", at("pipe")]).exitCode).toBe(0);
  const path = at("site.pem");
  symlinkSync("regular", path);
  let isSwapping = true;
  const swap = async () => {
    for (let turn = 0; isSwapping && turn < 200_000; turn++) {
      await symlink(turn % 2 === 0 ? "pipe" : "regular", at("next"));
      await rename(at("next"), path);
    }
  };
  const swapping = swap();
  const seen = new Set<string>();
  for (let round = 0; round < 2000; round++) seen.add(await readFault(path));
  isSwapping = false;
  await swapping;
  const special = `${path}: is not a file (expected a PEM file with the certificate that elbow may read)`;
  expect([...seen].sort()).toEqual([special, "7 bytes"].sort());
});

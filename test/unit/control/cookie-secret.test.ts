// The cookie secret that is kept: made once, whole and private, the same for every start and every process.
import { expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Effect, Result, Schema } from "effect";
import { keepCookieSecrets } from "../../../src/control/cookie-secret.ts";
import { toCookieSecret, WrittenCookieSecrets } from "../../../src/model/cookie-secret.ts";
import { makeFolder } from "../../support/folder.ts";

const keep = (directory: string): ReadonlyArray<string> | string =>
  Effect.runSync(
    keepCookieSecrets(directory).pipe(
      Effect.map((secrets): ReadonlyArray<string> | string =>
        secrets.map((secret) => new TextDecoder().decode(secret)),
      ),
      Effect.catch((error) => Effect.succeed(error.message)),
    ),
  );

test("one is made at the first start, and is the same at the second", () => {
  using folder = makeFolder();
  const secrets = keep(folder.path);
  expect(secrets).toEqual([expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/)]);
  expect(readdirSync(folder.path)).toEqual(["cookie-secret"]);
  expect(statSync(join(folder.path, "cookie-secret")).mode & 0o777).toBe(0o600);
  expect(keep(folder.path)).toEqual(secrets as ReadonlyArray<string>);
  using other = makeFolder();
  expect(keep(other.path)).not.toEqual(secrets as ReadonlyArray<string>);
});

test("the file's text is a secret for the configuration of another node, and a line more is rotation", () => {
  using folder = makeFolder();
  const [secret = ""] = keep(folder.path);
  const text = readFileSync(join(folder.path, "cookie-secret"), "utf8");
  expect(toCookieSecret(text)).toEqual(toCookieSecret(secret));
  const newer = "n".repeat(32);
  using other = makeFolder({ "cookie-secret": `${newer}\r\n\n ${text}` });
  chmodSync(join(other.path, "cookie-secret"), 0o640);
  expect(keep(other.path)).toEqual([newer, secret]);
});

test.each([
  ["", "a line of it has fewer than 32 characters; without the file a new one is made"],
  ["\n \n", "a line of it has fewer than 32 characters; without the file a new one is made"],
  ["short\n", "a line of it has fewer than 32 characters; without the file a new one is made"],
  [`${"a".repeat(32)}\nshort\n`, "a line of it has fewer than 32 characters; without the file a new one is made"],
])("%j isn't used, nor replaced", (text, problem) => {
  using folder = makeFolder({ "cookie-secret": text });
  const path = join(folder.path, "cookie-secret");
  chmodSync(path, 0o600);
  expect(keep(folder.path)).toBe(`the cookie secret ${path}: ${problem}`);
  expect(readFileSync(path, "utf8")).toBe(text);
});

test("one that everybody may read isn't used", () => {
  using folder = makeFolder({ "cookie-secret": "a".repeat(32) });
  const path = join(folder.path, "cookie-secret");
  chmodSync(path, 0o604);
  expect(keep(folder.path)).toBe(`the cookie secret ${path}: other users may read it (chmod 600 would end that)`);
});

test("a directory that can't be used is told", () => {
  using folder = makeFolder({ file: "" });
  expect(keep(join(folder.path, "nowhere"))).toMatch(/^the cookie secret .*nowhere\/cookie-secret: .*ENOENT/);
  expect(keep(join(folder.path, "file"))).toMatch(/^the cookie secret .*file\/cookie-secret: .*ENOTDIR/);
});

test("what another process has put there meanwhile is never replaced", () => {
  using folder = makeFolder();
  // Read, there is nothing; made, it is there: as if it had come in between.
  const path = join(folder.path, "cookie-secret");
  symlinkSync(join(folder.path, "nowhere"), path);
  expect(keep(folder.path)).toMatch(/ENOENT/);
  expect(readlinkSync(path)).toBe(join(folder.path, "nowhere"));
  expect(readdirSync(folder.path)).toEqual(["cookie-secret"]);
});

test("processes that start at once get the same secret, and make the same values", async () => {
  using folder = makeFolder();
  const root = join(import.meta.dir, "../../..");
  const script = folder.write(
    "start.ts",
    `import { Effect } from ${JSON.stringify(Bun.resolveSync("effect", root))};
     import { keepCookieSecrets } from ${JSON.stringify(join(root, "src/control/cookie-secret.ts"))};
     import { makeStickyValues } from ${JSON.stringify(join(root, "src/control/sticky-values.ts"))};
     const secrets = Effect.runSync(keepCookieSecrets(process.argv[2]!));
     const values = makeStickyValues(secrets, { loadBalancer: "web", instancePort: 80 }, (name: string) => name);
     process.stdout.write(Buffer.from(values.valuesOf("a")[0]!).toString("latin1"));`,
  );
  using directory = makeFolder();
  const processes = Array.from({ length: 4 }, () =>
    Bun.spawn([process.execPath, script, directory.path], { stdout: "pipe", stderr: "inherit" }),
  );
  const values = await Promise.all(processes.map(({ stdout }) => stdout.text()));
  expect(values[0]).toMatch(/^[0-9A-F]{138}$/);
  expect(new Set(values).size).toBe(1);
  expect(readdirSync(directory.path)).toEqual(["cookie-secret"]);
}, 30_000);

test.each<readonly [unknown, boolean]>([
  ["a".repeat(32), true],
  [["a".repeat(32), "b".repeat(44)], true],
  ["a".repeat(31), false],
  [` ${"a".repeat(31)} `, false],
  [`${"a".repeat(20)}\n${"a".repeat(20)}`, false],
  [["a".repeat(32), "short"], false],
  [[], false],
  [7, false],
])("as written in a configuration: %j", (written, isLegal) => {
  expect(Result.isSuccess(Schema.decodeUnknownResult(WrittenCookieSecrets)(written))).toBe(isLegal);
});

// Where state is kept, that the directory is private, and what is said when it can't be had.
import { expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { ensureStateDirectory, findStateDirectory, type StateEnvironment } from "../../../src/main/state-directory.ts";
import { makeFolder } from "../../support/folder.ts";

test.each<[StateEnvironment, string | undefined]>([
  [{ STATE_DIRECTORY: "/var/lib/elbow", XDG_STATE_HOME: "/x", HOME: "/home/a" }, "/var/lib/elbow"],
  [{ STATE_DIRECTORY: "/var/lib/elbow:/var/lib/other", HOME: "/home/a" }, "/var/lib/elbow"],
  [{ STATE_DIRECTORY: "", XDG_STATE_HOME: "/x", HOME: "/home/a" }, "/x/elbow"],
  [{ XDG_STATE_HOME: "x", HOME: "/home/a" }, "/home/a/.local/state/elbow"],
  [{ XDG_STATE_HOME: "", HOME: "/home/a" }, "/home/a/.local/state/elbow"],
  [{ HOME: "/home/a" }, "/home/a/.local/state/elbow"],
  [{ HOME: "" }, undefined],
  [{}, undefined],
])("%j", (environment, path) => {
  expect(findStateDirectory(environment)).toBe(path as string);
});

const ensure = (environment: StateEnvironment): Promise<string> =>
  Effect.runPromise(Effect.catch(ensureStateDirectory(environment), (error) => Effect.succeed(error.message)));

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("it is made with its parents, for its owner alone; one that is there stays as it is", async () => {
  using folder = makeFolder();
  const path = join(folder.path, "a/b/elbow");
  expect(await ensure({ XDG_STATE_HOME: join(folder.path, "a/b") })).toBe(path);
  expect([modeOf(path), modeOf(join(folder.path, "a"))]).toEqual(["700", "700"]);
  chmodSync(path, 0o750);
  expect(await ensure({ STATE_DIRECTORY: path })).toBe(path);
  expect(modeOf(path)).toBe("750");
});

test("nothing is made where nobody asks for it", () => {
  using folder = makeFolder();
  findStateDirectory({ HOME: folder.path });
  ensureStateDirectory({ HOME: folder.path });
  expect(existsSync(join(folder.path, ".local"))).toBe(false);
});

// Only root can give a directory away.
test.skipIf(process.getuid?.() !== 0)("one that belongs to another user isn't used", async () => {
  using folder = makeFolder();
  chownSync(folder.path, 65_534, 65_534);
  expect(await ensure({ STATE_DIRECTORY: folder.path })).toBe(
    `the state directory ${folder.path}: it belongs to another user (65534); name another with STATE_DIRECTORY`,
  );
});

test("what is wrong with it is said in one line, with the way out", async () => {
  using folder = makeFolder({ file: "" });
  const file = join(folder.path, "file");
  const open = join(folder.path, "open");
  mkdirSync(open);
  chmodSync(open, 0o777);
  const end = "; name another with STATE_DIRECTORY";
  expect(await ensure({ STATE_DIRECTORY: file })).toBe(`the state directory ${file}: it is a file (EEXIST)${end}`);
  expect(await ensure({ STATE_DIRECTORY: `${file}/x` })).toBe(
    `the state directory ${file}/x: a part of the path is a file (ENOTDIR)${end}`,
  );
  expect(await ensure({ STATE_DIRECTORY: open })).toBe(
    `the state directory ${open}: other users may write into it (chmod go-w would end that)${end}`,
  );
  expect(await ensure({ STATE_DIRECTORY: "state" })).toBe(
    `the state directory state: it must be an absolute path${end}`,
  );
  expect(await ensure({})).toBe(
    `no state directory: neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME says where${end}`,
  );
  expect(await ensure({ STATE_DIRECTORY: "/proc/elbow" })).toBe(
    `the state directory /proc/elbow: it can't be made (ENOENT)${end}`,
  );
});

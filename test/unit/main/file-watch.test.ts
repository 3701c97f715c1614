import { expect, test } from "bun:test";
import { renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { hashContent } from "../../../src/control/configuration/module-graph.ts";
import { FileLooker } from "../../../src/main/file-watch.ts";
import { makeFolder } from "../../support/folder.ts";

/** A file that was read with this content, or wasn't there. */
const readAs = (path: string, content: string | undefined) =>
  new Map([[path, content === undefined ? undefined : hashContent(content)]]);

test("a change counts when two looks in a row see the same", async () => {
  using folder = makeFolder({ a: "one" });
  const [path, looker] = [`${folder.path}/a`, new FileLooker()];
  const files = readAs(path, "one");
  expect([await looker.look(files), await looker.look(files)]).toEqual([false, false]);
  folder.write("a", "half of t");
  expect(await looker.look(files)).toBe(false);
  folder.write("a", "half of two");
  expect(await looker.look(files)).toBe(false);
  expect(await looker.look(files)).toBe(true);
  // As it is read by the reload.
  expect(await looker.look(readAs(path, "half of two"))).toBe(false);
});

test("what was changed between the reading and the first look is seen", async () => {
  using folder = makeFolder({ a: "two" });
  const [files, looker] = [readAs(`${folder.path}/a`, "one"), new FileLooker()];
  expect([await looker.look(files), await looker.look(files)]).toEqual([false, true]);
});

test("the same content is no change, whoever writes it and in whichever way", async () => {
  using folder = makeFolder({ a: "one" });
  const [path, looker] = [`${folder.path}/a`, new FileLooker()];
  const files = readAs(path, "one");
  const looks = async () => [await looker.look(files), await looker.look(files), await looker.look(files)];
  expect(await looks()).toEqual([false, false, false]);
  utimesSync(path, 1, 1);
  expect(await looks()).toEqual([false, false, false]);
  writeFileSync(`${path}.new`, "one");
  renameSync(`${path}.new`, path);
  expect(await looks()).toEqual([false, false, false]);
});

test("a file that goes, one that comes, and a link that is switched are changes", async () => {
  using folder = makeFolder({ a: "one", b: "two" });
  const link = `${folder.path}/link`;
  const looker = new FileLooker();
  const changes = async (content: string | undefined) => {
    const files = readAs(link, content);
    return [await looker.look(files), await looker.look(files)];
  };
  expect(await changes(undefined)).toEqual([false, false]);
  symlinkSync(`${folder.path}/a`, link);
  expect(await changes(undefined)).toEqual([false, true]);
  expect(await changes("one")).toEqual([false, false]);
  symlinkSync(`${folder.path}/b`, `${link}.new`);
  renameSync(`${link}.new`, link);
  expect(await changes("one")).toEqual([false, true]);
  rmSync(link);
  expect(await changes("two")).toEqual([false, true]);
});

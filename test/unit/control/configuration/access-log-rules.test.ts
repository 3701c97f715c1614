// What is wrong with an access log's settings, with the place; and what relative paths come to.
import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { Effect, Result } from "effect";
import { loadConfiguration } from "../../../../src/control/configuration/load.ts";
import { makeFolder } from "../../../support/folder.ts";

const one = (accessLog: object, name = "web", port = 8080) => ({
  [name]: {
    listeners: [{ protocol: "HTTP", port, instancePort: 80 }],
    instances: ["127.0.0.1"],
    attributes: { accessLog },
  },
});

const load = async (loadBalancers: object, more: object = {}) => {
  using folder = makeFolder();
  const file = folder.write("elbow.json", { ...more, loadBalancers });
  folder.write("plain.txt", "a file");
  const result = await Effect.runPromise(Effect.result(loadConfiguration(file)));
  return {
    folder: folder.path,
    configuration: Result.isSuccess(result) ? result.success : undefined,
    problems: Result.isFailure(result)
      ? result.failure.problems.map(({ path, problem }) => `${path}: ${problem.replaceAll(folder.path, "F")}`)
      : [],
  };
};

const at = "loadBalancers.web.attributes.accessLog";

test.each<readonly [string, object, string]>([
  ["no destination", { enabled: true }, `${at}: says nowhere to write to`],
  ["two", { enabled: true, file: "a.log", stdout: true }, `${at}: has 2 destinations`],
  ["no switch", { file: "a.log" }, `${at}.enabled: is missing`],
  [
    "an interval",
    { enabled: true, directory: "d", emitInterval: 10 },
    `${at}.emitInterval: 10 is not an interval in minutes`,
  ],
  [
    "rotation of no file",
    { enabled: true, stdout: true, rotate: { maxBytes: 4096 } },
    `${at}.rotate: turns nothing over`,
  ],
  ["rotation that never happens", { enabled: true, file: "a.log", rotate: {} }, `${at}.rotate: never happens`],
  [
    "a bucket without folder",
    { enabled: true, file: "a.log", s3: { bucket: "logs" } },
    `${at}.s3: has no folder in which finished files wait`,
  ],
  [
    "a prefix",
    { enabled: true, directory: "d", s3: { bucket: "logs", prefix: "a/AWSLogs" } },
    `${at}.s3.prefix: "a/AWSLogs" is not a prefix`,
  ],
  [
    "half of the credentials",
    { enabled: true, directory: "d", s3: { bucket: "logs", accessKeyId: "a" } },
    `${at}.s3: has one half of the credentials`,
  ],
  ["a folder as a file", { enabled: true, file: "." }, `${at}.file: F is a folder`],
  [
    "a file as a folder",
    { enabled: true, file: "plain.txt/a.log" },
    `${at}.file: F/plain.txt/a.log can't be written: F/plain.txt is not a folder`,
  ],
])("%s is refused with its place", async (_title, setting, problem) => {
  expect((await load(one(setting))).problems).toEqual([problem]);
});

test("two destinations are told beside what is wrong in the same log", async () => {
  const { problems } = await load(one({ enabled: true, file: "a.log", directory: "d", format: "xml" }));
  expect(problems.sort()).toEqual([`${at}.format: "xml" is not a format`, `${at}: has 2 destinations`]);
});

test("a socket as a file is refused, a pipe and a device aren't", async () => {
  using folder = makeFolder();
  const socket = join(folder.path, "socket");
  using listening = Bun.listen({ unix: socket, socket: { data() {} } });
  expect(listening.unix).toBe(socket);
  const { problems } = await load(one({ enabled: true, file: socket }));
  expect(problems).toEqual([`${at}.file: ${socket} is neither a file nor a pipe nor a character device`]);
  const pipe = join(folder.path, "pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  for (const file of [pipe, "/dev/null"]) expect((await load(one({ enabled: true, file }))).problems).toEqual([]);
});

test("two who share a file agree on it, or are refused", async () => {
  const file = { enabled: true, file: "a.log" };
  expect((await load({ ...one(file), ...one(file, "api", 8081) })).problems).toEqual([]);
  const { problems } = await load({ ...one(file), ...one({ ...file, format: "json" }, "api", 8081) });
  expect(problems).toEqual([
    "loadBalancers.api.attributes.accessLog.file: F/a.log is the file of web too, with another format or rotation",
  ]);
});

test("paths are relative to the configuration's file; account and region are kept, and checked", async () => {
  const { configuration, folder } = await load(one({ enabled: true, directory: "logs" }), {
    account: "123456789012",
    region: "eu-central-1",
  });
  expect(configuration).toMatchObject({ account: "123456789012", region: "eu-central-1" });
  expect(configuration?.loadBalancers[0]?.attributes.accessLog).toEqual({
    enabled: true,
    directory: join(folder, "logs"),
    emitInterval: 60,
    format: "clb",
  });
  expect((await load(one({ enabled: false }), { account: "12" })).problems).toEqual([
    'account: "12" is not an account',
  ]);
});

test.skipIf(process.getuid?.() === 0)("a folder without the right to write is refused", async () => {
  using folder = makeFolder();
  chmodSync(folder.path, 0o500);
  const { problems } = await load(one({ enabled: true, file: join(folder.path, "a.log") }));
  expect(problems).toHaveLength(1);
});

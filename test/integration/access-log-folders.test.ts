// Access logs in the layout of a Classic Load Balancer's bucket, on disk and in a bucket: names, whole files, retries, what an
// earlier process has left.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AccessLogSetting } from "../../src/model/access-log.ts";
import { BucketUpload } from "../../src/observe/access-log/bucket-upload.ts";
import { DirectorySink } from "../../src/observe/access-log/directory-sink.ts";
import { LogCounts, LogWriter } from "../../src/observe/access-log/log-writer.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange } from "../support/http-message.ts";
import { loggingTo, readLine } from "../support/log-lines.ts";
import { RawClient } from "../support/raw-client.ts";
import { S3Server } from "../support/s3-server.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const files = (path: string): ReadonlyArray<string> =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();

const start = async (setting: Partial<AccessLogSetting>, names: { account?: string; region?: string } = {}) => {
  const instance = FakeInstance.start(answerText("ok"));
  const configuration = configurationOf([
    { name: "web", protocol: "HTTP", instances: [instance], attributes: loggingTo(setting) },
  ]);
  const elbow = await startElbow({ ...configuration, ...names });
  return {
    elbow,
    async send(count: number) {
      const client = await RawClient.connect(elbow.port());
      for (let index = 0; index < count; index++) await exchange(client, "/");
      await client.close();
    },
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      instance.stop();
    },
  };
};

const wholeFile =
  /^AWSLogs\/123456789012\/elasticloadbalancing\/eu-central-1\/\d{4}\/\d\d\/\d\d\/123456789012_elasticloadbalancing_eu-central-1_web_\d{8}T\d{4}Z_127\.0\.0\.1_[0-9a-z]{8}\.log$/;

test("a folder has a test file, a file that isn't finished, and at the end a finished one", async () => {
  using folder = makeFolder();
  {
    await using it = await start(
      { directory: folder.path, emitInterval: 5 },
      { account: "123456789012", region: "eu-central-1" },
    );
    await it.send(3);
    await eventually(() => files(folder.path).some((name) => name.includes(".log.part-")));
    expect(files(folder.path).some((name) => name.endsWith(".log"))).toBe(false);
  }
  const [test, whole, ...others] = files(folder.path);
  expect(test).toBe("AWSLogs/123456789012/ELBAccessLogTestFile");
  expect(readFileSync(join(folder.path, test as string), "utf8")).toStartWith("Enable AccessLog for ELB: web at 20");
  expect(whole).toMatch(wholeFile);
  expect(others).toEqual([]);
  const [, year, month, day, hour, minute] = /_web_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z/
    .exec(whole as string)!
    .map(Number);
  const endMs = Date.UTC(year!, month! - 1, day, hour, minute);
  expect(endMs % 300_000).toBe(0);
  expect(endMs - Date.now()).toBeWithin(-60_000, 300_001);
  expect(
    readFileSync(join(folder.path, whole as string), "utf8")
      .trimEnd()
      .split("\n")
      .map(readLine),
  ).toHaveLength(3);
});

const logFolder = (directory: string) => ({
  directory,
  account: "000000000000",
  region: "local",
  loadBalancer: "web",
});

const writeLine = (writer: LogWriter, text: string): void => {
  const out = writer.makeRoom(text.length + 1);
  out?.putText(`${text}\n`);
  if (out !== undefined) writer.endLine();
};

test("a file is finished when its interval is over, with or without another line", async () => {
  using folder = makeFolder();
  const sink = new DirectorySink({ folder: logFolder(folder.path), intervalMs: 1000, nodeAddress: "127.0.0.1" });
  const writer = new LogWriter("a log", sink);
  writeLine(writer, "one");
  await eventually(() => files(folder.path).filter((name) => name.endsWith(".log")).length === 1);
  writeLine(writer, "two");
  await eventually(() => files(folder.path).filter((name) => name.endsWith(".log")).length === 2);
  await writer.close(1000);
});

test("finished files go to a bucket that fails first, are deleted then, and the test file goes before them", async () => {
  using folder = makeFolder();
  using s3 = S3Server.start({ failures: 1 });
  const bucket = {
    bucket: "my-logs",
    prefix: "prod",
    endpoint: s3.endpoint,
    accessKeyId: "AKID",
    secretAccessKey: "hidden",
    maxSpoolBytes: 2 ** 20,
  };
  await using it = await start({ directory: folder.path, s3: bucket });
  await it.send(5);
  await eventually(() => s3.objects.length === 1, { timeoutMs: 15_000, what: "the test file" });
  expect(s3.refused).toBe(1);
  expect(s3.objects[0]).toMatchObject({ path: "/my-logs/prod/AWSLogs/000000000000/ELBAccessLogTestFile" });
  expect(s3.objects[0]?.authorization).toContain("Credential=AKID/");
  expect(JSON.stringify(it.elbow.status())).not.toContain("hidden");
  await it.elbow.stop();
  expect(s3.objects).toHaveLength(2);
  expect(s3.objects[1]?.path).toMatch(
    /^\/my-logs\/prod\/AWSLogs\/000000000000\/elasticloadbalancing\/local\/\d{4}\/\d\d\/\d\d\/000000000000_elasticloadbalancing_local_web_/,
  );
  expect(s3.objects[1]?.body.trimEnd().split("\n").map(readLine)).toHaveLength(5);
  expect(files(folder.path)).toEqual(["AWSLogs/000000000000/ELBAccessLogTestFile"]);
});

test("what an earlier process has left, finished or not, is sent by the next; another load balancer's isn't", async () => {
  using folder = makeFolder();
  using s3 = S3Server.start({ failures: 5 });
  const day = "AWSLogs/000000000000/elasticloadbalancing/local/2020/01/02";
  const name = (loadBalancer: string) =>
    `${day}/000000000000_elasticloadbalancing_local_${loadBalancer}_20200102T0305Z_10.0.0.1_abcdefgh.log`;
  folder.write(name("web"), "left\n");
  folder.write(`${name("web").replace("abcdefgh", "ijklmnop")}.part-elsewhere-7`, "unfinished\n");
  folder.write(name("web-2"), "another's\n");
  const terms = { firstRetryMs: 10, maxRetryMs: 20, lookEveryMs: 60_000 };
  const bucket = {
    bucket: "my-logs",
    endpoint: s3.endpoint,
    accessKeyId: "a",
    secretAccessKey: "b",
    maxSpoolBytes: 2 ** 20,
  };
  const upload = new BucketUpload(logFolder(folder.path), bucket, undefined, terms);
  upload.wake();
  await eventually(() => s3.objects.length === 2);
  expect(s3.objects.map(({ body }) => body).sort()).toEqual(["left\n", "unfinished\n"]);
  await eventually(() => files(folder.path).length === 1);
  expect(existsSync(join(folder.path, name("web-2")))).toBe(true);
  await upload.close();
});

test("a spool that is full takes no more, and lines are counted as dropped", async () => {
  using folder = makeFolder();
  using s3 = S3Server.start({ failures: Number.POSITIVE_INFINITY });
  const bucket = {
    bucket: "my-logs",
    endpoint: s3.endpoint,
    accessKeyId: "a",
    secretAccessKey: "b",
    maxSpoolBytes: 10,
  };
  const terms = { firstRetryMs: 10, maxRetryMs: 20, lookEveryMs: 60_000 };
  const day = "AWSLogs/000000000000/elasticloadbalancing/local/2020/01/02";
  folder.write(
    `${day}/000000000000_elasticloadbalancing_local_web_20200102T0305Z_10.0.0.1_abcdefgh.log`,
    "x".repeat(100),
  );
  const upload = new BucketUpload(logFolder(folder.path), bucket, undefined, terms);
  upload.wake();
  await eventually(() => upload.counts.failures > 0);
  const sink = new DirectorySink({
    folder: logFolder(folder.path),
    intervalMs: 300_000,
    nodeAddress: "127.0.0.1",
    checkRoom: upload.checkRoom,
  });
  const counts = new LogCounts();
  const quick = { bufferBytes: 1024, bufferCount: 2, flushEveryMs: 5, retryEveryMs: 10 };
  const writer = new LogWriter("a log", sink, counts, quick);
  for (let index = 0; index < 100; index++) writeLine(writer, "y".repeat(99));
  await eventually(() => counts.failures > 0);
  expect(counts.droppedLines).toBeGreaterThan(50);
  // The bucket is back: what was kept is written.
  s3.failures = 0;
  await eventually(() => counts.writtenLines + counts.droppedLines === 100);
  expect(counts.writtenLines).toBeGreaterThan(0);
  await writer.close(1000);
  await upload.close();
});

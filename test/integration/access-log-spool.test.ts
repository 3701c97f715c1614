// Folders of access logs whose bucket hangs or refuses, and what becomes of logs when a reload is refused.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { BucketUpload } from "../../src/observe/access-log/bucket-upload.ts";
import { DirectorySink } from "../../src/observe/access-log/directory-sink.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange } from "../support/http-message.ts";
import { loggingTo, textLines } from "../support/log-lines.ts";
import { RawClient } from "../support/raw-client.ts";
import { S3Server } from "../support/s3-server.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const root = "AWSLogs/000000000000/elasticloadbalancing/local";
const name = (random: string, time = "20200102T0305Z") =>
  `${root}/2020/01/02/000000000000_elasticloadbalancing_local_web_${time}_10.0.0.1_${random}.log`;
const logFolder = (directory: string) => ({
  directory,
  account: "000000000000",
  region: "local",
  loadBalancer: "web",
});
const bucketAt = (s3: S3Server) => ({
  bucket: "my-logs",
  endpoint: s3.endpoint,
  accessKeyId: "a",
  secretAccessKey: "b",
  maxSpoolBytes: 100,
});
const quick = { firstRetryMs: 10, maxRetryMs: 20, fileTimeoutMs: 100, reckonEveryMs: 0 };

const logsIn = (path: string): ReadonlyArray<string> =>
  readdirSync(path, { recursive: true })
    .map(String)
    .filter((file) => file.includes(".log"))
    .sort();

test("the spool's bound holds while an upload hangs, the file that is being written included", async () => {
  using folder = makeFolder();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  using s3 = S3Server.start({ refuse: () => promise });
  folder.write(name("aaaaaaaa"), "x".repeat(60));
  const upload = new BucketUpload(logFolder(folder.path), bucketAt(s3), undefined, { ...quick, fileTimeoutMs: 60_000 });
  upload.wake();
  await upload.checkRoom();
  folder.write(`${name("bbbbbbbb")}.part-elsewhere-7.00`, "y".repeat(60));
  await expect(upload.checkRoom()).rejects.toThrow("120 bytes wait");
  resolve(false);
  await upload.close();
});

test("an upload that hangs is given up, and the next tried", async () => {
  using folder = makeFolder();
  using s3 = S3Server.start({ refuse: (path) => (path.includes("aaaaaaaa") ? new Promise(() => {}) : false) });
  for (const random of ["aaaaaaaa", "bbbbbbbb"]) folder.write(name(random), `${random}\n`);
  const upload = new BucketUpload(logFolder(folder.path), bucketAt(s3), undefined, quick);
  upload.wake();
  await eventually(() => s3.objects.length === 1);
  expect(s3.objects[0]?.body).toBe("bbbbbbbb\n");
  await eventually(() => upload.counts.failures > 0);
  await upload.close();
});

test("files that always fail, the test file among them, keep no other from the bucket", async () => {
  using folder = makeFolder();
  const refused = ["TestFile", "aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"];
  using s3 = S3Server.start({ refuse: (path) => refused.some((part) => path.includes(part)) });
  for (const random of [...refused.slice(1), "eeeeeeee", "ffffffff"]) folder.write(name(random), `${random}\n`);
  const upload = new BucketUpload(logFolder(folder.path), bucketAt(s3), undefined, quick);
  upload.announce("a test");
  await eventually(() => s3.objects.length === 2);
  expect(s3.objects.map(({ body }) => body).sort()).toEqual(["eeeeeeee\n", "ffffffff\n"]);
  await upload.close();
  expect(upload.counts.uploadedFiles).toBe(2);
  expect(logsIn(folder.path)).toHaveLength(4);
});

test("what a process that died has left is finished without a bucket, too, also where it had this one's id", async () => {
  using folder = makeFolder();
  const later = "29990102T0305Z";
  folder.write(`${name("aaaaaaaa", later)}.part-${hostname()}-${process.pid}.00`, "left\n");
  folder.write(`${name("bbbbbbbb", later)}.part-elsewhere-7.00`, "another's\n");
  const sink = new DirectorySink({ folder: logFolder(folder.path), intervalMs: 300_000, nodeAddress: "127.0.0.1" });
  await sink.prepare();
  expect(logsIn(folder.path).map((file) => file.slice(file.lastIndexOf("_") + 1))).toEqual([
    "aaaaaaaa.log",
    "bbbbbbbb.log.part-elsewhere-7.00",
  ]);
});

test("a file that has grown large is finished early", async () => {
  using folder = makeFolder();
  const sink = new DirectorySink({
    folder: logFolder(folder.path),
    intervalMs: 300_000,
    nodeAddress: "127.0.0.1",
    maxFileBytes: 10,
  });
  for (const text of ["one\n", "a longer one\n", "two\n"]) {
    await sink.write({ bytes: Buffer.from(text), length: text.length, lines: 1, offset: 0 });
  }
  expect(
    logsIn(folder.path)
      .map((file) => file.includes(".part-"))
      .sort(),
  ).toEqual([false, true]);
  await sink.close();
});

const destinations = (): ReadonlyArray<string> =>
  (collectMetrics().find((family) => family.name === "elbow_access_log_lines_total")?.samples ?? []).map(
    ({ labels }) => labels.destination as string,
  );

test("a reload that is refused touches no folder and no count; counts go with their destination", async () => {
  using folder = makeFolder();
  using instance = FakeInstance.start(answerText("ok"));
  using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const at = (file: string) => join(folder.path, file);
  const web = (file: string) => ({
    name: "web",
    protocol: "HTTP" as const,
    instances: [instance],
    attributes: loggingTo({ file: at(file) }),
  });
  const other = (index: number, port: number) => ({
    name: `other-${index}`,
    protocol: "HTTP" as const,
    port,
    instances: [instance],
    attributes: loggingTo({ directory: at(`new-${index}`) }),
  });
  await using elbow = await startElbow(configurationOf([web("a.log")]));
  const send = async () => {
    using client = await RawClient.connect(elbow.port(0, "web"));
    await exchange(client, "/");
  };
  await send();
  const refused = { ...configurationOf([web("b.log"), other(1, 0), other(2, taken.port)]), account: "123456789012" };
  await expect(elbow.apply(refused)).rejects.toThrow();
  await eventually(() => destinations().length === 1);
  expect(destinations()).toEqual([at("a.log")]);
  expect([1, 2].map((index) => existsSync(at(`new-${index}`)))).toEqual([false, false]);
  await send();
  await eventually(() => textLines(at("a.log")).length === 2);
  await elbow.apply(configurationOf([web("b.log"), other(1, 0)]));
  await eventually(() => existsSync(at("new-1/AWSLogs/000000000000/ELBAccessLogTestFile")));
  await eventually(() => destinations().length === 2);
  expect(destinations().toSorted()).toEqual([at("b.log"), at("new-1")]);
});

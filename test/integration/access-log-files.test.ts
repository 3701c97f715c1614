// Where access logs are kept: rotation, files that somebody moves away, failures, reloads; and that nothing is lost unseen.
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { AccessLogSetting } from "../../src/model/access-log.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { observeNotices } from "../../src/observe/notices.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { loggingTo, readLine, textLines } from "../support/log-lines.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** elbow with one HTTP load balancer, whose log settings may change. */
const start = async (setting: (path: string) => Partial<AccessLogSetting>) => {
  const folder = makeFolder();
  const path = join(folder.path, "logs", "access.log");
  const instance = FakeInstance.start(answerText("ok"));
  const configure = (next: Partial<AccessLogSetting>, port = 0) =>
    configurationOf([{ protocol: "HTTP", port, instances: [instance], attributes: loggingTo(next) }]);
  const elbow = await startElbow(configure(setting(path)));
  return {
    elbow,
    folder,
    path,
    port: elbow.port(),
    change: (next: Partial<AccessLogSetting>) => elbow.apply(configure(next)),
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      instance.stop();
      folder[Symbol.dispose]();
    },
  };
};

/** Requests of several clients, one after another on each; how many had an answer. */
const send = async (
  port: number,
  clients: number,
  each: number,
  between?: (round: number) => Promise<void>,
  target = "/",
) => {
  let answered = 0;
  const run = async () => {
    const client = await RawClient.connect(port);
    for (let index = 0; index < each; index++) {
      expect((await exchange(client, target)).status).toBe(200);
      answered++;
    }
    await client.close();
  };
  const running = Array.from({ length: clients }, run);
  for (let round = 0; between !== undefined && round < 10; round++) await between(round);
  await Promise.all(running);
  return answered;
};

const metric = (name: string, destination: string): number =>
  collectMetrics()
    .find((family) => family.name === name)
    ?.samples.find(({ labels }) => labels.destination === destination)?.value ?? 0;

/** Every line in a folder, whatever the files are called; each must be whole. */
const linesIn = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.includes(".log"))
    .reduce((sum, entry) => sum + textLines(join(entry.parentPath, entry.name)).map(readLine).length, 0);

test("under load, with rotation by size, reopening and reloads, lines and drops add up to the requests", async () => {
  await using it = await start((file) => ({ file, rotate: { maxBytes: 4096, keep: 1000 } }));
  const sent = await send(it.port, 8, 250, async (round) => {
    await it.change({ file: it.path, rotate: { maxBytes: round % 2 === 0 ? 8192 : 4096, keep: 1000 } });
    await it.elbow.run(it.elbow.control.reopenLogs);
    await Bun.sleep(20);
  });
  await it.elbow.shutdown(1000);
  const written = metric("elbow_access_log_lines_total", it.path);
  await it.elbow.stop();
  expect(sent).toBe(2000);
  expect(linesIn(join(it.folder.path, "logs"))).toBe(2000);
  expect(written).toBe(2000);
});

test("a file is turned over by size, and only so many are kept", async () => {
  await using it = await start((file) => ({ file, rotate: { maxBytes: 1024, keep: 2 } }));
  for (let round = 0; round < 5; round++) {
    await send(it.port, 1, 8);
    await eventually(() => metric("elbow_access_log_lines_total", it.path) === 8 * (round + 1));
  }
  expect(readdirSync(join(it.folder.path, "logs")).sort()).toEqual(["access.log", "access.log.1", "access.log.2"]);
});

test("a small file isn't outgrown by a batch", async () => {
  const maxBytes = 300 * 1024;
  await using it = await start((file) => ({ file, rotate: { maxBytes, keep: 1000 } }));
  const folder = join(it.folder.path, "logs");
  await send(it.port, 8, 50, undefined, `/${"a".repeat(8000)}`);
  await eventually(() => metric("elbow_access_log_lines_total", it.path) === 400);
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  expect(linesIn(folder)).toBe(400);
  expect(sizes.filter((size) => size > maxBytes)).toEqual([]);
});

test("a file is turned over by age", async () => {
  await using it = await start((file) => ({ file, rotate: { maxAge: 1, keep: 1 } }));
  await eventually(
    async () => {
      await send(it.port, 1, 1);
      return readdirSync(join(it.folder.path, "logs")).includes("access.log.1");
    },
    { timeoutMs: 10_000 },
  );
});

test("a file that was moved away is opened anew when asked, and a folder that was deleted is made anew", async () => {
  await using it = await start((file) => ({ file }));
  await send(it.port, 1, 1);
  await eventually(() => textLines(it.path).length === 1);
  renameSync(it.path, `${it.path}.old`);
  await it.elbow.run(it.elbow.control.reopenLogs);
  await send(it.port, 1, 1);
  await eventually(() => textLines(it.path).length === 1);
  expect(textLines(`${it.path}.old`)).toHaveLength(1);
  rmSync(join(it.folder.path, "logs"), { recursive: true });
  await eventually(async () => {
    await send(it.port, 1, 1);
    return textLines(it.path).length > 0;
  });
});

test("what can't be written is told and waits; it is written when that is over", async () => {
  const notices: Array<string> = [];
  const unobserve = observeNotices((text) => notices.push(text));
  await using it = await start((file) => ({ file }));
  // A folder where the file should be.
  mkdirSync(it.path, { recursive: true });
  await send(it.port, 1, 3);
  await eventually(() => metric("elbow_access_log_write_errors_total", it.path) > 0);
  expect(notices.join("\n")).toContain(`the access log ${it.path} can't be written`);
  rmSync(it.path, { recursive: true });
  await eventually(() => textLines(it.path).length === 3);
  expect(metric("elbow_access_log_dropped_total", it.path)).toBe(0);
  unobserve();
});

test("a reload that changes file or format, or ends the log, leaves no request without its line", async () => {
  await using it = await start((file) => ({ file }));
  const other = join(it.folder.path, "other.json");
  await send(it.port, 1, 2);
  await it.change({ file: other, format: "json" });
  await send(it.port, 1, 3);
  await it.change({ enabled: false });
  await send(it.port, 1, 4);
  await eventually(() => textLines(it.path).length === 2 && textLines(other).length === 3);
  const line = JSON.parse(textLines(other)[0] as string);
  expect(line).toMatchObject({ elb: "test", status: 200, backendStatus: 200, method: "GET", retries: 0, sentBytes: 2 });
});

test("at the end everything is written", async () => {
  await using it = await start((file) => ({ file }));
  await send(it.port, 4, 50);
  await it.elbow.stop();
  expect(textLines(it.path)).toHaveLength(200);
});

test("two load balancers share a file", async () => {
  using folder = makeFolder();
  const file = join(folder.path, "shared.log");
  const instance = FakeInstance.start(answerText("ok"));
  const one = (name: string) => ({
    name,
    protocol: "HTTP" as const,
    instances: [instance],
    attributes: loggingTo({ file }),
  });
  await using elbow = await startElbow(configurationOf([one("one"), one("two")]));
  await send(elbow.port(0, "one"), 2, 20);
  await send(elbow.port(0, "two"), 2, 20);
  await eventually(() => textLines(file).length === 80);
  const names = textLines(file).map((text) => readLine(text).elb);
  expect(new Set(names)).toEqual(new Set(["one", "two"]));
  instance.stop();
});

test("what goes on behind a listener that was removed still has its line", async () => {
  using folder = makeFolder();
  const file = join(folder.path, "access.log");
  const { promise, resolve } = Promise.withResolvers<void>();
  const instance = FakeInstance.start(
    serveHttp(async () => {
      await promise;
      return formatResponse("late");
    }),
  );
  const one = (name: string, logged: boolean) => ({
    name,
    protocol: "HTTP" as const,
    instances: [instance],
    attributes: logged ? loggingTo({ file }) : {},
  });
  await using elbow = await startElbow(configurationOf([one("going", true), one("staying", false)]));
  const client = await RawClient.connect(elbow.port(0, "going"));
  const answer = exchange(client, "/");
  await eventually(() => instance.requests.length === 1);
  await elbow.apply(configurationOf([one("staying", false)]));
  resolve();
  expect((await answer).status).toBe(200);
  await eventually(() => textLines(file).length === 1);
  expect(readLine(textLines(file)[0] as string).elb).toBe("going");
  instance.stop();
});

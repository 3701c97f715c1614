// What a supervisor hears, message by message, over a real datagram socket; and what becomes of settings that can't be used.
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { findSupervisor, type Supervisor } from "../../../src/main/supervisor.ts";
import { observeNotices } from "../../../src/observe/notices.ts";
import { eventually } from "../../support/eventually.ts";
import { makeFolder } from "../../support/folder.ts";
import { NotifyReceiver } from "../../support/notify-receiver.ts";

const started: Array<Supervisor> = [];
afterEach(() => {
  for (const supervisor of started.splice(0)) supervisor.close();
});

const find = (env: Record<string, string>): Supervisor => {
  const supervisor = findSupervisor(env);
  started.push(supervisor);
  return supervisor;
};

const hearNotices = () => {
  const heard: Array<string> = [];
  const stop = observeNotices((text) => heard.push(text));
  return { heard, [Symbol.dispose]: stop };
};

const settings = ["a path", "an abstract name"] as const;

test.each(settings)("each step is one message, over %s", (kind) => {
  using folder = makeFolder();
  using receiver = new NotifyReceiver(kind === "a path" ? join(folder.path, "notify") : `@elbow-test-${process.pid}`);
  const supervisor = find({ NOTIFY_SOCKET: receiver.name });
  supervisor.ready("serving configuration elbow.config.ts");
  supervisor.reloading();
  supervisor.ready("as it was: refused\nREADY=0");
  supervisor.stopping("draining", 30_000);
  const messages = receiver.read();
  const [, reloading] = messages;
  expect(messages).toEqual([
    ["READY=1", "STATUS=serving configuration elbow.config.ts", `MAINPID=${process.pid}`],
    ["RELOADING=1", expect.stringMatching(/^MONOTONIC_USEC=\d+$/), "STATUS=reloading"],
    ["READY=1", "STATUS=as it was: refused", `MAINPID=${process.pid}`],
    ["STOPPING=1", "STATUS=draining", "EXTEND_TIMEOUT_USEC=45000000"],
  ]);
  // The clock of the whole system: time since the machine's start, not the process's, which is younger.
  const toldSeconds = Number(reloading?.[1]?.split("=")[1]) / 1e6;
  expect(toldSeconds).toBeGreaterThan(performance.now() / 1e3 + 1);
});

test("the watchdog hears a pulse while nothing is at fault, and again when a fault is over", async () => {
  using notices = hearNotices();
  using receiver = new NotifyReceiver(`@elbow-pulse-${process.pid}`);
  const supervisor = find({ NOTIFY_SOCKET: receiver.name, WATCHDOG_USEC: "20000", WATCHDOG_PID: String(process.pid) });
  let fault: string | undefined;
  let looks = 0;
  supervisor.watch(() => {
    looks++;
    return fault;
  });
  await eventually(() => receiver.read().length >= 3);
  expect(new Set(receiver.messages.map((lines) => lines.join()))).toEqual(new Set(["WATCHDOG=1"]));
  fault = "web: nothing listens on port 80 any more";
  receiver.read();
  const [heard, looked] = [receiver.messages.length, looks];
  await eventually(() => looks >= looked + 5);
  expect(receiver.read().length).toBe(heard);
  expect(notices.heard).toEqual([`${fault}; the watchdog is told nothing until that is over`]);
  fault = undefined;
  await eventually(() => receiver.read().length > heard);
});

test.each([
  ["no interval", {}],
  ["another process's interval", { WATCHDOG_USEC: "1000", WATCHDOG_PID: "1" }],
  ["no number", { WATCHDOG_USEC: "1e3" }],
  ["none", { WATCHDOG_USEC: "0" }],
])("no pulse with %s", (_, env) => {
  using receiver = new NotifyReceiver(`@elbow-none-${process.pid}`);
  let looks = 0;
  find({ NOTIFY_SOCKET: receiver.name, ...env }).watch(() => {
    looks++;
    return undefined;
  });
  // The first pulse is sent at once.
  expect([looks, receiver.read()]).toEqual([0, []]);
});

test.each([
  ["vsock:2:1234", "it is neither an absolute path nor @ with an abstract name"],
  ["@", "it is neither an absolute path nor @ with an abstract name"],
  [`/${"x".repeat(120)}`, "it is longer than 107 bytes"],
])("a NOTIFY_SOCKET of %s is told, and nobody is", (name, problem) => {
  using notices = hearNotices();
  find({ NOTIFY_SOCKET: name }).ready("serving");
  expect(notices.heard).toEqual([
    `NOTIFY_SOCKET ${JSON.stringify(name)} can't be used: ${problem}; nobody is told when elbow is ready`,
  ]);
});

test("a socket that nobody has is told once", () => {
  using notices = hearNotices();
  const supervisor = find({ NOTIFY_SOCKET: "/nowhere/notify" });
  supervisor.ready("serving");
  supervisor.reloading();
  expect(notices.heard).toEqual(["nobody listens to NOTIFY_SOCKET /nowhere/notify: READY=1 wasn't heard"]);
});

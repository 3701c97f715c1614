// elbow under a service manager as systemd is one: what it tells over NOTIFY_SOCKET, in which order, and when the watchdog
// hears nothing more. The process is real, the manager a datagram socket; the unit file is read by systemd's own tools.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readSystemMonotonicUs } from "../../src/net/libc.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { NotifyReceiver } from "../support/notify-receiver.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { greet } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const unit = resolve(import.meta.dir, "../../examples/deploy/elbow.service");

const describeWeb = (port: number, management: number, instance: FakeInstance) => ({
  management: { port: management },
  shutdownGrace: 7,
  loadBalancers: {
    web: {
      address: "127.0.0.1",
      listeners: [{ protocol: "TCP", port, instancePort: instance.port }],
      instances: ["127.0.0.1"],
    },
  },
});

/** Until it begins to look at an interval of 100 ms, a pulse every 50. */
const watched = (receiver: NotifyReceiver) => ({ NOTIFY_SOCKET: receiver.name, WATCHDOG_USEC: "100000" });

test("ready, reload, refused reload, end: each is told when it is so", async () => {
  using instance = FakeInstance.start(greet("hello"));
  using folder = makeFolder();
  using receiver = new NotifyReceiver(join(folder.path, "notify"));
  const port = freePort();
  const written = describeWeb(port, freePort(), instance);
  const file = folder.write("elbow.json", written);
  await using elbow = await ElbowCommand.serving(["run", "--config", file], { env: watched(receiver) });

  const ready = await receiver.hears(/^READY=1$/);
  expect(ready).toEqual(["READY=1", `STATUS=serving configuration ${file}`, `MAINPID=${elbow.process.pid}`]);
  // What is told is so: a connection is served at once.
  using client = await RawClient.connect(port);
  await client.halfClose();
  expect((await client.takeToEnd()).toString()).toBe("hello");
  await receiver.hears(/^WATCHDOG=1$/);

  const signalledUs = readSystemMonotonicUs() ?? 0n;
  let heard = receiver.read().length;
  elbow.process.kill("SIGHUP");
  const reloading = await receiver.hears(/^RELOADING=1$/, heard);
  const toldUs = BigInt(reloading.find((line) => line.startsWith("MONOTONIC_USEC="))?.split("=")[1] ?? 0);
  // systemd takes only what was told behind its signal for the answer to it (Type=notify-reload of systemd.service(5)).
  expect(toldUs).toBeGreaterThanOrEqual(signalledUs);
  expect(await receiver.hears(/^READY=1$/, heard)).toEqual(ready);

  folder.write("elbow.json", "{");
  heard = receiver.read().length;
  elbow.process.kill("SIGHUP");
  await receiver.hears(/^STATUS=.*refused/, heard);
  const refused = receiver.messages.slice(heard).filter((lines) => lines[0] !== "WATCHDOG=1");
  expect(refused.map(([what]) => what)).toEqual(["RELOADING=1", "READY=1"]);

  elbow.process.kill("SIGTERM");
  const stopping = await receiver.hears(/^STOPPING=1$/);
  expect(stopping).toContain("EXTEND_TIMEOUT_USEC=22000000");
  expect(await elbow.exitCode()).toBe(0);
});

test("SIGHUP where there is nothing to reload is answered all the same", async () => {
  using receiver = new NotifyReceiver(`@elbow-flags-${process.pid}`);
  using instance = FakeInstance.start(greet(""));
  const args = ["serve", "--from", `tcp://127.0.0.1:${freePort()}`, "--to", `127.0.0.1:${instance.port}`];
  await using elbow = await ElbowCommand.serving([...args, "--management-port", String(freePort())], {
    env: { NOTIFY_SOCKET: receiver.name },
  });
  await receiver.hears(/^READY=1$/);
  elbow.process.kill("SIGHUP");
  await receiver.hears(/^RELOADING=1$/, 1);
  await receiver.hears(/^READY=1$/, 2);
});

test("the watchdog hears nothing more when a listener is gone behind elbow's back", async () => {
  using instance = FakeInstance.start(greet(""));
  using folder = makeFolder();
  using receiver = new NotifyReceiver(join(folder.path, "notify"));
  const written = describeWeb(freePort(), freePort(), instance);
  // A module may do whatever the process may: this one shuts the listening sockets down (shutdown(2)) when it is told to.
  const file = folder.write(
    "elbow.config.ts",
    `import { dlopen } from "bun:ffi";
     import { existsSync } from "node:fs";
     import { defineConfig } from "elbow";
     const { symbols } = dlopen("libc.so.6", {
       getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
       shutdown: { args: ["i32", "i32"], returns: "i32" },
     });
     const [SOL_SOCKET, SO_ACCEPTCONN, SHUT_RDWR] = [1, 30, 2];
     export default defineConfig(() => {
       for (let fd = 0; existsSync(${JSON.stringify(join(folder.path, "break"))}) && fd < 256; fd++) {
         const [answer, length] = [new Int32Array(1), new Uint32Array([4])];
         if (symbols.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, answer, length) === 0 && answer[0] === 1) symbols.shutdown(fd, SHUT_RDWR);
       }
       return ${JSON.stringify(written)};
     });`,
  );
  await using elbow = await ElbowCommand.serving(["run", "--config", file], { env: watched(receiver) });
  await receiver.hears(/^WATCHDOG=1$/);
  folder.write("break", "");
  elbow.process.kill("SIGHUP");
  await elbow.says(/elbow: web: nothing listens on port \d+ any more; the watchdog is told nothing/);
  const silentSince = receiver.read().length;
  // The process is well but for that: it answers a signal, and has sent no pulse meanwhile.
  elbow.process.kill("SIGTERM");
  await receiver.hears(/^STOPPING=1$/, silentSince);
  expect(receiver.messages[silentSince]?.[0]).toBe("STOPPING=1");
});

const hasSystemd = Bun.which("systemd-analyze") !== null;

test.skipIf(!hasSystemd)("systemd finds nothing wrong with the unit, and little that it may do", async () => {
  using folder = makeFolder();
  // Where the binary would be, so that only the unit itself is looked at.
  const text = readFileSync(unit, "utf8").replaceAll("/usr/local/bin/elbow", process.execPath);
  const file = folder.write("elbow.service", text);
  const run = (args: ReadonlyArray<string>) =>
    Bun.spawnSync(["systemd-analyze", ...args, file], { env: { ...process.env, SYSTEMD_LOG_LEVEL: "info" } });
  const verified = run(["verify", "--man=no"]);
  expect([verified.exitCode, verified.stderr.toString()]).toEqual([0, ""]);
  const judged = run(["security", "--offline=true", "--threshold=20"]);
  expect([judged.exitCode, judged.stdout.toString()]).toEqual([0, expect.stringContaining("OK")]);
});

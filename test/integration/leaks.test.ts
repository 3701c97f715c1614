// Leaks: after traffic of all kinds and the end, no lease, fiber, socket or timer is left.
import { expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { startGround } from "../support/all-traffic.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually, within } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

test("after traffic of all kinds: no lease and no connection; after the end: no socket and no fiber", async () => {
  const baseline = openSockets();
  const ground = await startGround();
  await ground.run();
  const fibers = ground.elbow.activeFibers();
  await ground.run();
  // Traffic leaves no fiber behind: as many as after the first round.
  await eventually(() => ground.elbow.activeFibers() <= fibers, { what: `at most ${fibers} fibers` });
  expect(ground.elbow.openConnections()).toBe(0);
  expect(ground.elbow.outstanding()).toBe(0);
  await ground.elbow.shutdown(1_000);
  await ground.stop();
  await eventually(() => ground.elbow.activeFibers() === 0, { what: "no fiber left" });
  await noNewSockets(baseline);
});

test("an abrupt end with connections of every kind open leaves nothing either", async () => {
  const baseline = openSockets();
  const instance = FakeInstance.start(silence);
  const web = FakeInstance.start(answerText("ok"));
  const tcp = await startElbow({ instances: [instance] });
  const http = await startElbow({ protocol: "HTTP", instances: [web] });
  const clients = await Promise.all([
    RawClient.connect(tcp.port()),
    RawClient.connect(tcp.port()),
    RawClient.connect(http.port()),
    RawClient.connect(http.port()),
  ]);
  await clients[1]!.halfClose();
  await exchange(clients[2]!, "/");
  await clients[3]!.send("GET / HTTP/1.1\r\nHo");
  await instance.connection(1);
  await Promise.all([tcp.stop(), http.stop()]);
  await Promise.all(clients.map((client) => client.receiveEnd()));
  await Promise.all(instance.connections.map((connection) => connection.receiveEnd()));
  for (const client of clients) client.dispose();
  instance.stop();
  web.stop();
  await eventually(() => tcp.activeFibers() === 0 && http.activeFibers() === 0, { what: "no fiber left" });
  await noNewSockets(baseline);
});

test("a process whose elbow has ended ends by itself: no timer or socket holds it", async () => {
  const child = Bun.spawn([process.execPath, resolve(import.meta.dir, "../support/all-traffic.ts")], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  try {
    const code = await within(child.exited, 20_000, () => "the process did not end by itself");
    expect([code, await child.stdout.text(), await child.stderr.text()]).toEqual([0, "all is done\n", ""]);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
});

// A change that is refused, or waits for something: nobody who serves notices anything of it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Attributes } from "../../src/model/attributes.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { issueTestCertificate, writeCertificate } from "../support/certificates.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually, within } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { startHeld } from "../support/held-instance.ts";
import { exchange, formatRequest, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, silence } from "../support/scripts.ts";
import { secureListener } from "../support/secure-listener.ts";

setDefaultTimeout(30_000);

const waiting = (): number | undefined =>
  collectMetrics().find(({ name }) => name === "elbow_surge_queue_length")?.samples[0]?.value;

test("a cap that a refused reload would raise lets nobody through", async () => {
  using one = startHeld("one");
  using taken = FakeInstance.start(silence);
  const [port, other] = [freePort(), freePort()];
  const having = (maxConnections: number, ports: ReadonlyArray<number>, attributes: Partial<Attributes> = {}) =>
    configurationOf([
      {
        protocol: "HTTP",
        listeners: ports.map((listener) => ({ port: listener })),
        instances: [{ id: "i-one", host: "127.0.0.1", port: one.port, maxConnections }],
        attributes,
      },
    ]);
  await using elbow = await startElbow(having(1, [port]));
  const clients = [await RawClient.connect(port), await RawClient.connect(port)];
  await clients[0]!.send(formatRequest("/slow"));
  await eventually(() => one.held() === 1, { what: "a request at the instance" });
  await clients[1]!.send(formatRequest("/slow"));
  await eventually(() => waiting() === 1, { what: "a request that waits" });
  await expect(elbow.apply(having(5, [port, other, taken.port]))).rejects.toMatchObject({ _tag: "BindError" });
  // The reload that is refused has opened, and closed, a listener to the same instance.
  await expect(RawClient.connect(other)).rejects.toThrow();
  expect([one.held(), elbow.outstanding(), one.instance.connections.length, waiting()]).toEqual([1, 1, 1, 1]);
  await elbow.apply(having(2, [port]));
  await eventually(() => one.held() === 2, { what: "both at the instance" });
  one.release();
  for (const client of clients) {
    expect((await readResponse(client)).status).toBe(200);
    client.dispose();
  }
});

test("names without an answer hold up no change: not while they are looked up again, nor when they have failed", async () => {
  using one = startHeld("one");
  using late = FakeInstance.start(answerText("late"));
  let isHanging = false;
  let pending = 0;
  const gate = Promise.withResolvers<ReadonlyArray<{ readonly address: string }>>();
  const fail = () => Promise.reject(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
  const lookup = () => {
    if (!isHanging) return fail();
    pending++;
    return gate.promise;
  };
  const [first, second] = [freePort(), freePort()];
  const file = configurationOf([
    { name: "a", protocol: "HTTP", port: first, instances: [{ id: "app", host: "app.test", port: late.port }] },
    { name: "b", protocol: "HTTP", port: second, instances: [one, { port: freePort() }] },
  ]);
  await using elbow = await startElbow(file, { lookup, resolveEveryMs: 20 });
  isHanging = true;
  await eventually(() => pending > 0, { what: "a look-up under way" });
  const gone = elbow.status()[1]!.instances[1]!.id;
  // A look-up gives up after 5 s.
  await within(elbow.run(elbow.control.deregister("b", [gone])), 3000, () => "the instance is still registered");
  expect(elbow.status()[1]!.instances.length).toBe(1);
  await within(elbow.apply(file), 3000, () => "the reload isn't done");
  gate.resolve([{ address: "127.0.0.1" }]);
  await eventually(() => elbow.status()[0]!.instances[0]!.address === "127.0.0.1", { what: "an address" });
  using client = await RawClient.connect(first);
  expect((await exchange(client, "/")).body.toString()).toBe("late");
});

test("a reload looks again at once for names that have failed, without waiting for them", async () => {
  using late = FakeInstance.start(answerText("late"));
  let isThere = false;
  const lookup = async () => {
    if (!isThere) throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
    return [{ address: "127.0.0.1" }];
  };
  const file = configurationOf([
    { protocol: "HTTP", port: freePort(), instances: [{ id: "app", host: "app.test", port: late.port }] },
  ]);
  await using elbow = await startElbow(file, { lookup });
  expect(elbow.status()[0]!.instances[0]!.lookUpFailure).toBe("ENOTFOUND");
  isThere = true;
  await elbow.apply(file);
  await eventually(() => elbow.status()[0]!.instances[0]!.address === "127.0.0.1", { what: "an address" });
});

test("a certificate file that can't be used refuses a reload, and stands in the way of no change at run time", async () => {
  using folder = makeFolder();
  const source = writeCertificate(folder.path, "web", await issueTestCertificate({ names: ["localhost"] }));
  const listener = await secureListener("HTTPS", { certificates: [source] });
  const file = configurationOf([{ listeners: [listener], instances: [1, 2] }]);
  await using elbow = await startElbow(file);
  const { register, deregister, setAttributes, setHealthCheck } = elbow.control;
  writeFileSync(join(folder.path, "web.pem"), "half a file");
  await expect(elbow.apply(file)).rejects.toMatchObject({ _tag: "CertificateError" });
  await elbow.run(deregister("test", ["127.0.0.1:2"]));
  await elbow.run(register("test", ["127.0.0.1:3"]));
  await elbow.run(setAttributes("test", { idleTimeout: 7 }));
  await elbow.run(setHealthCheck("test", { target: "SSL:9" }));
  expect(elbow.status()[0]!.instances.map(({ id, healthCheck }) => `${id} ${healthCheck?.target}`)).toEqual([
    "127.0.0.1:1 SSL:9",
    "127.0.0.1:3 SSL:9",
  ]);
});

test("a refused reload that names an instance which drains gives it no more time", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  using taken = FakeInstance.start(silence);
  const port = freePort();
  const having = (instances: ReadonlyArray<{ readonly port: number }>, ...ports: ReadonlyArray<number>) =>
    configurationOf([
      {
        protocol: "HTTP",
        listeners: ports.map((listener) => ({ port: listener })),
        instances: instances.map((instance) => ({ id: `i-${instance.port}`, host: "127.0.0.1", port: instance.port })),
        attributes: { connectionDraining: { enabled: true, timeout: 2 } },
      },
    ]);
  await using elbow = await startElbow(having([one], port));
  using client = await RawClient.connect(port);
  await client.send(formatRequest("/slow"));
  await eventually(() => one.held() === 1, { what: "a request at the instance" });
  await elbow.apply(having([two], port));
  const beganMs = performance.now();
  await Bun.sleep(1000);
  await expect(elbow.apply(having([one, two], port, taken.port))).rejects.toMatchObject({ _tag: "BindError" });
  expect((await readResponse(client)).status).toBe(504);
  expect(performance.now() - beganMs).toBeLessThan(2900);
});

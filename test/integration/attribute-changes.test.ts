// Attributes that are changed while elbow runs hold without a restart: each of those that a Classic Load Balancer has and the
// data path knows ("ModifyLoadBalancerAttributes", Elastic Load Balancing API).
import { expect, setDefaultTimeout, test } from "bun:test";
import type { AttributeSettings } from "../../src/control/changes.ts";
import { defaultAttributes } from "../../src/model/attributes.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { startHeld } from "../support/held-instance.ts";
import { exchange, formatRequest, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

/** What a test of an attribute has at hand; the near instance is in the node's zone, the far one in another. */
interface Ground {
  readonly elbow: RunningElbow;
  readonly near: ReturnType<typeof startHeld>;
  readonly far: ReturnType<typeof startHeld>;
  /** A connection from before the change, which has served a request. */
  readonly client: RawClient;
}

interface Row {
  readonly changed: AttributeSettings;
  /** What can be seen of the attribute, before the change and after it. */
  readonly look: (ground: Ground) => Promise<unknown>;
  readonly before: unknown;
  readonly after: unknown;
}

/** What a request gets that isn't quite compliant. */
const askOddly = async ({ elbow }: Ground): Promise<number> => {
  using client = await RawClient.connect(elbow.port());
  await client.send("GET /a b HTTP/1.1\r\nHost: test\r\n\r\n");
  return (await readResponse(client)).status;
};

/** Who answers on the connection of before. */
const askBoth = async ({ client }: Ground): Promise<ReadonlyArray<string>> => {
  const names = new Set<string>();
  for (let round = 0; round < 4; round++) names.add((await exchange(client, "/")).body.toString());
  return [...names].sort();
};

/** What becomes of a request that is held when its instance is deregistered. */
const deregisterInUse = async ({ elbow, near, far }: Ground): Promise<string> => {
  const ids = [near, far].map(({ port }) => `127.0.0.1:${port}`);
  using client = await RawClient.connect(elbow.port());
  await client.send(formatRequest("/begun"));
  await client.takeUntil("ha");
  await elbow.run(elbow.control.deregister("test", ids));
  const isDraining = elbow.status()[0]!.instances.some(({ description }) => description.includes("in progress"));
  await elbow.run(elbow.control.register("test", ids));
  return isDraining ? "drains" : await client.receiveEnd();
};

/** Whether the kept connection of before is closed when it is idle for a second behind its next request. */
const idleOut = async ({ client }: Ground): Promise<string> => {
  await exchange(client, "/");
  await client.waitFor(() => client.ending !== "open", "the end", 2500).catch(() => {});
  return client.ending;
};

const rows: Readonly<Record<"idleTimeout" | "desyncMitigationMode" | "connectionDraining" | "crossZone", Row>> = {
  idleTimeout: { changed: { idleTimeout: 1 }, look: idleOut, before: "open", after: "eof" },
  desyncMitigationMode: {
    ...{ changed: { desyncMitigationMode: "strictest" }, look: askOddly },
    ...{ before: 200, after: 400 },
  },
  connectionDraining: {
    ...{ changed: { connectionDraining: { enabled: false } }, look: deregisterInUse },
    ...{ before: "drains", after: "reset" },
  },
  crossZone: { changed: { crossZone: false }, look: askBoth, before: ["far", "near"], after: ["near"] },
};

test.each(Object.entries(rows))("%s", async (name, { changed, look, before, after }) => {
  using near = startHeld("near");
  using far = startHeld("far");
  const instances = [
    { id: `127.0.0.1:${near.port}`, host: "127.0.0.1", port: near.port, zone: "a" },
    { id: `127.0.0.1:${far.port}`, host: "127.0.0.1", port: far.port, zone: "b" },
  ];
  await using elbow = await startElbow({
    ...configurationOf([{ protocol: "HTTP", instances }]),
    inventory: new Map(instances.map(({ id, ...entry }) => [id, entry])),
    zone: "a",
  });
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).status).toBe(200);
  const ground = { elbow, near, far, client };
  expect(await look(ground)).toEqual(before);
  await elbow.run(elbow.control.setAttributes("test", changed));
  expect(await look(ground)).toEqual(after);
  // The next change finds it as it was left, and what isn't named stays.
  const one = name === "idleTimeout" ? { maxHeaders: 99 } : { idleTimeout: 59 };
  await elbow.run(elbow.control.setAttributes("test", one));
  using fresh = await RawClient.connect(elbow.port());
  expect(await look({ ...ground, client: fresh })).toEqual(after);
});

test("every attribute that is left alone keeps its value, and undefined counts as left alone", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(
    configurationOf([{ protocol: "HTTP", instances: [one], attributes: { ...defaultAttributes, maxMethodLength: 3 } }]),
  );
  const ask = async (method: string) => {
    using client = await RawClient.connect(elbow.port());
    return (await exchange(client, "/", { method })).status;
  };
  expect([await ask("GET"), await ask("POST")]).toEqual([200, 405]);
  await elbow.run(elbow.control.setAttributes("test", { idleTimeout: 5, maxMethodLength: undefined }));
  expect([await ask("GET"), await ask("POST")]).toEqual([200, 405]);
  await elbow.run(elbow.control.setAttributes("test", { maxMethodLength: 4 }));
  expect([await ask("GET"), await ask("POST")]).toEqual([200, 200]);
});

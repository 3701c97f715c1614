// docs/walkthrough-instances.md, walked: its configuration as it stands but for ports, the pace of the checks and the times, with
// three real servers, of which one is killed, brought back, found unwell, made slow, taken out while it has something to do, with
// time enough and without, and falls silent.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Effect } from "effect";
import { loadConfiguration } from "../../src/control/configuration/load.ts";
import type { Configuration } from "../../src/model/configuration.ts";
import type { LoadBalancer } from "../../src/model/load-balancer.ts";
import { codeBlocksOf } from "../support/documents.ts";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { ExampleInstance } from "../support/example-instance.ts";
import { exchange } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { instanceIs } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const root = resolve(import.meta.dir, "../..");
const file = resolve(root, "examples/walkthrough.config.ts");
const page = readFileSync(resolve(root, "docs/walkthrough-instances.md"), "utf8");

test("the page shows the file", () => {
  const source = readFileSync(file, "utf8");
  const shown = codeBlocksOf(page).find(({ code }) => code.includes("defineConfig"));
  expect(shown?.code).toBe(source.slice(source.indexOf("import")));
});

/** The states of all that is shown, in its order, and what the page may say of them. */
const states = (elbow: RunningElbow): ReadonlyArray<string> =>
  elbow.status()[0]!.instances.map(({ id, state, description }) => `${id} ${state} ${description}`);

const inService = (id: string): string => `${id} InService N/A`;

test("it can be walked, and what it shows of states is what they say", async () => {
  const names = ["i-web1", "i-web2", "i-web3"];
  const servers = await Promise.all(names.map((name) => ExampleInstance.start(name)));
  try {
    const [, two, three] = servers as [ExampleInstance, ExampleInstance, ExampleInstance];
    const port = freePort();
    const configuration = atPace(await Effect.runPromise(loadConfiguration(file)), port, servers);
    await using elbow = await startElbow(configuration);
    const ask = async (): Promise<string> => {
      using client = await RawClient.connect(port);
      const { status, body } = await exchange(client, "/");
      return `${status} ${body.toString()}`.trimEnd();
    };
    const askedOf = (index: number): string => `200 ${names[index]}: GET /, 0 bytes`;
    expect(await Promise.all([ask(), ask(), ask()]).then((answers) => [...answers].sort())).toEqual([
      askedOf(0),
      askedOf(1),
      askedOf(2),
    ]);
    expect(states(elbow)).toEqual(names.map(inService));

    // Killed: not one request fails, not even before the checks know.
    two.signal("SIGKILL");
    await two.ended();
    for (let round = 0; round < 6; round++) expect(await ask()).toStartWith("200 ");
    await instanceIs(elbow, "OutOfService", two);
    const failed = "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.";
    expect(states(elbow)[1]).toBe(`i-web2 OutOfService ${failed}`);
    expect(page).toContain(failed);
    expect(page).toContain("connect refused");
    expect(elbow.status()[0]!.instances[1]!.healthCheck!.history.at(-1)!.reason).toBe("connect refused");

    // Brought back.
    await using again = await ExampleInstance.start("i-web2", two.port);
    await instanceIs(elbow, "InService", again);

    // Unwell, and well again: it answers all the while, and gets nothing but its checks.
    await again.tell("/unwell");
    await instanceIs(elbow, "OutOfService", again);
    expect(elbow.status()[0]!.instances[1]!.healthCheck!.lastReason).toBe("status 500");
    for (let round = 0; round < 4; round++) expect(await ask()).not.toContain("i-web2");
    await again.tell("/well");
    await instanceIs(elbow, "InService", again);

    // Slow: it holds one request, and the others answer the rest.
    await three.tell("/slow?ms=1500");
    const held = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 3 }, async () => {
        const answer = await ask();
        held.set(answer, (held.get(answer) ?? 0) + 1);
      }),
    );
    expect(held.get(askedOf(2))).toBe(1);

    // Taken out while it has something to do: it finishes that, and gets nothing else.
    let last = "";
    const finishing = (async () => {
      for (let round = 0; round < 6 && !last.includes("i-web3"); round++) last = await ask();
    })();
    await eventually(() => elbow.outstanding() === 1 && isBusy(elbow, three), { what: "a request on the slow one" });
    await elbow.apply(without(configuration, "i-web3"));
    const draining = "Instance deregistration currently in progress.";
    expect(states(elbow)).toEqual([inService("i-web1"), inService("i-web2"), `i-web3 InService ${draining}`]);
    expect(page).toContain(draining);
    await finishing;
    expect(last).toBe(askedOf(2));
    await eventually(() => states(elbow).length === 2, { what: "the last of who has left" });
    for (let round = 0; round < 4; round++) expect(await ask()).not.toContain("i-web3");

    // Put back, and taken out again with less time than it needs.
    const limited = withDraining(configuration, 1);
    await elbow.apply(limited);
    await instanceIs(elbow, "InService", three);
    await three.tell("/slow?ms=1900");
    const cut = Promise.all([ask(), ask(), ask()]);
    await eventually(() => isBusy(elbow, three), { what: "a request on the slow one" });
    await elbow.apply(without(limited, "i-web3"));
    expect((await cut).filter((answer) => !answer.startsWith("200 "))).toEqual(["504"]);

    // Put back, and silent: who is on it gets 504, who comes later notices nothing.
    await three.tell("/slow?ms=0");
    await elbow.apply(configuration);
    await instanceIs(elbow, "InService", three);
    three.signal("SIGSTOP");
    const answers = await Promise.all(Array.from({ length: 9 }, ask));
    expect(answers).toContain("504");
    for (const answer of answers) expect(["504", askedOf(0), askedOf(1)]).toContain(answer);
    await instanceIs(elbow, "OutOfService", three);
    expect(elbow.status()[0]!.instances[2]!.healthCheck!.lastReason).toBe("timeout after 1 s");
    expect(page).toContain("timeout after 2 s");
    for (let round = 0; round < 6; round++) expect(await ask()).toStartWith("200 ");
    three.signal("SIGCONT");
    await instanceIs(elbow, "InService", three);
  } finally {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  }
});

const isBusy = (elbow: RunningElbow, { port }: ExampleInstance): boolean =>
  elbow.status()[0]!.instances.some((one) => one.port === port && one.outstanding > 0);

const change = (configuration: Configuration, next: (one: LoadBalancer) => LoadBalancer): Configuration => ({
  ...configuration,
  loadBalancers: configuration.loadBalancers.map(next),
});

const without = (configuration: Configuration, id: string): Configuration =>
  change(configuration, (one) => ({ ...one, instances: one.instances.filter((instance) => instance.id !== id) }));

const withDraining = (configuration: Configuration, timeout: number): Configuration =>
  change(configuration, (one) => ({
    ...one,
    attributes: { ...one.attributes, connectionDraining: { enabled: true, timeout } },
  }));

/** The same on other ports, with checks twenty-five times as often, and a fifth of the patience. */
const atPace = (configuration: Configuration, port: number, servers: ReadonlyArray<ExampleInstance>): Configuration =>
  change(configuration, (one) => ({
    ...one,
    listeners: one.listeners.map((listener) => ({ ...listener, port })),
    instances: one.instances.map((instance, index) => ({ ...instance, port: servers[index]!.port })),
    attributes: { ...one.attributes, idleTimeout: 2 },
    ...(one.healthCheck === undefined ? {} : { healthCheck: { ...one.healthCheck, interval: 0.2, timeout: 1 } }),
  }));

// The surge queue of HTTP listeners: requests wait for room on a full instance, first come first served, and no longer than
// they may; overflow, clients that leave, sessions, reloads and instances that die.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import type { Configuration } from "../../src/model/configuration.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp, silence } from "../support/scripts.ts";
import { byDuration, StickyClient } from "../support/sticky-clients.ts";

setDefaultTimeout(30_000);

/** An instance that answers each request with its target, when it is told to, in the order in which they came. */
class HeldInstance implements Disposable {
  readonly held: Array<() => void> = [];
  readonly fake = FakeInstance.start(
    serveHttp(async ({ target }) => {
      await new Promise<void>((resolve) => this.held.push(resolve));
      return formatResponse(target);
    }),
  );

  get targets(): ReadonlyArray<string> {
    return this.fake.requests.map(({ target }) => target);
  }

  /** Waits for a request, and lets it be answered. */
  async answerNext(): Promise<void> {
    (await eventually(() => this.held.shift(), { what: "a request to answer" }))();
  }

  [Symbol.dispose](): void {
    this.fake.stop();
  }
}

interface Terms {
  readonly cap?: number | undefined;
  readonly attributes?: Partial<Attributes>;
  readonly name?: string;
}

const configure = (
  instances: ReadonlyArray<FakeInstance>,
  port: number,
  { cap = 1, attributes = {}, name = "test" }: Terms = {},
): Configuration =>
  configurationOf([
    {
      name,
      protocol: "HTTP",
      listeners: [{ protocol: "HTTP", port }],
      instances: instances.map((fake, index) => ({
        ...{ id: `i-${index}`, host: "127.0.0.1", port: fake.port },
        maxConnections: cap,
      })),
      attributes,
    },
  ]);

const metric = (name: string): number | undefined =>
  collectMetrics().find((family) => family.name === name)?.samples[0]?.value;

const queued = (count: number): Promise<boolean> =>
  eventually(() => metric("elbow_surge_queue_length") === count, { what: `${count} in the queue` });

/** A client whose request for `/name` is under way or waits. */
const ask = async (elbow: RunningElbow, name: string): Promise<RawClient> => {
  const client = await RawClient.connect(elbow.port());
  await client.send(formatRequest(`/${name}`));
  return client;
};

test("at the cap requests wait, and are served in their order over the connection that is kept", async () => {
  using instance = new HeldInstance();
  await using elbow = await startElbow(configure([instance.fake], freePort()));
  const names = ["a", "b", "c", "d", "e", "f"];
  const clients: Array<RawClient> = [];
  for (const [index, name] of names.entries()) {
    clients.push(await ask(elbow, name));
    if (index === 0) await eventually(() => instance.held.length === 1, { what: "a request at the instance" });
    else await queued(index);
  }
  expect(instance.targets).toEqual(["/a"]);
  for (const [index, client] of clients.entries()) {
    await instance.answerNext();
    const { status, body } = await readResponse(client);
    expect([status, body.toString()]).toEqual([200, `/${names[index]}`]);
    expect(metric("elbow_surge_queue_length")).toBe(Math.max(0, names.length - index - 2));
  }
  expect(instance.targets).toEqual(names.map((name) => `/${name}`));
  expect([instance.fake.connections.length, elbow.outstanding()]).toEqual([1, 0]);
  for (const client of clients) client.dispose();
});

test("a body that comes while its request waits goes out behind it", async () => {
  using instance = new HeldInstance();
  await using elbow = await startElbow(configure([instance.fake], freePort()));
  using first = await ask(elbow, "a");
  await eventually(() => instance.held.length === 1, { what: "a request at the instance" });
  using second = await RawClient.connect(elbow.port());
  await second.send("POST /b HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345");
  await queued(1);
  await second.send("67890");
  await instance.answerNext();
  await readResponse(first);
  await instance.answerNext();
  expect((await readResponse(second)).status).toBe(200);
  expect(instance.fake.requests[1]?.body.toString()).toBe("1234567890");
});

test("whoever waits longer than surgeQueueTimeout gets 503, and keeps its connection", async () => {
  using instance = new HeldInstance();
  using outcomes = new Outcomes();
  await using elbow = await startElbow(
    configure([instance.fake], freePort(), { attributes: { surgeQueueTimeout: 0.3 } }),
  );
  using first = await ask(elbow, "a");
  await eventually(() => instance.held.length === 1, { what: "a request at the instance" });
  using second = await ask(elbow, "b");
  const response = await readResponse(second);
  expect([response.status, header(response, "connection")]).toEqual([503, "keep-alive"]);
  expect((await outcomes.at(0)).reason).toBe("surgeQueueTimeout");
  await second.send(formatRequest("/c"));
  await queued(1);
  await instance.answerNext();
  await readResponse(first);
  await instance.answerNext();
  expect((await readResponse(second)).body.toString()).toBe("/c");
});

test("the idle timeout doesn't end a wait: it begins anew behind it", async () => {
  using instance = new HeldInstance();
  await using elbow = await startElbow(
    configure([instance.fake], freePort(), { attributes: { idleTimeout: 1, surgeQueueTimeout: 60 } }),
  );
  // An upload that goes on and on isn't idle.
  using first = await RawClient.connect(elbow.port());
  await first.send("POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n");
  await eventually(() => elbow.outstanding() === 1, { what: "a request at the instance" });
  using second = await ask(elbow, "b");
  await queued(1);
  for (let index = 0; index < 10; index++) {
    await first.send("x".repeat(100));
    await Bun.sleep(250);
  }
  expect([second.availableBytes, second.ending]).toEqual([0, "open"]);
  await instance.answerNext();
  await readResponse(first);
  await instance.answerNext();
  expect((await readResponse(second)).body.toString()).toBe("/b");
});

test("beyond 1,024 that wait: 503 at once, counted", async () => {
  using instance = new HeldInstance();
  using outcomes = new Outcomes();
  await using elbow = await startElbow(configure([instance.fake], freePort()));
  const clients: Array<RawClient> = [];
  for (let index = 0; index < 1025; index++) clients.push(await ask(elbow, "x"));
  await queued(1024);
  expect(metric("elbow_spillover_total")).toBe(0);
  using late = await ask(elbow, "late");
  expect((await readResponse(late)).status).toBe(503);
  expect((await outcomes.at(0)).reason).toBe("surgeQueueOverflow");
  expect([metric("elbow_spillover_total"), metric("elbow_surge_queue_length")]).toEqual([1, 1024]);
  for (const client of clients) client.reset();
  await queued(0);
  await eventually(() => elbow.activeFibers() < 50, { what: "no fiber for a client that has left" });
});

test("a client that ends its sending leaves the queue, and is told so if it still reads", async () => {
  using instance = new HeldInstance();
  using outcomes = new Outcomes();
  await using elbow = await startElbow(configure([instance.fake], freePort()));
  using first = await ask(elbow, "a");
  await eventually(() => instance.held.length === 1, { what: "a request at the instance" });
  const gone = await ask(elbow, "gone");
  await queued(1);
  gone.dispose();
  await queued(0);
  using impatient = await ask(elbow, "impatient");
  await queued(1);
  await impatient.halfClose();
  const response = await readResponse(impatient);
  expect([response.status, header(response, "connection")]).toEqual([408, "close"]);
  expect((await outcomes.at(1)).reason).toBe("clientLeftQueue");
  await instance.answerNext();
  await readResponse(first);
  using next = await ask(elbow, "next");
  await eventually(() => instance.held.length === 1, { what: "the next at the instance" });
  await instance.answerNext();
  expect((await readResponse(next)).body.toString()).toBe("/next");
  expect(instance.targets).toEqual(["/a", "/next"]);
});

test("a client that resets leaves the queue at once; those behind it move up", async () => {
  using instance = new HeldInstance();
  await using elbow = await startElbow(configure([instance.fake], freePort()));
  using first = await ask(elbow, "a");
  await eventually(() => instance.held.length === 1, { what: "a request at the instance" });
  const second = await ask(elbow, "b");
  await queued(1);
  using third = await ask(elbow, "c");
  await queued(2);
  second.reset();
  await queued(1);
  await instance.answerNext();
  await readResponse(first);
  await instance.answerNext();
  expect((await readResponse(third)).body.toString()).toBe("/c");
  expect(instance.targets).toEqual(["/a", "/c"]);
});

test("a reload that raises the cap serves those who wait at once, under the load balancer's new name too", async () => {
  using instance = new HeldInstance();
  const port = freePort();
  await using elbow = await startElbow(configure([instance.fake], port));
  const clients = await Promise.all(["a", "b", "c", "d"].map((name) => ask(elbow, name)));
  await queued(3);
  await elbow.apply(configure([instance.fake], port, { cap: 2 }));
  await eventually(() => instance.held.length === 2, { what: "two at the instance" });
  expect(metric("elbow_surge_queue_length")).toBe(2);
  // What was in progress under the old name belongs to an instance of the old name.
  await elbow.apply(configure([instance.fake], port, { cap: 1, name: "renamed" }));
  await eventually(() => instance.held.length === 3, { what: "one more at the instance" });
  expect(metric("elbow_surge_queue_length")).toBe(1);
  for (let round = 0; round < 4; round++) await instance.answerNext();
  for (const client of clients) expect((await readResponse(client)).status).toBe(200);
  for (const client of clients) client.dispose();
});

test("an instance that dies: those who wait for it go on to the other, or get 503 when there is none", async () => {
  using dying = FakeInstance.start(silence);
  using instance = new HeldInstance();
  const port = freePort();
  await using elbow = await startElbow(configure([dying, instance.fake], port));
  const clients = [await ask(elbow, "a"), await ask(elbow, "b")];
  await eventually(() => elbow.outstanding() === 2, { what: "one at each" });
  clients.push(await ask(elbow, "c"));
  await queued(1);
  dying.stop();
  for (let round = 0; round < 3; round++) await instance.answerNext();
  const statuses = await Promise.all(clients.map(async (client) => (await readResponse(client)).status));
  // GET is sent again to the instance that lives.
  expect(statuses).toEqual([200, 200, 200]);
  clients.push(await ask(elbow, "d"));
  await eventually(() => instance.held.length === 1, { what: "a request at the instance" });
  clients.push(await ask(elbow, "e"));
  await queued(1);
  await elbow.apply(configure([], port));
  expect((await readResponse(clients[4]!)).status).toBe(503);
  for (const client of clients) client.dispose();
});

test("a session waits for its own instance, though another has room", async () => {
  using one = new HeldInstance();
  using two = new HeldInstance();
  const port = freePort();
  const { loadBalancers, ...rest } = configure([one.fake, two.fake], port);
  const loadBalancer = {
    ...loadBalancers[0]!,
    listeners: [{ ...loadBalancers[0]!.listeners[0]!, stickiness: byDuration() }],
  };
  await using elbow = await startElbow({ ...rest, loadBalancers: [loadBalancer] });
  const session = new StickyClient(port);
  const login = session.get("/login");
  const own = await eventually(() => [one, two].find(({ held }) => held.length > 0), { what: "somebody asked" });
  const other = own === one ? two : one;
  await own.answerNext();
  await login;
  const before = session.get("/before");
  await eventually(() => own.held.length === 1, { what: "its instance asked" });
  const waits = session.get("/waits");
  await queued(1);
  using stranger = await ask(elbow, "stranger");
  await other.answerNext();
  expect((await readResponse(stranger)).status).toBe(200);
  expect([metric("elbow_surge_queue_length"), other.targets]).toEqual([1, ["/stranger"]]);
  await own.answerNext();
  await before;
  await own.answerNext();
  expect((await waits).body.toString()).toBe("/waits");
  expect(own.targets).toEqual(["/login", "/before", "/waits"]);
});

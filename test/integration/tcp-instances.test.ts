// Layer 4, choosing and reaching an instance: turns, dead instances, dials that hang, and the idle timeout.
import { expect, setDefaultTimeout, test } from "bun:test";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { countSockets, freePort, startSilentPort, tcpState } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo, greet, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** Connects, hears which instance greets, and leaves cleanly. */
const hear = async (port: number): Promise<string> => {
  using client = await RawClient.connect(port);
  await client.halfClose();
  return (await client.takeToEnd()).toString();
};

test("connections go to the instances in turn", async () => {
  using a = FakeInstance.start(greet("a"));
  using b = FakeInstance.start(greet("b"));
  using c = FakeInstance.start(greet("c"));
  await using elbow = await startElbow({ instances: [a, b, c] });
  const heard: Array<string> = [];
  for (let round = 0; round < 9; round++) heard.push(await hear(elbow.port()));
  const turn = heard.slice(0, 3).join("");
  expect([...turn].sort().join("")).toBe("abc");
  expect(heard.join("")).toBe(turn.repeat(3));
});

test("an instance that refuses is passed over for the next one", async () => {
  using alive = FakeInstance.start(greet("alive"));
  const dead = freePort();
  await using elbow = await startElbow({ instances: [dead, alive] });
  for (let round = 0; round < 6; round++) expect(await hear(elbow.port())).toBe("alive");
  await eventually(() => elbow.outstanding() === 0);
});

test("no instance reachable: the client is closed", async () => {
  await using elbow = await startElbow({ instances: [freePort(), freePort()] });
  using client = await RawClient.connect(elbow.port());
  expect(["eof", "reset"]).toContain(await client.receiveEnd());
  using talking = await RawClient.connect(elbow.port());
  await talking.send("anyone?").catch(() => {});
  expect(["eof", "reset"]).toContain(await talking.receiveEnd());
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("no instance at all: the client is closed", async () => {
  await using elbow = await startElbow({ instances: [] });
  using client = await RawClient.connect(elbow.port());
  expect(["eof", "reset"]).toContain(await client.receiveEnd());
  await eventually(() => elbow.openConnections() === 0);
});

test("an instance that comes back is used again", async () => {
  using alive = FakeInstance.start(greet("alive"));
  using other = FakeInstance.start(greet("other"));
  other.stopListening();
  await using elbow = await startElbow({ instances: [alive, other] });
  for (let round = 0; round < 3; round++) expect(await hear(elbow.port())).toBe("alive");
  other.listen(other.port);
  await eventually(async () => (await hear(elbow.port())) === "other");
});

test("a dial that hangs is given up after the connect timeout, leaves nothing in SYN_SENT, and the next one serves", async () => {
  const silent = await startSilentPort();
  try {
    using alive = FakeInstance.start(greet("alive"));
    await using elbow = await startElbow({ instances: [silent, alive], attributes: { connectTimeout: 1 } });
    const before = countSockets(silent.port, tcpState.synSent);
    // One of two connections in turn meets the silent instance first.
    const hearing = Promise.all([hear(elbow.port()), hear(elbow.port())]);
    await eventually(() => countSockets(silent.port, tcpState.synSent) > before, { what: "a dial in SYN_SENT" });
    expect(elbow.openConnections()).toBeGreaterThan(0);
    expect(await hearing).toEqual(["alive", "alive"]);
    await eventually(() => countSockets(silent.port, tcpState.synSent) <= before, { what: "no dial left" });
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  } finally {
    silent.stop();
  }
});

test("only instances that hang: the client is closed after the connect timeout", async () => {
  const silent = await startSilentPort();
  try {
    await using elbow = await startElbow({ instances: [silent], attributes: { connectTimeout: 1 } });
    const before = countSockets(silent.port, tcpState.synSent);
    const startedAt = performance.now();
    using client = await RawClient.connect(elbow.port());
    expect(["eof", "reset"]).toContain(await client.receiveEnd());
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(900);
    expect(tookMs).toBeLessThan(4_000);
    await eventually(() => countSockets(silent.port, tcpState.synSent) <= before, { what: "no dial left" });
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  } finally {
    silent.stop();
  }
});

test("a client that leaves by a reset while its dial hangs takes the dial with it", async () => {
  const silent = await startSilentPort();
  try {
    await using elbow = await startElbow({ instances: [silent], attributes: { connectTimeout: 30 } });
    const before = countSockets(silent.port, tcpState.synSent);
    using client = await RawClient.connect(elbow.port());
    await eventually(() => countSockets(silent.port, tcpState.synSent) > before, { what: "a dial in SYN_SENT" });
    client.reset();
    await eventually(() => countSockets(silent.port, tcpState.synSent) <= before, { what: "no dial left" });
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  } finally {
    silent.stop();
  }
});

test("silence both ways for the idle timeout ends both sides", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance], attributes: { idleTimeout: 1 } });
  const startedAt = performance.now();
  using client = await RawClient.connect(elbow.port());
  const connection = await instance.connection();
  await Promise.all([client.receiveEnd(), connection.receiveEnd()]);
  const tookMs = performance.now() - startedAt;
  expect(tookMs).toBeGreaterThan(900);
  expect(tookMs).toBeLessThan(4_000);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("one byte per period in either direction keeps both alive", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance], attributes: { idleTimeout: 1 } });
  using toBackend = await RawClient.connect(elbow.port());
  const first = await instance.connection(0);
  using toClient = await RawClient.connect(elbow.port());
  const second = await instance.connection(1);
  const bytes = "0123456";
  await Promise.all([toBackend.sendSlowly(bytes, 1, 300), second.sendSlowly(bytes, 1, 300)]);
  expect((await first.takeBytes(7)).toString()).toBe(bytes);
  expect((await toClient.takeBytes(7)).toString()).toBe(bytes);
  expect([toBackend.ending, first.ending, toClient.ending, second.ending]).toEqual(["open", "open", "open", "open"]);
  await Promise.all([toBackend.receiveEnd(), toClient.receiveEnd(), first.receiveEnd(), second.receiveEnd()]);
});

test("a half-closed connection idles out too", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance], attributes: { idleTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  await client.halfClose();
  const connection = await instance.connection();
  expect(await connection.receiveEnd()).toBe("eof");
  expect(["eof", "reset"]).toContain(await client.receiveEnd());
  await eventually(() => connection.isDone || connection.ending === "reset" || elbow.openConnections() === 0);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("status counts what is open and what was accepted", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow({ instances: [instance] });
  using one = await RawClient.connect(elbow.port());
  using two = await RawClient.connect(elbow.port());
  await eventually(() => instance.connections.length === 2);
  expect(elbow.openConnections()).toBe(2);
  expect(elbow.outstanding()).toBe(2);
  await one.halfClose();
  expect(await one.receiveEnd()).toBe("eof");
  await eventually(() => elbow.openConnections() === 1 && elbow.outstanding() === 1);
  expect(elbow.status()[0]!.listeners[0]!.acceptedConnections).toBe(2);
  await two.send("still");
  expect((await two.takeBytes(5)).toString()).toBe("still");
});

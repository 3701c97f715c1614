// Outlier detection at work: instances whose traffic fails are ejected for a while, never too many, and come back by time.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { instanceIs, withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";
import { sampleOf } from "../support/samples.ts";
import { answerText, greet, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const detecting: Partial<Attributes> = {
  balancing: "round-robin",
  outlierDetection: { failures: 3, ejectionTime: 1, maxEjectionTime: 2, maxEjectedShare: 50 },
};
/** Long enough not to end in a test. */
const long: Partial<Attributes> = {
  balancing: "round-robin",
  outlierDetection: { failures: 3, ejectionTime: 300, maxEjectionTime: 300, maxEjectedShare: 50 },
};

const failing: Script = serveHttp(() => formatResponse("no", { status: "500 Whatever" }));

const ask = async (elbow: RunningElbow): Promise<string> => {
  using client = await RawClient.connect(elbow.port());
  const { status, body } = await exchange(client, "/");
  return `${status} ${body}`;
};

const askTimes = async (elbow: RunningElbow, count: number): Promise<ReadonlyArray<string>> => {
  const answers: Array<string> = [];
  for (let round = 0; round < count; round++) answers.push(await ask(elbow));
  return answers;
};

const countOf = (answers: ReadonlyArray<string>, answer: string): number =>
  answers.filter((one) => one === answer).length;

const statusOf = (elbow: RunningElbow, { port }: { readonly port: number }) =>
  elbow.status()[0]!.instances.find((one) => one.port === port)!;

test("5xx in a row eject an instance; it comes back by time, and longer after the next ejection", async () => {
  using good = FakeInstance.start(answerText("good"));
  using bad = FakeInstance.start(failing);
  await using elbow = await startElbow({ protocol: "HTTP", instances: [good, bad], attributes: detecting });
  const answers = await askTimes(elbow, 6);
  expect(countOf(answers, "500 no")).toBe(3);
  expect(statusOf(elbow, bad)).toMatchObject({
    state: "OutOfService",
    reasonCode: "Instance",
    description: expect.stringMatching(
      /^Instance is ejected by outlier detection for 1 s, until \d{4}-\d\d-\d\dT[\d:]{8}Z, after 3 failures in a row: status 500\.$/,
    ),
    outlierDetection: {
      isEjected: true,
      ejections: 1,
      history: [{ to: "outOfService", reason: "3 failures in a row: status 500" }],
    },
  });
  const address = `127.0.0.1:${bad.port}`;
  expect(sampleOf("elbow_instance_in_service", { address })).toBe(0);
  expect(sampleOf("elbow_instance_in_service", { address: `127.0.0.1:${good.port}` })).toBe(1);
  expect(sampleOf("elbow_instances_in_service")).toBe(1);
  expect(sampleOf("elbow_instances_out_of_service")).toBe(1);
  expect(sampleOf("elbow_outlier_ejections_total", { load_balancer: "test" })).toBe(1);
  expect(countOf(await askTimes(elbow, 4), "200 good")).toBe(4);
  await eventually(() => statusOf(elbow, bad).state === "InService", { what: "its time to be over" });
  expect(sampleOf("elbow_instance_in_service", { address })).toBe(1);
  expect(countOf(await askTimes(elbow, 8), "500 no")).toBe(3);
  expect(statusOf(elbow, bad).description).toContain(" for 2 s, ");
  expect(statusOf(elbow, bad).outlierDetection!.history.map(({ to }) => to)).toEqual([
    "outOfService",
    "inService",
    "outOfService",
  ]);
  bad.become(answerText("well"));
  await eventually(() => statusOf(elbow, bad).state === "InService", { what: "its longer time to be over" });
  expect(countOf(await askTimes(elbow, 8), "200 well")).toBe(4);
});

test("an answer below 500 ends a row of failures; answers that are cut or broken belong to it", async () => {
  using good = FakeInstance.start(answerText("good"));
  let count = 0;
  using odd = FakeInstance.start(
    serveHttp(() =>
      count++ % 3 === 2 ? formatResponse("", { status: "404 Whatever" }) : formatResponse("", { status: "503 No" }),
    ),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [good, odd], attributes: long });
  await askTimes(elbow, 18);
  expect(count).toBe(9);
  expect(statusOf(elbow, odd).state).toBe("InService");
  odd.become(async (connection) => {
    await connection.readRequest();
    await connection.send(count++ % 2 === 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" : "nonsense\r\n\r\n");
    await connection.close();
  });
  for (const connection of odd.connections) connection.dispose();
  for (let round = 0; round < 12 && statusOf(elbow, odd).state === "InService"; round++) {
    using client = await RawClient.connect(elbow.port());
    await client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    await client.receiveEnd();
  }
  expect(statusOf(elbow, odd).outlierDetection!.history[0]!.reason).toMatch(
    /^3 failures in a row: (?:response cut short|broken response)$/,
  );
});

test("layer 4: connections that are refused eject an instance, and clients never notice", async () => {
  using good = FakeInstance.start(greet("good"));
  const dead = freePort();
  await using elbow = await startElbow({ protocol: "TCP", instances: [dead, good], attributes: detecting });
  const connect = async () => {
    using client = await RawClient.connect(elbow.port());
    await client.waitFor(() => client.availableBytes > 0, "a greeting");
    return client.takeAvailable().toString().trim();
  };
  for (let round = 0; round < 8; round++) expect(await connect()).toBe("good");
  expect(statusOf(elbow, { port: dead }).outlierDetection!.history[0]!.reason).toBe(
    "3 failures in a row: connect refused",
  );
  const tried = sampleOf("elbow_backend_connection_errors_total", { address: `127.0.0.1:${dead}` });
  expect(tried).toBe(3);
  using revived = FakeInstance.start(greet("revived"), { port: dead });
  await eventually(() => statusOf(elbow, revived).state === "InService", { what: "its time to be over" });
  expect(new Set([await connect(), await connect()])).toEqual(new Set(["good", "revived"]));
});

test("layer 4: a connection that stands ends a row of refused ones", async () => {
  using good = FakeInstance.start(greet("good"));
  using flaky = FakeInstance.start(greet("flaky"));
  const { port } = flaky;
  await using elbow = await startElbow({ protocol: "TCP", instances: [flaky, good], attributes: long });
  const refusals = () => sampleOf("elbow_backend_connection_errors_total", { address: `127.0.0.1:${port}` }) ?? 0;
  const connectUntil = async (isEnough: () => boolean) => {
    for (let round = 0; round < 20 && !isEnough(); round++) {
      using client = await RawClient.connect(elbow.port());
      await client.waitFor(() => client.availableBytes > 0, "a greeting");
    }
    expect(isEnough()).toBe(true);
  };
  for (let round = 1; round <= 3; round++) {
    flaky.stopListening();
    await connectUntil(() => refusals() === 2 * round);
    flaky.listen(port);
    await connectUntil(() => flaky.connections.length === round);
  }
  expect(statusOf(elbow, flaky).outlierDetection!.ejections).toBe(0);
  flaky.stopListening();
  await connectUntil(() => refusals() === 9);
  expect(statusOf(elbow, flaky).outlierDetection!.isEjected).toBe(true);
});

test("layer-4 connections to an instance hide none of its failures over HTTP", async () => {
  using good = FakeInstance.start(answerText("good"));
  using bad = FakeInstance.start(failing);
  const listeners = (["HTTP", "TCP"] as const).map((protocol) => ({ protocol }));
  await using elbow = await startElbow({ listeners, instances: [good, bad], attributes: long });
  for (let round = 0; round < 3; round++) {
    await askTimes(elbow, 2);
    // One for each of them.
    using one = await RawClient.connect(elbow.port(1));
    using other = await RawClient.connect(elbow.port(1));
    for (const client of [one, other]) await exchange(client, "/");
  }
  expect(statusOf(elbow, bad).outlierDetection!.isEjected).toBe(true);
});

test("never more than the share, and never the last one", async () => {
  const instances = Array.from({ length: 4 }, () => FakeInstance.start(failing));
  const port = freePort();
  const configuration = (maxEjectedShare: number) =>
    configurationOf([
      {
        protocol: "HTTP",
        port,
        instances,
        attributes: { ...long, outlierDetection: { ...(long.outlierDetection as object), maxEjectedShare } as never },
      },
    ]);
  await using elbow = await startElbow(configuration(50));
  const ejected = () =>
    elbow.status()[0]!.instances.filter(({ outlierDetection }) => outlierDetection?.isEjected).length;
  await askTimes(elbow, 24);
  expect(ejected()).toBe(2);
  await elbow.apply(configuration(100));
  await askTimes(elbow, 12);
  expect(ejected()).toBe(3);
  // Fewer may be, at once.
  await elbow.apply(configuration(25));
  expect(ejected()).toBe(1);
  // Off: nobody is.
  await elbow.apply(configurationOf([{ protocol: "HTTP", port, instances, attributes: { balancing: "round-robin" } }]));
  expect(elbow.status()[0]!.instances.map(({ state, outlierDetection }) => [state, outlierDetection])).toEqual(
    instances.map(() => ["InService", undefined]),
  );
  const before = instances.map(({ requests }) => requests.length);
  await askTimes(elbow, 4);
  expect(instances.map(({ requests }, index) => requests.length - before[index]!)).toEqual([1, 1, 1, 1]);
  for (const instance of instances) instance.stop();
});

test("checks go on, and end no ejection; what they have taken out isn't ejected as well", async () => {
  let isWell = true;
  const script: Script = serveHttp(({ target }) =>
    target === "/ping"
      ? formatResponse("", { status: isWell ? "200 OK" : "500 Ill" })
      : formatResponse("no", { status: "500 Whatever" }),
  );
  using good = FakeInstance.start(serveHttp(() => formatResponse("good")));
  using bad = FakeInstance.start(script);
  await using elbow = await startElbow(withHealth([{ protocol: "HTTP", instances: [good, bad], attributes: long }]));
  await askTimes(elbow, 8);
  const passes = statusOf(elbow, bad).healthCheck!.passes;
  await eventually(() => statusOf(elbow, bad).healthCheck!.passes >= passes + 3, { what: "three more checks" });
  expect(statusOf(elbow, bad).description).toContain("ejected");
  expect(countOf(await askTimes(elbow, 4), "200 good")).toBe(4);
  expect(sampleOf("elbow_health_checks_total", { result: "passed" })).toBeGreaterThan(4);
  expect(sampleOf("elbow_health_checks_total", { result: "failed" })).toBe(0);
  isWell = false;
  await eventually(() => statusOf(elbow, bad).description.includes("UnhealthyThreshold"), { what: "failed checks" });
  expect(sampleOf("elbow_health_checks_total", { result: "failed" })).toBeGreaterThan(0);
});

test("an ejected instance is back at once when checks have taken all others out", async () => {
  let isFailing = true;
  let areOthersWell = true;
  const other = (name: string) =>
    FakeInstance.start(
      serveHttp(({ target }) =>
        formatResponse(name, target === "/ping" && !areOthersWell ? { status: "500 Ill" } : {}),
      ),
    );
  using one = FakeInstance.start(
    serveHttp(({ target }) => formatResponse("one", target !== "/ping" && isFailing ? { status: "500 Whatever" } : {})),
  );
  using two = other("two");
  using three = other("three");
  await using elbow = await startElbow(
    withHealth([{ protocol: "HTTP", instances: [one, two, three], attributes: long }]),
  );
  expect(countOf(await askTimes(elbow, 12), "500 one")).toBe(3);
  isFailing = false;
  areOthersWell = false;
  await instanceIs(elbow, "OutOfService", two);
  await instanceIs(elbow, "OutOfService", three);
  expect(statusOf(elbow, one)).toMatchObject({ state: "InService" });
  expect(await ask(elbow)).toBe("200 one");
});

test("an instance that has the only weight isn't ejected for one that has none", async () => {
  using live = FakeInstance.start(failing);
  using standby = FakeInstance.start(answerText("standby"));
  const instances = [live, standby].map(({ port }, index) => ({
    ...{ id: `i-${index}`, host: "127.0.0.1", port },
    weight: 1 - index,
  }));
  await using elbow = await startElbow({ protocol: "HTTP", instances, attributes: long });
  expect(countOf(await askTimes(elbow, 4), "500 no")).toBe(4);
  live.become(answerText("live"));
  for (const connection of live.connections) connection.dispose();
  expect(await ask(elbow)).toBe("200 live");
});

test("a response that its client doesn't take is no fault of the instance; one that never comes is", async () => {
  using good = FakeInstance.start(answerText("good"));
  const huge = "x".repeat(32 * 1024 * 1024);
  using other = FakeInstance.start(serveHttp(() => formatResponse(huge)));
  const attributes: Partial<Attributes> = {
    ...{ balancing: "round-robin", idleTimeout: 1 },
    outlierDetection: { failures: 1, ejectionTime: 300, maxEjectionTime: 300, maxEjectedShare: 50 },
  };
  await using elbow = await startElbow({ protocol: "HTTP", instances: [good, other], attributes });
  await ask(elbow);
  using lazy = await RawClient.connect(elbow.port());
  await lazy.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  lazy.pauseReading();
  await eventually(() => other.requests.length === 1 && elbow.openConnections() === 0, {
    what: "its connection to be cut",
  });
  expect(sampleOf("elbow_faults_total", { reason: "responseTimeout" })).toBe(1);
  expect(statusOf(elbow, other).outlierDetection).toEqual({ isEjected: false, ejections: 0, history: [] });
  other.become(async (connection) => void (await connection.receiveEnd(20_000)));
  await ask(elbow);
  expect(await ask(elbow)).toBe("504 ");
  expect(statusOf(elbow, other).outlierDetection!.history[0]!.reason).toBe("1 failure in a row: no response in time");
});

test("it is switched on at run time, with a time that gives way to the longest", async () => {
  using good = FakeInstance.start(answerText("good"));
  using bad = FakeInstance.start(failing);
  await using elbow = await startElbow({
    protocol: "HTTP",
    instances: [good, bad],
    attributes: { balancing: "round-robin" },
  });
  await askTimes(elbow, 12);
  expect(statusOf(elbow, bad)).toMatchObject({ state: "InService" });
  await elbow.run(elbow.control.setAttributes("test", { outlierDetection: { failures: 2, maxEjectionTime: 20 } }));
  expect(countOf(await askTimes(elbow, 12), "500 no")).toBe(2);
  expect(statusOf(elbow, bad).description).toContain(" for 20 s, ");
  await elbow.run(elbow.control.setAttributes("test", { outlierDetection: { failures: 2, maxEjectionTime: 10 } }));
  expect(statusOf(elbow, bad).description).toContain(" for 10 s, ");
  await elbow.run(elbow.control.setAttributes("test", { outlierDetection: false }));
  expect(countOf(await askTimes(elbow, 4), "500 no")).toBe(2);
});

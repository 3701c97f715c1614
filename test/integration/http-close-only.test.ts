// Layer 7, an instance that serves one request on each connection: it is kept ready like any other, and each of its
// answers says that it is well.
import { expect, setDefaultTimeout, test } from "bun:test";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const connectionErrors = (): number =>
  collectMetrics()
    .filter(({ name }) => name === "elbow_backend_connection_errors_total")
    .flatMap(({ samples }) => samples)
    .reduce((sum, { value }) => sum + value, 0);

const answerOnce: Script = async (connection) => {
  const request = await connection.readRequest(20_000);
  if (request === undefined) return connection.close();
  await connection.send(formatResponse(request.target, { headers: [["Connection", "close"]] }));
  return connection.close();
};

test("its first answer ends the wait before it is dialled ahead of demand again", async () => {
  const port = freePort();
  await using elbow = await startElbow({
    protocol: "HTTP",
    instances: [port],
    attributes: { minIdleConnections: 1 },
  });
  // The next dial ahead would come two seconds behind the second that failed.
  await eventually(() => connectionErrors() === 2, { what: "two failed dials" });
  const failedAt = performance.now();
  using instance = FakeInstance.start(answerOnce, { port });
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/first")).body.toString()).toBe("/first");
  await instance.connection(1);
  expect(performance.now() - failedAt).toBeLessThan(1_700);
  // From here on a connection waits for each request: none is dialled for one.
  for (let round = 1; round <= 5; round++) {
    const ahead = await instance.connection(round);
    await eventually(() => elbow.status()[0]?.instances[0]?.openConnections === 1, { what: "a connection in wait" });
    expect((await exchange(client, `/${round}`)).body.toString()).toBe(`/${round}`);
    expect(ahead.requests.map(({ target }) => target)).toEqual([`/${round}`]);
  }
  expect(connectionErrors()).toBe(2);
});

// Too much of one thing: pipelines that nobody reads, clients that only come and go, instances that accept and drop.
// What is held stays bounded, nothing is left behind, and the next client is served.
import { expect, setDefaultTimeout, test } from "bun:test";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

test("5000 pipelined requests that elbow answers itself are all answered, in one go", async () => {
  await using elbow = await startElbow({ protocol: "HTTP", instances: [] });
  using client = await RawClient.connect(elbow.port());
  const count = 5000;
  const sending = client.send(Buffer.concat(Array.from({ length: count }, (_, index) => formatRequest(`/${index}`))));
  for (let index = 0; index < count; index++) expect((await readResponse(client)).status).toBe(503);
  await sending;
  expect(client.ending).toBe("open");
  expect(client.availableBytes).toBe(0);
});

test("a client that pipelines without reading is stopped, then gets every answer in order", async () => {
  const body = "x".repeat(50_000);
  using instance = FakeInstance.start(serveHttp(({ target }) => formatResponse(`${target} ${body}`)));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  client.pauseReading();
  const padding = [["X-Padding", "p".repeat(4000)]] as const;
  const count = 2000;
  let isSent = false;
  const sending = (async () => {
    for (let index = 0; index < count; index++) await client.send(formatRequest(`/${index}`, { headers: padding }));
    isSent = true;
  })();
  let lastRequests = -1;
  let stillSince = performance.now();
  await eventually(() => {
    if (instance.requests.length !== lastRequests) stillSince = performance.now();
    lastRequests = instance.requests.length;
    return lastRequests > 10 && performance.now() - stillSince > 200;
  });
  // What was served fits into the kernel's buffers towards the client; the rest waits.
  expect(instance.requests.length).toBeLessThan(count / 4);
  expect(isSent).toBe(false);
  client.resumeReading();
  for (let index = 0; index < count; index++) {
    const response = await readResponse(client);
    if (!response.body.toString().startsWith(`/${index} `)) throw new Error(`answer ${index} is not in its place`);
  }
  await sending;
});

test.each(["TCP", "HTTP"] as const)(
  "600 clients of a %s listener that leave in every way at every moment",
  async (protocol) => {
    using instance = FakeInstance.start(protocol === "TCP" ? echo : answerText("ok"));
    await using elbow = await startElbow({ protocol, instances: [instance] });
    const request = formatRequest("/");
    const leave = async (index: number) => {
      const client = await RawClient.connect(elbow.port());
      try {
        const kind = index % 8;
        if (kind >= 2) await client.send(request.subarray(0, kind < 4 ? 10 : request.length));
        if (kind >= 6) await client.takeBytes(1);
        if (index % 2 === 0) client.reset();
        else if (index % 3 === 0) await client.close();
        else {
          await client.halfClose();
          await client.receiveEnd();
        }
      } finally {
        client.dispose();
      }
    };
    for (let round = 0; round < 6; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => leave(round * 100 + index)));
    }
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
    if (protocol === "TCP") await eventually(() => instance.openConnections === 0);
    using client = await RawClient.connect(elbow.port());
    if (protocol === "HTTP") expect((await exchange(client, "/")).body.toString()).toBe("ok");
    else {
      await client.send("served");
      expect((await client.takeBytes(6)).toString()).toBe("served");
    }
  },
);

test("an instance that accepts and drops at once, by close or reset, takes nothing down with it", async () => {
  let turn = 0;
  using dropping = FakeInstance.start((connection) => (turn++ % 2 === 0 ? connection.reset() : connection.close()));
  await using tcp = await startElbow({ instances: [dropping] });
  await using http = await startElbow({ protocol: "HTTP", instances: [dropping] });
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      using client = await RawClient.connect(tcp.port());
      await client.halfClose();
      expect(["eof", "reset"]).toContain(await client.receiveEnd());
    }),
  );
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      using client = await RawClient.connect(http.port());
      expect((await exchange(client, "/")).status).toBeOneOf([503, 504]);
    }),
  );
  await eventually(() => [tcp, http].every((elbow) => elbow.openConnections() === 0 && elbow.outstanding() === 0));
});

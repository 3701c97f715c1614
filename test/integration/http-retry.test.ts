// Layer 7, a request whose connection to an instance dies under it: sent once more, or never, as the instance counts it.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type InstanceConnection } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, readHead, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const early = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
const gatewayTimeout = "HTTP/1.1 504 GATEWAY_TIMEOUT\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";

const leave = (connection: InstanceConnection, how: "close" | "reset"): Promise<void> | void =>
  how === "close" ? connection.close() : connection.reset();

/** How often the instance read a request for `/dies`. */
const deaths = (instance: FakeInstance): number => instance.requests.filter(({ target }) => target === "/dies").length;

/** A connection that waits for the next request: the only one there is. */
const keepOne = async (elbow: RunningElbow, instance: FakeInstance): Promise<RawClient> => {
  const client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/first")).status).toBe(200);
  expect(instance.connections.length).toBe(1);
  return client;
};

describe.each(["close", "reset"] as const)("an instance that leaves without a byte of answer, by a %s", (how) => {
  /** It leaves at each of the first `times` requests for `/dies`, once it has read them whole. */
  const startDying = async (times: number) => {
    const instance = FakeInstance.start(
      serveHttp(async ({ target, body }, connection) => {
        if (target !== "/dies" || deaths(instance) > times) return formatResponse(`${target} ${body}`);
        await leave(connection, how);
        return undefined;
      }),
    );
    const elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
    return {
      instance,
      elbow,
      async [Symbol.asyncDispose]() {
        await elbow.stop();
        instance.stop();
      },
    };
  };

  test.each(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])(
    "%s on a kept connection is sent once more, on another",
    async (method) => {
      await using at = await startDying(1);
      using client = await keepOne(at.elbow, at.instance);
      expect((await exchange(client, "/dies", { method })).status).toBe(200);
      expect(at.instance.connections.map(({ requests }) => requests.map(({ target }) => target))).toEqual([
        ["/first", "/dies"],
        ["/dies"],
      ]);
    },
  );

  test.each([
    ["POST", {}],
    ["PATCH", {}],
    ["PUT with a body", { method: "PUT", body: "written once" }],
    ["DELETE with a body", { method: "DELETE", body: "done once" }],
  ])("%s on a kept connection isn't", async (name, options) => {
    await using at = await startDying(1);
    using client = await keepOne(at.elbow, at.instance);
    using outcomes = new Outcomes();
    await client.send(formatRequest("/dies", { method: name, ...options }));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
    expect(await outcomes.at(0)).toMatchObject({ status: 504, reason: "backendClosed" });
    expect((await exchange(client, "/next")).body.toString()).toBe("/next ");
    expect(deaths(at.instance)).toBe(1);
  });

  test("a GET on a new connection isn't either: it wasn't dead before the request", async () => {
    await using at = await startDying(1);
    using client = await RawClient.connect(at.elbow.port());
    await client.send(formatRequest("/dies"));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
    expect((await exchange(client, "/next")).status).toBe(200);
    expect(deaths(at.instance)).toBe(1);
  });

  test("twice: no third time", async () => {
    await using at = await startDying(2);
    using client = await keepOne(at.elbow, at.instance);
    await client.send(formatRequest("/dies"));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
    expect((await exchange(client, "/next")).status).toBe(200);
    expect(deaths(at.instance)).toBe(2);
  });

  test("a PUT whose body hasn't come yet is sent once more, and its body with it", async () => {
    using instance = FakeInstance.start(async (connection) => {
      if (connection.index > 0) return serveHttp(({ body }) => formatResponse(body))(connection);
      await connection.readRequest();
      await connection.send(formatResponse("first"));
      await readHead(connection);
      return leave(connection, how);
    });
    await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
    using client = await keepOne(elbow, instance);
    await client.send("PUT /dies HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n");
    await instance.connection(1);
    await client.send("whole");
    expect((await readResponse(client)).body.toString()).toBe("whole");
  });

  const unread = [
    "that the client can't read",
    "GET /dies HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n",
    "",
  ];
  test.each([
    ["that the client got", "GET /dies HTTP/1.1\r\nHost: test\r\n\r\n", early],
    // Nobody sees when elbow has read it, and a reset could overtake it.
    ...(how === "close" ? [unread] : []),
  ])("behind an interim answer %s: not again", async (_, request, told) => {
    using instance = FakeInstance.start(
      serveHttp(async ({ target }, connection) => {
        if (target !== "/dies") return formatResponse(target);
        await connection.send(early);
        // Nor may the reset overtake this one.
        await sentOn.promise;
        await leave(connection, how);
        return undefined;
      }),
    );
    const sentOn = Promise.withResolvers<void>();
    await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
    using client = await keepOne(elbow, instance);
    await client.send(request);
    if (told !== "") expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(told);
    sentOn.resolve();
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
    expect(deaths(instance)).toBe(1);
  });
});

test("a kept connection that is reset as a request comes: no request is lost or done twice, whatever its method", async () => {
  const count = 40;
  using instance = FakeInstance.start(serveHttp(({ target, body }) => formatResponse(`${target} ${body}`)));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await keepOne(elbow, instance);
  for (let index = 0; index < count; index++) {
    const kept = instance.connections.at(-1)!;
    const target = `/${index}`;
    const body = index % 4 < 2 ? "" : "once";
    const sent = client.sentBytes;
    const sending = client.send(formatRequest(target, body === "" ? { method: "POST" } : { body }));
    // Both in one turn of the event loop. When the request is there first, elbow learns of the reset by its first write;
    // otherwise the connection is gone before the request is read.
    for (let turn = 0; index % 2 === 0 && client.sentBytes === sent && turn < 20; turn++) await Promise.resolve();
    kept.reset();
    await sending;
    expect((await readResponse(client)).body.toString()).toBe(`${target} ${body}`);
  }
  expect(instance.requests.length).toBe(1 + count);
  await eventually(() => elbow.outstanding() === 0);
});

// What policies are told: of clients behind TLS, of what went wrong, and of a request in each of its phases.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { FaultContext } from "../../src/policy/index.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type InstanceConnection } from "../support/fake-instance.ts";
import { exchange, formatRequest, type HttpHead, header, readHead, readResponse } from "../support/http-message.ts";
import { type Hooks, startPolicies, startWithPolicies, usesOf } from "../support/policy-elbow.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, silence } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { formatFrame, formatHandshake, opcode, readFrame, serveWebSocket } from "../support/web-socket.ts";

setDefaultTimeout(30_000);

/** What faults there were, each in a line. */
const collectFaults = () => {
  const lines: Array<string> = [];
  const contexts: Array<FaultContext> = [];
  const hooks: Hooks = {
    onFault: (_, fault) => {
      contexts.push(fault);
      const { reason, side, status, instance, request, client } = fault;
      const of = instance === undefined ? "nobody" : "an instance";
      lines.push(`${reason} ${side} ${status} ${of} ${request?.path} ${client.listener.protocol}`);
    },
  };
  return { lines, contexts, hooks };
};

test("a fault is told with its request, where there is one", async () => {
  const { lines, contexts, hooks } = collectFaults();
  await using elbow = await startWithPolicies(hooks, { instances: [] });
  using client = await RawClient.connect(elbow.port());
  await exchange(client, "/a?b", { headers: [["X-A", "1"]] });
  await client.send("GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
  await readResponse(client);
  expect(lines).toEqual(["noInstance proxy 503 nobody /a HTTP", "badRequest client 400 nobody undefined HTTP"]);
  expect(contexts[0]?.request?.header("x-a")).toBe("1");
  expect(contexts[1]?.client.clientAddress).toBe("127.0.0.1");
});

test("faults of an instance, of a client that leaves, and of policies", async () => {
  const { lines, hooks } = collectFaults();
  const broken: Hooks = {
    admit: (_, request) => {
      if ("path" in request && request.path === "/broken") throw new Error("no");
      return undefined;
    },
  };
  await using ground = await startPolicies([hooks, broken], silence);
  using client = await RawClient.connect(ground.port);
  await exchange(client, "/broken");
  await client.send(formatRequest("/gone"));
  const connection = await ground.instance.connection();
  await connection.takeUntil("\r\n\r\n");
  client.reset();
  await eventually(() => lines.length === 2);
  using other = await RawClient.connect(ground.port);
  await other.send(formatRequest("/cut", { method: "POST" }));
  await (await ground.instance.connection(1)).takeUntil("\r\n\r\n");
  (await ground.instance.connection(1)).reset();
  await readResponse(other);
  expect(lines).toEqual([
    "policyFailed proxy 500 nobody /broken HTTP",
    "clientGone client 0 an instance /gone HTTP",
    "backendClosed backend 504 an instance /cut HTTP",
  ]);
});

test("faults of layer 4", async () => {
  const { lines, hooks } = collectFaults();
  await using elbow = await startWithPolicies(hooks, { instances: [], protocol: "TCP" });
  using client = await RawClient.connect(elbow.port());
  await client.takeToEnd();
  await eventually(() => lines.length === 1);
  expect(lines).toEqual(["noInstance proxy 0 nobody undefined TCP"]);
});

test("all phases see one and the same request", async () => {
  const seen = new Set<unknown>();
  const note = (_: unknown, { request }: { readonly request: unknown }): undefined => void seen.add(request);
  const hooks: Hooks = {
    admit: (_, request) => void seen.add(request),
    pick: (_, request) => void seen.add(request),
    requestHead: (_, request) => void seen.add(request),
    responseHead: note,
  };
  await using ground = await startPolicies([hooks, hooks], answerText("well"));
  using client = await RawClient.connect(ground.port);
  await exchange(client, "/1");
  expect(seen.size).toBe(1);
  await exchange(client, "/2");
  expect(seen.size).toBe(2);
});

test.each(["HTTPS", "SSL"] as const)("behind %s they know what the handshake settled", async (protocol) => {
  const seen: Array<unknown> = [];
  const policies = usesOf([{ admit: (_, { tls }) => void seen.push(tls) }]);
  using instance = FakeInstance.start(answerText("well"));
  const listener = { ...(await secureListener(protocol)), policies };
  await using elbow = await startElbow({ protocol, instances: [instance], listeners: [listener] });
  using client = await SecureClient.connect(elbow.port(), { serverName: "localhost" });
  expect((await exchange(client, "/")).status).toBe(200);
  expect(seen).toEqual([
    {
      version: "TLSv1.3",
      cipher: expect.stringMatching(/^TLS_/),
      serverName: "localhost",
      isResumed: false,
    },
  ]);
});

test("who has connected is known when it has left", async () => {
  const seen: Array<unknown> = [];
  const { contexts, hooks } = collectFaults();
  const policy: Hooks = {
    ...hooks,
    deadlineMs: 20_000,
    admit: (_, context) => {
      seen.push(context);
      return new Promise<undefined>(() => {});
    },
  };
  for (const protocol of ["HTTP", "TCP"] as const) {
    await using ground = await startPolicies(policy, answerText("well"), { protocol });
    const client = await RawClient.connect(ground.port);
    const { localPort } = client;
    await client.send(formatRequest("/"));
    await eventually(() => seen.length === 1);
    client.reset();
    await eventually(() => contexts.length === 1);
    expect(contexts[0]?.client.clientPort).toBe(localPort);
    expect(seen).toEqual([expect.objectContaining({ clientPort: localPort })]);
    seen.length = 0;
    contexts.length = 0;
  }
});

test("a fault at layer 4 is told with what the handshake settled", async () => {
  const { contexts, hooks } = collectFaults();
  const listener = { ...(await secureListener("SSL")), policies: usesOf([hooks]) };
  await using elbow = await startElbow({ protocol: "SSL", instances: [], listeners: [listener] });
  using client = await SecureClient.connect(elbow.port(), { serverName: "localhost" });
  await eventually(() => contexts.length === 1);
  expect(contexts[0]?.reason).toBe("noInstance");
  expect(contexts[0]?.client.tls).toMatchObject({ version: "TLSv1.3", serverName: "localhost" });
  expect(contexts[0]?.client.clientPort).toBeGreaterThan(0);
  expect(client).toBeDefined();
});

test("a WebSocket handshake goes through all phases; what follows through none", async () => {
  const policy: Hooks = {
    requestHead: () => ({ set: { "X-Room": "1" } }),
    responseHead: (_, { status }) => ({ set: { "X-Status": String(status) } }),
  };
  const rooms: Array<string | undefined> = [];
  const speak = async (connection: InstanceConnection, head: HttpHead) => {
    rooms.push(header(head, "x-room"));
    await connection.send(formatFrame(opcode.text, "hello"));
  };
  await using ground = await startPolicies(policy, serveWebSocket(speak));
  using client = await RawClient.connect(ground.port);
  await client.send(formatHandshake());
  const head = await readHead(client);
  expect(head.startLine).toBe("HTTP/1.1 101 Switching Protocols");
  expect(header(head, "x-status")).toBe("101");
  expect(rooms).toEqual(["1"]);
  expect((await readFrame(client)).payload.toString()).toBe("hello");
});

// Traffic of all kinds through one running elbow, for leak tests: each kind of end, fault and error once or more. Also a
// program of its own (`bun all-traffic.ts`): then it must end by itself when all is done, as nothing may hold it.
import { sendStream } from "./byte-stream.ts";
import { configurationOf, type RunningElbow, startElbow } from "./elbow.ts";
import { eventually } from "./eventually.ts";
import { FakeInstance } from "./fake-instance.ts";
import { exchange, formatResponse, readResponse } from "./http-message.ts";
import { freePort, startSilentPort } from "./port.ts";
import { RawClient } from "./raw-client.ts";
import { echo, serveHttp } from "./scripts.ts";

/** What the traffic runs against; give it back with `stop`. */
export interface TrafficGround {
  readonly elbow: RunningElbow;
  readonly stop: () => Promise<void>;
}

/** Starts elbow in front of instances of every temper. */
export const startGround = async (): Promise<TrafficGround & { readonly run: () => Promise<void> }> => {
  const echoing = FakeInstance.start(echo);
  const web = FakeInstance.start(
    serveHttp(async ({ target }, connection) => {
      if (target === "/reset") connection.reset();
      else if (target === "/close") await connection.close();
      else if (target === "/bad") return "nonsense\r\n\r\n";
      else if (target === "/cut") {
        await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut");
        await connection.close();
      } else if (target === "/chunked")
        return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
      else return formatResponse("ok".repeat(5000));
      return undefined;
    }),
  );
  const silent = await startSilentPort();
  const elbow = await startElbow(
    configurationOf([
      { name: "tcp", instances: [echoing, freePort()] },
      { name: "http", protocol: "HTTP", instances: [web], attributes: { minIdleConnections: 2 } },
      { name: "hanging", instances: [silent], attributes: { connectTimeout: 1 } },
      { name: "dead", protocol: "HTTP", instances: [freePort()], attributes: { minIdleConnections: 1 } },
      { name: "idle", instances: [echoing], attributes: { idleTimeout: 1 } },
    ]),
  );
  const port = (name: string) => elbow.port(0, name);

  const tcp = async (kind: number) => {
    using client = await RawClient.connect(port("tcp"));
    await client.send("hello");
    await client.takeBytes(5);
    if (kind === 0) client.reset();
    else if (kind === 1) await client.close();
    else {
      const [digest] = await Promise.all([client.digest(2_000_000), sendStream(client, 2_000_000, kind)]);
      if (digest.bytes !== 2_000_000) throw new Error("bytes were lost");
      await client.halfClose();
      await client.receiveEnd();
    }
  };
  const http = async (target: string) => {
    using client = await RawClient.connect(port("http"));
    for (let round = 0; round < 3 && client.ending === "open"; round++) {
      await exchange(client, target, round === 1 ? { body: "x".repeat(5000) } : {}).catch(() => {});
    }
  };
  const half = async () => {
    using client = await RawClient.connect(port("http"));
    await client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf");
    client.reset();
  };
  const bad = async (name: string, bytes: string) => {
    using client = await RawClient.connect(port(name));
    await client.send(bytes);
    await readResponse(client);
  };
  const ended = async (name: string) => {
    using client = await RawClient.connect(port(name));
    await client.receiveEnd();
  };
  const run = async () => {
    await Promise.all([
      ...Array.from({ length: 30 }, (_, index) => tcp(index % 3)),
      ...["/", "/", "/chunked", "/reset", "/close", "/bad", "/cut", "/"].map(http),
      half(),
      half(),
      bad("http", "bad\r\n\r\n"),
      bad("dead", "GET / HTTP/1.1\r\nHost: test\r\n\r\n"),
      ended("hanging"),
      ended("idle"),
    ]);
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0, {
      what: "all counts back to 0",
    });
  };
  const stop = async () => {
    await elbow.stop();
    // Before the instances leave: elbow itself must have let go of them, the pooled ones too.
    await eventually(
      () => [echoing, web].every(({ connections }) => connections.every(({ ending }) => ending !== "open")),
      {
        what: "no connection to an instance left",
      },
    );
    echoing.stop();
    web.stop();
    silent.stop();
  };
  return { elbow, run, stop };
};

if (import.meta.main) {
  const ground = await startGround();
  await ground.run();
  await ground.elbow.shutdown(1_000);
  await ground.stop();
  process.stdout.write("all is done\n");
}

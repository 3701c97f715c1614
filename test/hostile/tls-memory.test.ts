// What hostile TLS clients cost elbow, which runs as a process of its own here, so that its memory is only its own: little
// while they are there, and nothing when they have gone.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { inlineSource, issueTestCertificate } from "../support/certificates.ts";
import { clientHelloMessage, inRecords } from "../support/client-hello.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { recordTypes, Tls13Client } from "../support/tls13-client.ts";
import { getRequest, say, soundHello } from "./tls-ground.ts";

setDefaultTimeout(60_000);

const KIB = 1024;
const MIB = KIB * KIB;

let instance: FakeInstance;
let elbow: ElbowProcess;
let port = 0;
let residentBytes = 0;

const serve = async (): Promise<void> => {
  using client = await SecureClient.connect(port);
  expect((await exchange(client, "/")).body.toString()).toBe("good");
};

const openConnections = async (): Promise<number> => {
  const text = await (await fetch(`http://127.0.0.1:${elbow.managementPort}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith("elbow_connections_open{"));
  return Number(line?.split(" ").at(-1));
};

/** Waits until nobody is connected, and checks what elbow has left and what it has said. */
const comesBack = async (allowedBytes: number): Promise<void> => {
  await eventually(async () => (await openConnections()) === 0, { what: "nobody connected", timeoutMs: 10_000 });
  await serve();
  const allowed = residentBytes + allowedBytes;
  await eventually(() => elbow.memory().residentBytes < allowed, { what: `at most ${allowed} B`, timeoutMs: 10_000 });
  expect(elbow.process.exitCode).toBeNull();
  expect(elbow.output).not.toContain("defect");
};

/** Connections of every sort, most of which end badly. */
const churn = async (count: number): Promise<void> => {
  for (let done = 0; done < count; done += 50) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        if (index % 5 === 0) {
          using client = await RawClient.connect(port);
          await say(client, getRequest());
        } else if (index % 5 === 1) {
          using client = await Tls13Client.connect(port);
          await client.sendHello();
          await client.readFlight();
        } else {
          using client = await Tls13Client.connectSecure(port);
          await client.raw.send(client.text(getRequest()));
          await client.receiveText();
          if (index % 5 === 2) await client.raw.close();
          if (index % 5 === 3) {
            await client.raw.send(client.seal(recordTypes.alert, new Uint8Array([1, 0])));
            await client.raw.receiveEnd();
          }
        }
      }),
    );
  }
};

beforeAll(async () => {
  instance = FakeInstance.start(answerText("good"));
  port = freePort();
  const { cert, key } = inlineSource(await issueTestCertificate()) as { cert: { text: string }; key: { text: string } };
  elbow = await ElbowProcess.start({
    loadBalancers: {
      test: {
        address: "127.0.0.1",
        listeners: [
          {
            protocol: "HTTPS",
            port,
            instanceProtocol: "HTTP",
            instancePort: instance.port,
            certificate: { cert: cert.text, key: key.text },
          },
        ],
        instances: ["127.0.0.1"],
        attributes: { handshakeTimeout: 2 },
      },
    },
  });
  // The engine's own buffers belong to the baseline.
  await churn(500);
  await eventually(async () => (await openConnections()) === 0, { what: "nobody connected" });
  residentBytes = elbow.memory().residentBytes;
});

afterAll(async () => {
  await elbow?.[Symbol.asyncDispose]();
  instance?.stop();
});

describe("memory of elbow's process", () => {
  test("400 handshakes that stall cost less than 24 KiB each, and it comes back, twice", async () => {
    for (let round = 0; round < 2; round++) {
      const stalled = await Promise.all(
        Array.from({ length: 400 }, async (_, index) => {
          const client = await RawClient.connect(port);
          if (index % 4 !== 0) await client.send(index % 4 === 1 ? soundHello().subarray(0, 90) : soundHello());
          return client;
        }),
      );
      await serve();
      expect(elbow.memory().residentBytes - residentBytes).toBeLessThan(8 * MIB + 400 * 24 * KIB);
      await Promise.all(stalled.map((client) => client.receiveEnd()));
      for (const client of stalled) client.dispose();
    }
    await comesBack(16 * MIB);
  });

  test("100 ClientHellos without an end, 36 KB of each: the buffers are bounded, and go with the deadline", async () => {
    const wire = inRecords(clientHelloMessage({ extensions: [[21, new Array<number>(16_000).fill(0)]] }), 4);
    const clients = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const client = await RawClient.connect(port);
        for (let at = 0; at < wire.length - 9; at += 3000) {
          await say(client, wire.subarray(at, Math.min(at + 3000, wire.length - 9)));
          await Bun.sleep(1);
        }
        return client;
      }),
    );
    await serve();
    expect(elbow.memory().residentBytes - residentBytes).toBeLessThan(32 * MIB);
    await Promise.all(clients.map((client) => client.receiveEnd()));
    for (const client of clients) client.dispose();
    await comesBack(24 * MIB);
  });

  test("1,500 connections of every sort leave nothing", async () => {
    await churn(1_500);
    // A hundred thousand would be 1 GiB if each left 10 KiB; these would be 15 MiB.
    await comesBack(12 * MIB);
  });

  test("a flood behind first bytes that aren't TLS is thrown away as it comes", async () => {
    using client = await RawClient.connect(port);
    await client.send(getRequest());
    const junk = Buffer.alloc(MIB, 7);
    let mostBytes = 0;
    for (let count = 0; count < 1_000 && !client.isDone; count++) {
      await say(client, junk);
      mostBytes = Math.max(mostBytes, elbow.memory().residentBytes);
    }
    expect(mostBytes - residentBytes).toBeLessThan(48 * MIB);
    client.dispose();
    await comesBack(48 * MIB);
  });
});

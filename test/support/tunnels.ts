// elbow in front of one scripted instance, and WebSocket tunnels through it with both ends in the test's hands.
import type { Attributes } from "../../src/model/attributes.ts";
import type { ByteEnd } from "./byte-end.ts";
import { type RunningElbow, startElbow } from "./elbow.ts";
import { eventually } from "./eventually.ts";
import { FakeInstance, type InstanceConnection, type Script } from "./fake-instance.ts";
import { Outcomes } from "./outcomes.ts";
import { RawClient } from "./raw-client.ts";
import { serveWebSocket, shakeHands } from "./web-socket.ts";

/** Serves plain requests, and leaves the connection to the test once it is a tunnel. */
export const left: Script = serveWebSocket(() => {});

/** What tunnels are dug through. */
export interface TunnelGround extends AsyncDisposable {
  readonly instance: FakeInstance;
  readonly elbow: RunningElbow;
  readonly outcomes: Outcomes;
  readonly connect: () => Promise<RawClient>;
}

/** An elbow in front of an instance with this script. */
export const startTunnelGround = async (
  script: Script = left,
  attributes: Partial<Attributes> = {},
): Promise<TunnelGround> => {
  const instance = FakeInstance.start(script);
  const outcomes = new Outcomes();
  const elbow = await startElbow({ protocol: "HTTP", instances: [instance], attributes });
  return {
    instance,
    elbow,
    outcomes,
    connect: () => RawClient.connect(elbow.port()),
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      outcomes[Symbol.dispose]();
      instance.stop();
    },
  };
};

/** A new tunnel, and both of its ends; one at a time, since the instance's newest connection is taken for its. */
export const openTunnel = async (
  ground: TunnelGround,
): Promise<{ readonly client: RawClient; readonly instance: InstanceConnection }> => {
  const client = await ground.connect();
  await shakeHands(client);
  return { client, instance: await ground.instance.connection(ground.instance.connections.length - 1) };
};

/** Sends a text from one end to the other, which must get it and nothing else first. */
export const pass = async (from: ByteEnd, to: ByteEnd, text: string): Promise<void> => {
  await from.send(text);
  const taken = (await to.takeBytes(text.length)).toString("latin1");
  if (taken !== text) throw new Error(`${JSON.stringify(text)} arrived as ${JSON.stringify(taken)}`);
};

/** Waits until elbow has no client and no lease, and no connection to an instance. */
export const isDeserted = (elbow: RunningElbow): Promise<true> =>
  eventually(
    () => {
      const toInstances = elbow.status().flatMap(({ instances }) => instances.map((one) => one.openConnections));
      return elbow.openConnections() === 0 && elbow.outstanding() === 0 && toInstances.every((count) => count === 0);
    },
    { what: "no client, no lease and no connection to an instance" },
  );

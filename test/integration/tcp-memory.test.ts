// Layer 4, memory: a reader that stalls stops the sender, and elbow holds a bounded amount meanwhile. elbow runs as a
// process of its own, so that its memory is only its own.
import { expect, setDefaultTimeout, test } from "bun:test";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { silence } from "../support/scripts.ts";
import { stalls } from "../support/stalls.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const TOTAL_BYTES = 256 * MIB;

test.each(["client", "instance"] as const)("a stalled %s costs bounded memory, and loses nothing", async (stalled) => {
  using instance = FakeInstance.start(silence);
  const port = freePort();
  await using elbow = await ElbowProcess.start({
    loadBalancers: {
      test: {
        address: "127.0.0.1",
        listeners: [{ protocol: "TCP", port, instancePort: instance.port }],
        instances: ["127.0.0.1"],
      },
    },
  });
  using client = await RawClient.connect(port);
  const connection = await instance.connection();
  const [reader, sender] = stalled === "client" ? [client, connection] : [connection, client];
  // Warm up with traffic, so that the baseline has the engine's buffers in it.
  const warm = await Promise.all([sendStream(sender, 8 * MIB, 1), reader.digest(8 * MIB)]);
  expect(warm[1]).toEqual(warm[0]);
  const baseline = elbow.memory();

  reader.pauseReading();
  const sending = sendStream(sender, TOTAL_BYTES, 2).then(async (digest) => {
    await sender.halfClose();
    return digest;
  });
  const takenBytes = await stalls(sender);
  expect(takenBytes).toBeLessThan(TOTAL_BYTES / 4);
  expect(elbow.memory().residentBytes - baseline.residentBytes).toBeLessThan(24 * MIB);

  reader.resumeReading();
  expect(await reader.digest()).toEqual(digestOf(TOTAL_BYTES, 2));
  await sending;
  expect(elbow.memory().peakBytes - baseline.peakBytes).toBeLessThan(96 * MIB);
});

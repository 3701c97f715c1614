// A stretch of TCP between a client and a port, which a test can hold up, or end without whoever speaks TLS over it.
import type { ByteEnd } from "./byte-end.ts";
import { FakeInstance } from "./fake-instance.ts";
import { RawClient } from "./raw-client.ts";

/** Passes on what one end gets to another, and its end. */
export const carry = async (from: ByteEnd, to: ByteEnd): Promise<void> => {
  for (;;) {
    await from.waitFor(() => from.availableBytes > 0 || from.ending !== "open", "bytes to carry", 60_000);
    const bytes = from.takeAvailable();
    if (bytes.length > 0) await to.send(bytes);
    else if (from.ending === "eof") return to.halfClose();
    else return to.dispose();
  }
};

/** A wire to a port; its connections there are in `far`, in order. */
export interface Wire extends Disposable {
  readonly port: number;
  readonly far: ReadonlyArray<RawClient>;
}

/** Starts a wire to `port`: it connects at once, and carries bytes from when `opened` is settled. */
export const startWire = (port: number, opened: Promise<void> = Promise.resolve()): Wire => {
  const far: Array<RawClient> = [];
  const entrance = FakeInstance.start(async (near) => {
    const end = await RawClient.connect(port);
    far.push(end);
    await opened;
    await Promise.all([carry(near, end), carry(end, near)]);
  });
  return {
    port: entrance.port,
    far,
    [Symbol.dispose]: () => {
      entrance.stop();
      for (const end of far) end.dispose();
    },
  };
};

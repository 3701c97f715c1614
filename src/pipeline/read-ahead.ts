// Bytes that a client sent before they can be looked at: behind the request in progress, or its body while it waits.
//
// Bounded: beyond 64 KiB the client isn't read until somebody takes them.
import type { Transport } from "../net/transport.ts";

/** How much is read ahead of the answer in progress, in bytes. */
const readAheadMaxBytes = 64 * 1024;

const nothing = new Uint8Array(0);

export class ReadAhead {
  private bytes: Uint8Array | undefined = undefined;
  private holdsClient = false;

  constructor(private readonly client: Transport) {}

  get isEmpty(): boolean {
    return this.bytes === undefined;
  }

  keep(more: Uint8Array): void {
    const { bytes } = this;
    if (bytes === undefined) this.bytes = more;
    else {
      const joined = new Uint8Array(bytes.length + more.length);
      joined.set(bytes);
      joined.set(more, bytes.length);
      this.bytes = joined;
    }
    if (this.holdsClient || (this.bytes as Uint8Array).length < readAheadMaxBytes) return;
    this.holdsClient = true;
    this.client.shutValve();
  }

  /** Everything that was kept; the client is read again. */
  take(): Uint8Array {
    const bytes = this.bytes ?? nothing;
    this.bytes = undefined;
    if (this.holdsClient) {
      this.holdsClient = false;
      this.client.openValve();
    }
    return bytes;
  }
}

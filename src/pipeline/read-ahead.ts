// Bytes that a client sent before they can be looked at: behind the request in progress, or its body while it waits.
//
// Bounded: beyond a limit the client isn't read until somebody takes them. What is taken and kept again in part isn't
// copied, and what is added is copied once, however small the pieces are. A buffer that was handed out is only ever added
// to, since others may hold pieces of it.
import type { Transport } from "../net/transport.ts";

const nothing = new Uint8Array(0);
const initialBytes = 4096;

export class ReadAhead {
  private buffer: Uint8Array = nothing;
  private start = 0;
  private end = 0;
  /** There is room behind `end`, and nobody else writes there. */
  private isOwn = false;
  private holdsClient = false;

  constructor(private readonly client: Transport) {}

  get isEmpty(): boolean {
    return this.start === this.end;
  }

  /** Keeps bytes behind those that are kept; from `maxBytes` on the client isn't read. */
  keep(more: Uint8Array, maxBytes: number): void {
    if (more.length === 0) return;
    if (this.isEmpty) this.begin(more);
    else this.append(more);
    if (this.holdsClient || this.end - this.start < maxBytes) return;
    this.holdsClient = true;
    this.client.shutValve();
  }

  /** Everything that was kept; the client is read again. */
  take(): Uint8Array {
    const bytes = this.isEmpty ? nothing : this.buffer.subarray(this.start, this.end);
    this.start = this.end;
    if (this.holdsClient) {
      this.holdsClient = false;
      this.client.openValve();
    }
    return bytes;
  }

  /** Lets the buffer go; only when nothing is kept. */
  forget(): void {
    this.buffer = nothing;
    this.start = 0;
    this.end = 0;
    this.isOwn = false;
  }

  private begin(more: Uint8Array): void {
    const isTail =
      this.isOwn &&
      more.buffer === this.buffer.buffer &&
      more.byteOffset + more.length === this.buffer.byteOffset + this.end;
    if (isTail) {
      this.start = this.end - more.length;
      return;
    }
    this.buffer = more;
    this.start = 0;
    this.end = more.length;
    this.isOwn = false;
  }

  private append(more: Uint8Array): void {
    const needed = this.end + more.length;
    if (!this.isOwn || needed > this.buffer.length) {
      const kept = this.buffer.subarray(this.start, this.end);
      const larger = new Uint8Array(Math.max(initialBytes, 2 * (kept.length + more.length)));
      larger.set(kept);
      this.buffer = larger;
      this.start = 0;
      this.end = kept.length;
      this.isOwn = true;
    }
    this.buffer.set(more, this.end);
    this.end += more.length;
  }
}

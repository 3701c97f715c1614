// One end of a raw TCP connection for tests: everything it receives is kept and taken by the test in order, everything
// it sends waits for the kernel, and it knows how the other side ended. RawClient and FakeInstance's connections are
// both made of it. It never interprets bytes and never closes by itself.
import type { Socket } from "bun";
import { within } from "./eventually.ts";

/** How the connection stands: the other side's FIN is `eof`, its RST `reset`; `closed` is this side's own doing. */
export type Ending = "open" | "eof" | "reset" | "closed";

/** The count and the SHA-256 of a stream of bytes. */
export interface StreamDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** Thrown when the connection ended before what the test waited for arrived; `partial` is what did. */
export class CutError extends Error {
  override readonly name = "CutError";
  constructor(
    readonly ending: Ending,
    readonly partial: Buffer,
    wanted: string,
  ) {
    super(`connection ended (${ending}) before ${wanted}; had ${describeBytes(partial)}`);
  }
}

const describeBytes = (bytes: Uint8Array): string =>
  `${bytes.length} bytes ${JSON.stringify(Buffer.from(bytes.subarray(0, 200)).toString("latin1"))}`;

const toBytes = (data: string | Uint8Array): Uint8Array =>
  typeof data === "string" ? Buffer.from(data, "latin1") : data;

const WAIT_MS = 10_000;

/** One end of a raw TCP connection. */
export class ByteEnd implements Disposable {
  /** How the other side stands. */
  ending: Ending = "open";
  /** The error code of a reset, where the system gave one. */
  resetCode: string | undefined;
  /** Every byte received so far, taken or not. */
  receivedBytes = 0;
  /** Every byte that the kernel accepted so far. */
  sentBytes = 0;
  /** Whether all received bytes are also kept in `recorded` (off while a sink hashes). */
  readonly recorded: Array<Buffer> = [];
  /** The address and port of this end, copied when it opened. */
  localPort = 0;
  remotePort = 0;
  remoteAddress = "";
  #socket: Socket<unknown> | undefined;
  #chunks: Array<Buffer> = [];
  #availableBytes = 0;
  #sink: ((chunk: Buffer) => Buffer | undefined) | undefined;
  #sending: Promise<void> = Promise.resolve();
  #wakers = new Set<() => void>();
  #isDone = false;

  /** Called from the socket's `open`. */
  attach(socket: Socket<unknown>): void {
    this.#socket = socket;
    this.localPort = socket.localPort;
    this.remotePort = socket.remotePort;
    this.remoteAddress = socket.remoteAddress;
  }

  /** The bytes received and not yet taken. */
  get availableBytes(): number {
    return this.#availableBytes;
  }

  /** Whether neither direction can carry anything any more. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Called from the socket's `data`. */
  onData(chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    const rest = this.#sink === undefined ? chunk : this.#sink(chunk);
    if (rest !== undefined && rest.length > 0) {
      this.recorded.push(rest);
      this.#chunks.push(rest);
      this.#availableBytes += rest.length;
    }
    this.#wake();
  }

  /** Called from the socket's `end`: the other side's FIN. */
  onEnd(): void {
    if (this.ending === "open") this.ending = "eof";
    this.#wake();
  }

  /** Called from the socket's `close`; without an error and after our own half-close it is the other side's FIN. */
  onClose(error: unknown): void {
    this.#isDone = true;
    if (error !== undefined && error !== null) {
      this.ending = "reset";
      this.resetCode = (error as { code?: string }).code;
    } else if (this.ending === "open") this.ending = "eof";
    this.#wake();
  }

  /** Called from the socket's `drain`. */
  onDrain(): void {
    this.#wake();
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker();
  }

  /** Waits until `check` holds, looking again at each event of the socket. */
  waitFor(check: () => boolean, what: string, timeoutMs = WAIT_MS): Promise<void> {
    if (check()) return Promise.resolve();
    let waker: () => void;
    const held = new Promise<void>((resolve) => {
      waker = () => check() && resolve();
      this.#wakers.add(waker);
    });
    return within(held, timeoutMs, () => `waited for ${what}: ${this.describe()}`).finally(() =>
      this.#wakers.delete(waker),
    );
  }

  /** One line about the state of this end, for failures. */
  describe(): string {
    return `${this.ending}, sent ${this.sentBytes} B, received ${this.receivedBytes} B, untaken ${describeBytes(this.peek())}`;
  }

  /** The untaken bytes, left in place. */
  peek(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #take(length: number): Buffer {
    const all = this.peek();
    this.#availableBytes -= length;
    this.#chunks = length < all.length ? [all.subarray(length)] : [];
    return all.subarray(0, length);
  }

  /** Takes exactly `length` bytes; fails with CutError when the connection ends first. */
  async takeBytes(length: number, timeoutMs = WAIT_MS): Promise<Buffer> {
    await this.waitFor(() => this.#availableBytes >= length || this.ending !== "open", `${length} bytes`, timeoutMs);
    if (this.#availableBytes < length) throw new CutError(this.ending, this.peek(), `${length} bytes came`);
    return this.#take(length);
  }

  /** Takes up to and including `pattern`; fails with CutError when the connection ends first. */
  async takeUntil(pattern: string, timeoutMs = WAIT_MS): Promise<Buffer> {
    const needle = Buffer.from(pattern, "latin1");
    let at = -1;
    await this.waitFor(
      () => {
        at = this.peek().indexOf(needle);
        return at >= 0 || this.ending !== "open";
      },
      JSON.stringify(pattern),
      timeoutMs,
    );
    if (at < 0) throw new CutError(this.ending, this.peek(), `${JSON.stringify(pattern)} came`);
    return this.#take(at + needle.length);
  }

  /** Takes everything up to the other side's FIN; a reset is a CutError. */
  async takeToEnd(timeoutMs = WAIT_MS): Promise<Buffer> {
    await this.waitFor(() => this.ending !== "open", "the end", timeoutMs);
    if (this.ending !== "eof") throw new CutError(this.ending, this.peek(), "a clean end");
    return this.#take(this.#availableBytes);
  }

  /** Takes whatever is there now. */
  takeAvailable(): Buffer {
    return this.#take(this.#availableBytes);
  }

  /** Waits for the other side to end, and says how. */
  async receiveEnd(timeoutMs = WAIT_MS): Promise<Ending> {
    await this.waitFor(() => this.ending !== "open", "the end", timeoutMs);
    return this.ending;
  }

  /** Takes the next `length` bytes (default: up to the other side's FIN) without keeping them, and hashes them. */
  async digest(length = Number.POSITIVE_INFINITY, timeoutMs = 60_000): Promise<StreamDigest> {
    const hasher = new Bun.CryptoHasher("sha256");
    let bytes = 0;
    const swallow = (chunk: Buffer): Buffer | undefined => {
      const wanted = Math.min(chunk.length, length - bytes);
      hasher.update(wanted === chunk.length ? chunk : chunk.subarray(0, wanted));
      bytes += wanted;
      if (bytes < length) return undefined;
      this.#sink = undefined;
      return chunk.subarray(wanted);
    };
    const rest = swallow(this.#take(this.#availableBytes));
    if (rest !== undefined && rest.length > 0) {
      this.#chunks = [rest];
      this.#availableBytes = rest.length;
    }
    if (bytes < length) this.#sink = swallow;
    await this.waitFor(() => bytes >= length || this.ending !== "open", `a stream of ${length} bytes`, timeoutMs);
    this.#sink = undefined;
    const isWhole = length === Number.POSITIVE_INFINITY ? this.ending === "eof" : bytes >= length;
    if (!isWhole) throw new CutError(this.ending, this.peek(), `${length} bytes came (${bytes} did)`);
    return { bytes, sha256: hasher.digest("hex") };
  }

  /** Sends all of `data`; resolves once the kernel has it. Fails when the connection is gone. */
  send(data: string | Uint8Array): Promise<void> {
    const sent = this.#sending.then(() => this.#sendNow(toBytes(data)));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  async #sendNow(bytes: Uint8Array): Promise<void> {
    let offset = 0;
    for (;;) {
      const accepted = this.#isDone ? -1 : this.#socket!.write(offset === 0 ? bytes : bytes.subarray(offset));
      if (accepted < 0) throw new Error(`send on an ended connection: ${this.describe()}`);
      offset += accepted;
      this.sentBytes += accepted;
      if (offset >= bytes.length) return;
      // Drains may be spurious, so the loop decides by what `write` accepts.
      await new Promise<void>((resolve) => {
        const waker = () => {
          this.#wakers.delete(waker);
          resolve();
        };
        this.#wakers.add(waker);
      });
    }
  }

  /** Sends `data` in pieces of `pieceBytes`, letting the event loop turn (and `gapMs` pass) between them. */
  async sendSlowly(data: string | Uint8Array, pieceBytes = 1, gapMs = 0): Promise<void> {
    const bytes = toBytes(data);
    for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
      await this.send(bytes.subarray(offset, offset + pieceBytes));
      await Bun.sleep(gapMs);
    }
  }

  /** Sends FIN after what was sent before; reading goes on. */
  async halfClose(): Promise<void> {
    await this.#sending;
    this.#socket!.shutdown();
  }

  /** Closes both directions after what was sent before. */
  async close(): Promise<void> {
    await this.#sending;
    this.#end(() => this.#socket!.end());
  }

  /** Sends RST at once. */
  reset(): void {
    this.#end(() => this.#socket!.terminate());
  }

  /** Leaves at once, however things stand; for the end of a test. */
  dispose(): void {
    if (!this.#isDone) this.reset();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #end(how: () => void): void {
    if (this.#isDone) return;
    if (this.ending === "open") this.ending = "closed";
    how();
  }

  /** Stops taking bytes from the kernel, so that the other side's sends pile up. */
  pauseReading(): void {
    this.#socket!.pause();
  }

  /** Takes bytes from the kernel again. */
  resumeReading(): void {
    this.#socket!.resume();
  }
}

/** The handlers that feed the ByteEnd in `socket.data`; shared by clients and instances. */
export const byteEndHandlers = {
  data: (socket: Socket<ByteEnd>, chunk: Buffer) => socket.data.onData(chunk),
  end: (socket: Socket<ByteEnd>) => socket.data.onEnd(),
  drain: (socket: Socket<ByteEnd>) => socket.data.onDrain(),
  close: (socket: Socket<ByteEnd>, error?: unknown) => socket.data.onClose(error),
  error: (socket: Socket<ByteEnd>, error: unknown) => {
    socket.data.onClose(error);
    socket.terminate();
  },
};

// A service manager's end of NOTIFY_SOCKET: a datagram socket over the file system or an abstract name, read through the
// C library, since Bun has none. It only listens; what messages mean is the test's affair.
import { dlopen, FFIType } from "bun:ffi";
import { eventually } from "./eventually.ts";

const { i32, i64_fast, ptr, u32, u64 } = FFIType;
const libraries = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
const symbols = {
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, ptr, u32], returns: i32 },
  recv: { args: [i32, ptr, u64, i32], returns: i64_fast },
  close: { args: [i32], returns: i32 },
} as const;

const open = () => {
  for (const name of libraries) {
    try {
      return dlopen(name, symbols).symbols;
    } catch {
      // The other C library's, then.
    }
  }
  throw new Error("no C library");
};

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0x80002;
const MSG_DONTWAIT = 0x40;

/** A socket that takes messages, as systemd does. */
export class NotifyReceiver implements Disposable {
  /** Everything that has come, in order; each message is its lines. */
  readonly messages: Array<ReadonlyArray<string>> = [];
  private readonly system = open();
  private readonly fd: number;

  /** `name` is a path that isn't there yet, or `@` and an abstract name. */
  constructor(readonly name: string) {
    this.fd = this.system.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    const path = Buffer.from(name.startsWith("@") ? `\0${name.slice(1)}` : `${name}\0`);
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), path]);
    if (this.system.bind(this.fd, address, address.length) !== 0) throw new Error(`can't bind ${name}`);
  }

  /** Takes what has come. */
  read(): ReadonlyArray<ReadonlyArray<string>> {
    const buffer = new Uint8Array(4096);
    for (let message = 0; message < 10_000; message++) {
      const length = Number(this.system.recv(this.fd, buffer, buffer.length, MSG_DONTWAIT));
      if (length < 0) break;
      this.messages.push(new TextDecoder().decode(buffer.subarray(0, length)).split("\n"));
    }
    return this.messages;
  }

  /** Waits for a message, behind the first `after` ones, with a line like this. */
  async hears(pattern: RegExp, after = 0): Promise<ReadonlyArray<string>> {
    return await eventually(
      () =>
        this.read()
          .slice(after)
          .find((lines) => lines.some((line) => pattern.test(line))),
      {
        what: `a message like ${pattern}; so far ${JSON.stringify(this.messages)}`,
        timeoutMs: 10_000,
      },
    );
  }

  [Symbol.dispose](): void {
    this.system.close(this.fd);
  }
}

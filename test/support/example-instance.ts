// The server of examples/instance.ts as a process of its own: an instance that can really be killed, stopped and started.
import { resolve } from "node:path";
import type { Subprocess } from "bun";
import { within } from "./eventually.ts";
import { endProgram } from "./program.ts";

const script = resolve(import.meta.dir, "../../examples/instance.ts");

/** An instance in a process of its own; it answers with its name, see `examples/instance.ts`. */
export class ExampleInstance implements AsyncDisposable {
  private constructor(
    private readonly process: Subprocess<"ignore", "pipe", "inherit">,
    readonly name: string,
    readonly port: number,
  ) {}

  /** Starts it on `port` (default: any free one) and waits until it listens. */
  static async start(name: string, port = 0): Promise<ExampleInstance> {
    const child = Bun.spawn([process.execPath, script, name, String(port)], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    try {
      const reader = child.stdout.getReader();
      const first = await within(reader.read(), 15_000, () => `${name} printed nothing`);
      const [, printed] = /:(\d+)\n$/.exec(Buffer.from(first.value ?? []).toString()) ?? [];
      if (printed === undefined) throw new Error(`${name} printed no port`);
      return new ExampleInstance(child, name, Number(printed));
    } catch (error) {
      await endProgram(child);
      throw error;
    }
  }

  /** Asks it directly, past any load balancer, such as `/slow?ms=300`. */
  async tell(path: string): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { headers: { connection: "close" } });
    await response.text();
  }

  /** Sends it a signal: SIGKILL ends it, SIGSTOP makes it silent, SIGCONT lets it go on. */
  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** Waits for its end. */
  async ended(): Promise<void> {
    await within(this.process.exited, 10_000, () => `${this.name} did not end`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProgram(this.process);
  }
}

// The command line of elbow as a child process, from source or from a binary: its arguments, its two output streams, and
// its exit code. Ends by pid only. Where a test wants a running load balancer and no command line, see elbow-process.ts.
import { resolve } from "node:path";
import type { Subprocess } from "bun";
import { eventually, within } from "./eventually.ts";

const root = resolve(import.meta.dir, "../..");

/** How the command line is started from source. */
export const fromSource: ReadonlyArray<string> = [process.execPath, resolve(root, "src/main.ts")];

/** Where and how to start a command. */
export interface CommandOptions {
  readonly program?: ReadonlyArray<string>;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command that runs or has ended. */
export class ElbowCommand implements AsyncDisposable {
  stdout = "";
  stderr = "";
  readonly #read: Promise<unknown>;

  private constructor(readonly process: Subprocess<"ignore", "pipe", "pipe">) {
    this.#read = Promise.all([
      this.#collect(process.stdout, (text) => {
        this.stdout += text;
      }),
      this.#collect(process.stderr, (text) => {
        this.stderr += text;
      }),
    ]);
  }

  async #collect(stream: ReadableStream<Uint8Array>, append: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) append(decoder.decode(chunk, { stream: true }));
  }

  /** Starts it and returns at once. */
  static start(args: ReadonlyArray<string>, options: CommandOptions = {}): ElbowCommand {
    return new ElbowCommand(
      Bun.spawn([...(options.program ?? fromSource), ...args], {
        cwd: options.cwd ?? root,
        // What the test's own package script left in the environment must not look like elbow's.
        env: {
          ...process.env,
          npm_lifecycle_script: undefined,
          NO_COLOR: "1",
          ELBOW_LOG_FORMAT: "human",
          ...options.env,
        },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      }),
    );
  }

  /** Starts it and waits for the start-up table. */
  static async serving(args: ReadonlyArray<string>, options: CommandOptions = {}): Promise<ElbowCommand> {
    const command = ElbowCommand.start(args, options);
    try {
      await command.says(/^elbow [^\n]+\n\n(?: {2}[^\n]+\n)+/, "stdout", 15_000);
    } catch (error) {
      await command[Symbol.asyncDispose]();
      throw error;
    }
    return command;
  }

  /** Runs it to its end. */
  static async run(args: ReadonlyArray<string>, options: CommandOptions = {}) {
    await using command = ElbowCommand.start(args, options);
    const exitCode = await command.exitCode(15_000);
    return { exitCode, stdout: command.stdout, stderr: command.stderr };
  }

  /** Waits until one of its streams matches. */
  async says(pattern: RegExp, stream: "stdout" | "stderr" = "stderr", timeoutMs = 5_000): Promise<void> {
    await eventually(
      () => {
        if (pattern.test(this[stream])) return true;
        if (this.process.exitCode !== null) throw new Error(`ended with ${this.process.exitCode}: ${this.all}`);
        throw new Error(`so far: ${this.all}`);
      },
      { what: `${stream} like ${pattern}`, timeoutMs },
    );
  }

  /** Both streams, for messages. */
  get all(): string {
    return `${this.stdout}${this.stderr}`;
  }

  /** The ports of the last start-up table that it printed, in its order; the last is the management server's. */
  get ports(): ReadonlyArray<number> {
    const table = this.stdout.slice(this.stdout.lastIndexOf("  LISTENS ON"));
    return [...table.matchAll(/^ {2}\S+:(\d+) {2}/gm)].map(([, port]) => Number(port));
  }

  /** Waits for its end, and for everything that it wrote. */
  async exitCode(timeoutMs = 10_000): Promise<number> {
    const code = await within(this.process.exited, timeoutMs, () => `no end; it said: ${this.all}`);
    await this.#read;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    await this.process.exited;
    await this.#read;
  }
}

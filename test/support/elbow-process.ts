// elbow as a process of its own, started from its command line with a configuration file in a folder of its own: for
// signals, exit codes and memory. Ends by pid only.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Subprocess } from "bun";
import { eventually, within } from "./eventually.ts";
import { freePort } from "./port.ts";

const MAIN = resolve(import.meta.dir, "../../src/main.ts");

/** The written shape of a load balancer, as it goes into the file. */
export interface WrittenFile {
  readonly shutdownGrace?: number;
  readonly watch?: boolean;
  readonly maxConnections?: number;
  readonly instances?: Record<string, unknown>;
  readonly loadBalancers: Record<string, unknown>;
}

/** Memory of a process in bytes: resident now, and the most it ever was. */
export const processMemory = (pid: number): { readonly residentBytes: number; readonly peakBytes: number } => {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  return { residentBytes: read("VmRSS"), peakBytes: read("VmHWM") };
};

/** elbow as a process. */
export class ElbowProcess implements AsyncDisposable {
  #output = "";

  private constructor(
    readonly process: Subprocess<"ignore", "pipe", "pipe">,
    readonly file: string,
    private readonly folder: string,
    readonly managementPort: number,
  ) {
    for (const stream of [process.stdout, process.stderr]) void this.#collect(stream);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) this.#output += Buffer.from(chunk).toString();
  }

  /** Starts it and waits until its management server says that it serves, or, where asked so, that it starts. */
  static async start(
    written: WrittenFile,
    options: { readonly descriptorLimit?: number; readonly until?: "starting" | "serving" } = {},
  ): Promise<ElbowProcess> {
    const folder = mkdtempSync(join(tmpdir(), "elbow-test-"));
    const file = join(folder, "elbow.json");
    const managementPort = freePort();
    const management = { address: "127.0.0.1", port: managementPort };
    writeFileSync(file, JSON.stringify({ management, ...written }));
    const command = [process.execPath, MAIN, "run", "--config", file];
    const limited = ["sh", "-c", `ulimit -n ${options.descriptorLimit}; exec "$@"`, "sh", ...command];
    const child = Bun.spawn(options.descriptorLimit === undefined ? command : limited, {
      cwd: folder,
      env: { ...process.env, ELBOW_LOG_FORMAT: "human" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const elbow = new ElbowProcess(child, file, folder, managementPort);
    try {
      await eventually(
        async () => {
          if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode}`);
          const { status } = await fetch(`http://127.0.0.1:${managementPort}/healthz`);
          return status === (options.until === "starting" ? 503 : 200);
        },
        { what: "elbow's start", timeoutMs: 15_000 },
      );
    } catch (error) {
      await elbow[Symbol.asyncDispose]();
      throw new Error(`${(error as Error).message}\n${elbow.output}`);
    }
    return elbow;
  }

  /** Everything it printed so far, on both streams. */
  get output(): string {
    return this.#output;
  }

  /** Its memory now and at its peak. */
  memory(): ReturnType<typeof processMemory> {
    return processMemory(this.process.pid);
  }

  /** Rewrites its configuration file. */
  write(written: WrittenFile): void {
    const management = { address: "127.0.0.1", port: this.managementPort };
    writeFileSync(this.file, JSON.stringify({ management, ...written }));
  }

  /** Rewrites its configuration file and sends SIGHUP. */
  reload(written: WrittenFile): void {
    this.write(written);
    this.process.kill("SIGHUP");
  }

  /** Sends a signal to it. */
  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** Waits for its end and says with which code. */
  exitCode(timeoutMs = 10_000): Promise<number> {
    return within(this.process.exited, timeoutMs, () => `elbow did not exit; it said: ${this.#output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    await this.process.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

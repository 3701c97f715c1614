// The command line of elbow on a terminal of its own, a pseudo-terminal: what stands on its screen, what it was told in
// colours, and what Ctrl-C leaves. Ends by pid only. Without a terminal, see elbow-command.ts.
import type { Subprocess } from "bun";
import { fromSource } from "./elbow-command.ts";
import { eventually, within } from "./eventually.ts";

/** How big the terminal is, and what the command finds in its environment. */
export interface TerminalOptions {
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command on a terminal. */
export class TerminalCommand implements AsyncDisposable {
  /** All that it wrote, as it was written. */
  written = "";

  private constructor(readonly process: Subprocess) {}

  /** Starts it and returns at once. */
  static start(args: ReadonlyArray<string>, { cwd, columns = 100, rows = 40, env }: TerminalOptions): TerminalCommand {
    const decoder = new TextDecoder();
    const command: TerminalCommand = new TerminalCommand(
      Bun.spawn([...fromSource, ...args], {
        cwd,
        env: { ...process.env, npm_lifecycle_script: undefined, NO_COLOR: undefined, TERM: "xterm", ...env },
        terminal: {
          cols: columns,
          rows,
          data: (_, chunk) => {
            command.written += decoder.decode(chunk, { stream: true });
          },
        },
      }),
    );
    return command;
  }

  /** The lines that stand on the screen now, without colour: of the sequences that elbow uses, not of all there are. */
  get screen(): ReadonlyArray<string> {
    const lines: Array<string> = [""];
    let row = 0;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what moves the cursor.
    for (const [token, up] of this.written.matchAll(/\x1b\[(?:(\d+)F|[?\d]*[A-Za-z])|\r?\n|[^\x1b\r\n]+/g)) {
      if (up !== undefined) row = Math.max(0, row - Number(up));
      else if (token === "\x1b[J") lines.splice(row, lines.length - row, "");
      else if (token.endsWith("\n")) row++;
      else if (!token.startsWith("\x1b")) lines[row] = (lines[row] ?? "") + token;
    }
    return lines.map((line) => line ?? "");
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.process.terminal?.write("\x03");
  }

  /** Waits until its screen shows something. */
  shows(pattern: RegExp, timeoutMs = 10_000): Promise<unknown> {
    return eventually(
      () => {
        if (pattern.test(this.screen.join("\n"))) return true;
        if (this.process.exitCode !== null) throw new Error(`ended with ${this.process.exitCode}: ${this.written}`);
        throw new Error(`so far: ${JSON.stringify(this.written)}`);
      },
      { what: `a screen like ${pattern}`, timeoutMs },
    );
  }

  /** Waits for its end. */
  exitCode(timeoutMs = 10_000): Promise<number> {
    return within(this.process.exited, timeoutMs, () => `no end; it said: ${this.written}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    await this.process.exited;
    this.process.terminal?.close();
  }
}

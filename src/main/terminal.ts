// What effect/cli asks of its surroundings, from Effect's core alone: arguments, a terminal to print on, no file system
// and no child processes. It also owns how help and mistakes are shown: help is data and goes to standard output, a
// mistake is one line on standard error. It never parses anything.

import { Console, Effect, FileSystem, Layer, Option, Path, Sink, Stdio, Stream, Terminal } from "effect";
import { CliConfig, CliOutput, GlobalFlag, type HelpDoc } from "effect/cli";
import { ChildProcessSpawner } from "effect/process";

const unused = (what: string) => Effect.die(new Error(`the command line of elbow has no use for ${what}`));

const layerStdio = (args: ReadonlyArray<string>): Layer.Layer<Stdio.Stdio> =>
  Layer.succeed(
    Stdio.Stdio,
    Stdio.make({
      args: Effect.succeed(args),
      // Help and mistakes go through Effect's Console; nothing streams.
      stdout: () => Sink.drain,
      stderr: () => Sink.drain,
      stdin: Stream.empty,
    }),
  );

const layerTerminal: Layer.Layer<Terminal.Terminal> = Layer.succeed(
  Terminal.Terminal,
  Terminal.make({
    columns: Effect.sync(() => process.stdout.columns ?? 80),
    rows: Effect.sync(() => process.stdout.rows ?? 24),
    size: unused("the size of the terminal"),
    readInput: unused("keys"),
    readLine: unused("input"),
    display: () => unused("prompts"),
  }),
);

// effect/cli lists the choices of a flag twice, in its name and in its description; the first is enough.
const withoutChoices = (flag: HelpDoc.FlagDoc): HelpDoc.FlagDoc => ({
  ...flag,
  description: Option.map(flag.description, (text) => text.replace(/ ?\(choices: [^)]*\)/, "")),
});

// A mistake is one line, its proposals included, whatever effect/cli lays out over several.
const joinLines = (message: string): string =>
  message
    .trim()
    .replace(/\s*\n\s*Did you mean this\?\s*\n\s*(.*)$/s, (_, names: string) => {
      const proposals = names.trim().split(/\s*\n\s*/);
      return `; did you mean ${proposals.join(" or ")}?`;
    })
    .replaceAll(/\s*\n\s*/g, " ");

const isTerminal = process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "";

const formatter = CliOutput.defaultFormatter({ colors: isTerminal, globalFlags: "summary" });

/** Shows help whole on standard output, and a mistake as lines on standard error with the way to the help. */
export const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag === "Version") return Console.log(formatter.formatVersion(event.name, event.version));
    if (event._tag === "Help") {
      const { flags, globalFlags, ...rest } = event.helpDoc;
      return Console.log(
        formatter.formatHelpDoc({
          ...rest,
          flags: flags.map(withoutChoices),
          ...(globalFlags === undefined ? {} : { globalFlags: globalFlags.map(withoutChoices) }),
        }),
      );
    }
    const mistakes = event.errors.map((error) => `elbow: ${joinLines(error.message)}`);
    return Console.error([...mistakes, `Run '${event.commandPath.join(" ")} --help' for what is possible.`].join("\n"));
  },
};

/** Everything that a command of effect/cli needs to run with these arguments. */
export const layerCommandLine = (args: ReadonlyArray<string>) =>
  Layer.mergeAll(
    FileSystem.layerNoop({}),
    Path.layer,
    layerStdio(args),
    layerTerminal,
    Layer.succeed(
      ChildProcessSpawner.ChildProcessSpawner,
      ChildProcessSpawner.make(() => unused("child processes")),
    ),
    CliConfig.layer({
      // `--log-level` is elbow's own and for what serves alone, see main/log-settings.ts.
      builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions],
    }),
    CliOutput.layerPresenter(presenter),
  );

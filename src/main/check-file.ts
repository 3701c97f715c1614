// The work of `elbow check`: loads a file as `run` would, only that a certificate must be valid today, and prints every
// problem, or that it is sound and what is worth a word all the same. All of that is the command's data and goes to
// standard output. It never binds a port and never resolves a name.

import { Clock, Effect } from "effect";
import { loadConfiguration } from "../control/configuration/load.ts";
import type { Problem } from "../control/configuration/problem.ts";
import { findRemarks } from "../control/configuration/remarks.ts";
import type { Configuration } from "../model/configuration.ts";
import { maskKeys } from "../model/key-text.ts";
import { printable } from "../observe/log.ts";
import { CommandFailure } from "./command-failure.ts";

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** One line for a sound configuration, so that a person sees that the right file was read. */
const describeConfiguration = ({ loadBalancers }: Configuration): string => {
  const listeners = loadBalancers.reduce((sum, loadBalancer) => sum + loadBalancer.listeners.length, 0);
  const instances = loadBalancers.reduce((sum, loadBalancer) => sum + loadBalancer.instances.length, 0);
  return [
    count(loadBalancers.length, "load balancer"),
    count(listeners, "listener"),
    count(instances, "instance"),
  ].join(", ");
};

/** Checks a file; fails with exit code 1 after printing the problems, as text or as JSON. */
export const checkFile = Effect.fnUntraced(function* (
  path: string,
  isJson: boolean,
): Effect.fn.Return<void, CommandFailure> {
  const configuration = yield* loadConfiguration(path, { refuseExpired: true }).pipe(
    Effect.mapError((error) => {
      print(isJson, error.message, { file: path, isSound: false, problems: error.problems, notes: [] });
      return new CommandFailure({
        text: `elbow: ${path} has ${count(error.problems.length, "problem")}`,
        exitCode: 1,
      });
    }),
  );
  const notes = yield* findRemarks(configuration, yield* Clock.currentTimeMillis);
  const lines = [`${path} is sound: ${describeConfiguration(configuration)}`, ...notes.map((text) => `note: ${text}`)];
  print(isJson, lines.join("\n"), { file: path, isSound: true, problems: [], notes });
});

/** What a script is told of a check. */
interface CheckReport {
  readonly file: string;
  readonly isSound: boolean;
  readonly problems: ReadonlyArray<Problem>;
  readonly notes: ReadonlyArray<string>;
}

const print = (isJson: boolean, text: string, report: CheckReport): void => {
  // No key is repeated, in JSON either: a text in the wrong place may be one.
  const mask = (_: string, value: unknown): unknown => (typeof value === "string" ? maskKeys(value) : value);
  process.stdout.write(`${isJson ? JSON.stringify(report, mask, 2) : printable(text)}\n`);
};

// The work of `elbow check`: loads a file as `run` would and prints every problem, or one line when it is sound. The
// problems are the command's data and go to standard output. It never binds a port and never resolves a name.

import { Effect } from "effect";
import { loadConfiguration } from "../control/configuration/load.ts";
import type { Configuration } from "../model/configuration.ts";
import { CommandFailure } from "./command-failure.ts";

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** One line for a sound configuration, so that a person sees that the right file was read. */
export const describeConfiguration = ({ loadBalancers }: Configuration): string => {
  const listeners = loadBalancers.reduce((sum, loadBalancer) => sum + loadBalancer.listeners.length, 0);
  const instances = loadBalancers.reduce((sum, loadBalancer) => sum + loadBalancer.instances.length, 0);
  return [
    count(loadBalancers.length, "load balancer"),
    count(listeners, "listener"),
    count(instances, "instance"),
  ].join(", ");
};

/** Checks a file; fails with exit code 1 after printing the problems. */
export const checkFile = Effect.fnUntraced(function* (path: string): Effect.fn.Return<void, CommandFailure> {
  const configuration = yield* loadConfiguration(path).pipe(
    Effect.mapError((error) => {
      process.stdout.write(`${error.message}\n`);
      return new CommandFailure({
        text: `elbow: ${path} has ${count(error.problems.length, "problem")}`,
        exitCode: 1,
      });
    }),
  );
  process.stdout.write(`${path} is sound: ${describeConfiguration(configuration)}\n`);
});

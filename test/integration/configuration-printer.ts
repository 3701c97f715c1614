// A process that loads a configuration file whenever it is told to, as elbow does at a SIGHUP: for each line of its
// input it prints one line of JSON, the first listener's port or the problems. Run by bun, and compiled.
import { Effect, Result } from "effect";
import { loadConfiguration } from "../../src/control/configuration/load.ts";

const path = process.argv[2] ?? "";

for await (const _ of console) {
  const result = await Effect.runPromise(Effect.result(loadConfiguration(path)));
  const answer = Result.isSuccess(result)
    ? { port: result.success.loadBalancers[0]?.listeners[0]?.port }
    : { problems: result.failure.message };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

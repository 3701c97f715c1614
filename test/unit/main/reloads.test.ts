import { expect, test } from "bun:test";
import { Deferred, Effect, Fiber } from "effect";
import { CommandFailure } from "../../../src/main/command-failure.ts";
import { Reloads } from "../../../src/main/reloads.ts";
import { observeEvents } from "../../../src/observe/events.ts";

const silent = () => Effect.void;

test("requests while one runs are one more, and each hears how its own ended", async () => {
  const reloads = new Reloads();
  const gate = Deferred.makeUnsafe<void>();
  let runs = 0;
  const reload = Effect.suspend(() => (++runs === 1 ? Deferred.await(gate) : Effect.void));
  const causes = await Effect.runPromise(
    Effect.gen(function* () {
      const serving = yield* Effect.forkChild(reloads.serve(reload, silent), { startImmediately: true });
      const first = yield* Effect.forkChild(reloads.request("SIGHUP"), { startImmediately: true });
      const others = yield* Effect.forkChild(
        Effect.all([reloads.request("API"), reloads.request("file"), reloads.request("SIGHUP")], {
          concurrency: "unbounded",
        }),
        { startImmediately: true },
      );
      yield* Deferred.succeed(gate, undefined);
      const reports = [yield* Fiber.join(first), ...(yield* Fiber.join(others))];
      yield* Fiber.interrupt(serving);
      return reports.map(({ cause }) => cause);
    }),
  );
  expect([runs, causes]).toEqual([2, ["SIGHUP", "API", "API", "API"]]);
});

test("a refusal is kept, counted and told, and the next one can succeed", async () => {
  const reloads = new Reloads();
  const events: Array<string> = [];
  const stop = observeEvents(({ type, message }) => void events.push(`${type}: ${message}`));
  const failures = [
    new CommandFailure({ text: "elbow: it can't be used:\none\ntwo", exitCode: 1, problems: ["one", "two"] }),
    new CommandFailure({ text: "elbow: the port is taken", exitCode: 1 }),
  ];
  const reload = Effect.suspend(() => {
    const failure = failures.shift();
    return failure === undefined ? Effect.void : Effect.fail(failure);
  });
  const told: Array<boolean> = [];
  expect(reloads.last).toBeUndefined();
  const reports = await Effect.runPromise(
    Effect.gen(function* () {
      const tell = (_: unknown, failure: CommandFailure | undefined) =>
        Effect.sync(() => void told.push(failure === undefined));
      const serving = yield* Effect.forkChild(reloads.serve(reload, tell), { startImmediately: true });
      const three = [yield* reloads.request("file"), yield* reloads.request("API"), yield* reloads.request("file")];
      yield* Fiber.interrupt(serving);
      return three;
    }),
  );
  stop();
  expect(reports.map(({ isApplied, problems }) => [isApplied, problems])).toEqual([
    [false, ["one", "two"]],
    [false, ["the port is taken"]],
    [true, []],
  ]);
  expect(reloads.last).toBe(reports[2]);
  expect(told).toEqual([false, false, true]);
  expect(events).toEqual([
    "reload: reload refused (file): one; two",
    "reload: reload refused (API): the port is taken",
    "reload: reloaded (file)",
  ]);
  expect(reloads.readMetrics()[0]?.samples.map(({ value }) => value)).toEqual([1, 2]);
});

test("the end of the process answers whoever waits for a reload, and whoever asks for one after that", async () => {
  const reloads = new Reloads();
  const reports = await Effect.runPromise(
    Effect.gen(function* () {
      const serving = yield* Effect.forkChild(reloads.serve(Effect.never, silent), { startImmediately: true });
      const running = yield* Effect.forkChild(reloads.request("SIGHUP"), { startImmediately: true });
      yield* Effect.yieldNow;
      const waiting = yield* Effect.forkChild(reloads.request("API"), { startImmediately: true });
      yield* Fiber.interrupt(serving);
      return [yield* Fiber.join(running), yield* Fiber.join(waiting), yield* reloads.request("file")];
    }).pipe(Effect.timeout("5 seconds")),
  );
  expect(reports.map(({ cause, isApplied, problems }) => [cause, isApplied, problems])).toEqual(
    (["SIGHUP", "API", "file"] as const).map((cause) => [cause, false, ["elbow is shutting down"]]),
  );
  expect(reloads.last).toBeUndefined();
});

// The work of `elbow status`: looks at a running elbow, once or every second, and draws the table in place. It owns the
// terminal while it draws, and leaves it as it was, also at Ctrl-C. What stands in the table is main/status-table.ts's.

import { Clock, Effect } from "effect";
import type { CommandFailure } from "./command-failure.ts";
import { readManagement, unreachable } from "./management-client.ts";
import type { ManagementPlace } from "./management-place.ts";
import { readStatusAnswer } from "./status-answer.ts";
import { formatStatus, type Look } from "./status-table.ts";
import { formatLine, type Layout } from "./text-table.ts";
import { version } from "./version.ts";

/** Between two looks, from which rates are made. */
const intervalMs = 1_000;

const statusPath = "/api/v1/status";

/** Prints the API's answer as it is; what isn't the status of an elbow is a failure here, too. */
export const printStatus = Effect.fnUntraced(function* (
  place: ManagementPlace,
): Effect.fn.Return<void, CommandFailure> {
  const body = yield* readManagement(place, statusPath);
  yield* readStatus(place, body);
  process.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
});

const readStatus = (place: ManagementPlace, body: unknown) => {
  const status = readStatusAnswer(body);
  return status === undefined
    ? unreachable(place, `its status isn't one that elbow ${version} understands`)
    : Effect.succeed(status);
};

/** Asks for the status once, in the shape that is shown. */
export const lookAt = Effect.fnUntraced(function* (place: ManagementPlace): Effect.fn.Return<Look, CommandFailure> {
  const status = yield* readStatus(place, yield* readManagement(place, statusPath));
  return { status, tickMs: performance.now(), atMs: yield* Clock.currentTimeMillis };
});

/** Looks twice, for the rates, and prints one table. */
export const showStatus = Effect.fnUntraced(function* (place: ManagementPlace): Effect.fn.Return<void, CommandFailure> {
  const before = yield* lookAt(place);
  yield* Effect.sleep(intervalMs);
  const look = yield* lookAt(place);
  // A pipe has no width: nothing is cut for what reads it.
  const width = process.stdout.isTTY === true ? process.stdout.columns : Number.POSITIVE_INFINITY;
  process.stdout.write(`${formatStatus(look, before, { ...layoutNow(), width }).join("\n")}\n`);
});

const layoutNow = (): Layout => ({
  width: process.stdout.columns ?? 80,
  isColoured: process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb",
});

/** Draws the table again every second until it is interrupted; a server that goes away is waited for. */
export const watchStatus = Effect.fnUntraced(function* (
  place: ManagementPlace,
): Effect.fn.Return<void, CommandFailure> {
  const first = yield* lookAt(place);
  const screen = makeScreen();
  const draw = Effect.gen(function* () {
    let [before, look]: [Look | undefined, Look] = [undefined, first];
    let trouble: string | undefined;
    while (true) {
      const layout = layoutNow();
      const lost = trouble === undefined ? [] : [formatLine([{ text: trouble, tone: "bad" }], layout)];
      screen.draw([...lost, ...formatStatus(look, before, layout)]);
      yield* Effect.sleep(intervalMs);
      const next = yield* Effect.result(lookAt(place));
      trouble = next._tag === "Failure" ? next.failure.text : undefined;
      if (next._tag === "Success") [before, look] = [look, next.success];
    }
  });
  // In this order: whoever sees the first frame may press Ctrl-C at once.
  yield* Effect.raceFirst(interrupted, draw).pipe(Effect.ensuring(Effect.sync(screen.leave)));
});

/** Ctrl-C is how a live table ends, so it is no failure. */
const interrupted = Effect.callback<void>((resume) => {
  const end = () => resume(Effect.void);
  for (const signal of endings) process.on(signal, end);
  return Effect.sync(() => {
    for (const signal of endings) process.off(signal, end);
  });
});

const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Draws frames over each other, without the cursor; ECMA-48 §8.3: CPL, ED, SM and RM of DECTCEM. */
const makeScreen = () => {
  let drawn = 0;
  return {
    draw: (lines: ReadonlyArray<string>): void => {
      // A frame that scrolls can't be drawn over; what doesn't fit is said, and is in `--once`.
      const rows = Math.max(2, (process.stdout.rows ?? 24) - 1);
      const shown =
        lines.length <= rows
          ? lines
          : [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines; elbow status --once shows all`];
      const up = drawn === 0 ? "\x1b[?25l" : `\x1b[${drawn}F`;
      process.stdout.write(`${up}\x1b[J${shown.join("\n")}\n`);
      drawn = shown.length;
    },
    leave: (): void => {
      process.stdout.write("\x1b[?25h");
    },
  };
};

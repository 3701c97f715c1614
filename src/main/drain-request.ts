// The work of `elbow drain` and `elbow undrain`: asks for the change, and waits until nothing is in progress where that
// is wanted. It sits behind the management API and never touches a connection.

import { Effect } from "effect";
import { findNearestName } from "../control/configuration/nearest-name.ts";
import { printableLine } from "../observe/log.ts";
import { CommandFailure } from "./command-failure.ts";
import { askManagement, type Refusal, unreachable } from "./management-client.ts";
import type { ManagementPlace } from "./management-place.ts";
import { type ChangeAnswer, readChangeAnswer, type StatusInstance } from "./status-answer.ts";
import type { Look } from "./status-table.ts";
import { lookAt } from "./status-view.ts";

/** Between two looks while waiting. */
const lookMs = 200;

/** What is to be changed, and how it is told. */
interface InstanceChange {
  readonly instance: string;
  /** Undefined: every load balancer that has the instance. */
  readonly loadBalancer: string | undefined;
  readonly isJson: boolean;
  /** How long to wait until nothing is in progress; 0 for not at all. */
  readonly waitMs: number;
}

/**
 * Drains or undrains an instance, and says so only where the answer shows it; fails with exit code 1 where the instance
 * isn't known, or isn't idle in time.
 */
export const changeInstance = Effect.fnUntraced(function* (
  place: ManagementPlace,
  action: "drain" | "undrain",
  { instance, loadBalancer, isJson, waitMs }: InstanceChange,
): Effect.fn.Return<void, CommandFailure> {
  // A URL has no such segments: they would lead to another place.
  if ([instance, loadBalancer].some((name) => name === "" || name === "." || name === "..")) {
    return yield* refuse(place, { status: 404, detail: "", problems: [] }, instance, loadBalancer);
  }
  const scope = loadBalancer === undefined ? "" : `/load-balancers/${encodeURIComponent(loadBalancer)}`;
  const path = `/api/v1${scope}/instances/${encodeURIComponent(instance)}/${action}`;
  const answer = yield* askManagement(place, "POST", path);
  if ("refusal" in answer) return yield* refuse(place, answer.refusal, instance, loadBalancer);
  const changed = readChangeAnswer(answer.body);
  if (changed === undefined || !shows(changed, action, instance)) {
    return yield* unreachable(place, `its answer doesn't show that ${instance} was ${action}ed; elbow status tells`);
  }
  const last = waitMs === 0 ? undefined : yield* waitForIdle(place, instance, loadBalancer, waitMs);
  const busy = last === undefined ? undefined : countBusy(last, instance);
  const words = action === "drain" ? "gets nothing new" : "is sent to again";
  if (isJson) process.stdout.write(`${JSON.stringify(last ?? answer.body, null, 2)}\n`);
  else process.stdout.write(`${instance} ${words}${waitMs > 0 && busy === 0 ? ", and has nothing in progress" : ""}\n`);
  if (busy === undefined || busy === 0) return;
  return yield* new CommandFailure({
    text: `elbow: ${instance} still has ${busy} in progress after ${waitMs / 1_000} s; it stays drained`,
    exitCode: 1,
  });
});

/** Whether an answer has the instance as the change should have left it; beside it there may be what is left of a former one. */
const shows = (answer: ChangeAnswer, action: "drain" | "undrain", instance: string): boolean => {
  const concerned = instancesIn(answer).filter(({ id }) => id === instance);
  const isDrained = concerned.some(({ override }) => override === "drained");
  return concerned.length > 0 && isDrained === (action === "drain");
};

const instancesIn = (answer: ChangeAnswer): ReadonlyArray<StatusInstance> =>
  "instances" in answer ? answer.instances : answer.loadBalancers.flatMap(({ instances }) => instances);

const countBusy = (answer: ChangeAnswer, instance: string): number =>
  instancesIn(answer)
    .filter(({ id }) => id === instance)
    .reduce((sum, { outstanding }) => sum + outstanding, 0);

/** Waits until nothing is in progress, or the time is over; gives what the change would answer then. */
const waitForIdle = Effect.fnUntraced(function* (
  place: ManagementPlace,
  instance: string,
  loadBalancer: string | undefined,
  waitMs: number,
): Effect.fn.Return<ChangeAnswer, CommandFailure> {
  const endMs = performance.now() + waitMs;
  while (true) {
    const now = answerOf(yield* lookAt(place), instance, loadBalancer);
    if (instancesIn(now).some(({ id, phase }) => id === instance && phase !== "draining")) {
      return yield* new CommandFailure({
        text: `elbow: ${instance} isn't drained any more: somebody has undrained it, or elbow was started anew`,
        exitCode: 1,
      });
    }
    if (countBusy(now, instance) === 0 || performance.now() >= endMs) return now;
    yield* Effect.sleep(lookMs);
  }
});

/** What the API answers to a change of the instance, of a look. */
const answerOf = (look: Look, instance: string, loadBalancer: string | undefined): ChangeAnswer => {
  if (loadBalancer !== undefined) return { instances: instancesOf(look, loadBalancer) };
  const loadBalancers = look.status.loadBalancers
    .map(({ name, instances }) => ({ name, instances: instances.filter(({ id }) => id === instance) }))
    .filter(({ instances }) => instances.length > 0);
  return { loadBalancers };
};

const instancesOf = ({ status }: Look, loadBalancer: string | undefined): ReadonlyArray<StatusInstance> =>
  status.loadBalancers
    .filter(({ name }) => loadBalancer === undefined || name === loadBalancer)
    .flatMap(({ instances }) => instances);

const refuse = Effect.fnUntraced(function* (
  place: ManagementPlace,
  { status, detail }: Refusal,
  instance: string,
  loadBalancer: string | undefined,
): Effect.fn.Return<never, CommandFailure> {
  const fail = (text: string) => new CommandFailure({ text: `elbow: ${printableLine(text)}`, exitCode: 1 });
  if (status !== 404) return yield* fail(detail);
  const look = yield* lookAt(place);
  const suggest = (name: string, known: ReadonlyArray<string>): string => {
    const nearest = findNearestName(name, known);
    if (nearest !== undefined) return `; did you mean ${nearest}?`;
    return known.length === 0 ? "" : ` (expected one of ${[...new Set(known)].join(", ")})`;
  };
  const names = look.status.loadBalancers.map(({ name }) => name);
  if (loadBalancer !== undefined && !names.includes(loadBalancer)) {
    return yield* fail(`there is no load balancer ${JSON.stringify(loadBalancer)}${suggest(loadBalancer, names)}`);
  }
  const known = instancesOf(look, loadBalancer).map(({ id }) => id);
  const where = loadBalancer === undefined ? "" : ` in load balancer ${loadBalancer}`;
  return yield* fail(`there is no instance ${JSON.stringify(instance)}${where}${suggest(instance, known)}`);
});

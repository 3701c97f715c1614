// What went wrong in a policy: counted, and told with the line of the module that did it.
//
// Behind every call of a hook (chain.ts). Told at most once a minute for each policy, phase and words, with how
// often it has happened since. It never throws, whatever was thrown.
import { monotonicMs } from "../../net/clock.ts";
import { tellEvent } from "../../observe/events.ts";
import { tellNotice } from "../../observe/notices.ts";
import { framesOf, isEngines, messageOf, spellThrown, trying } from "../../observe/thrown.ts";
import type { TrafficHook } from "../../policy/hooks.ts";
import type { BoundPolicy } from "./chain.ts";

/** Where a policy failed: a hook by its name in the contract, a balancer's call, its end, or outside of any call of ours. */
export type PolicyPhase =
  | TrafficHook
  | "stick"
  | "backendPreamble"
  | "authenticateBackend"
  | "balance"
  | "dispose"
  | "unhandled";

/** A hook has answered with what can't be carried out. */
export class UnfitValue extends Error {}

const quietMs = 60_000;
const messageMaxLength = 300;
/** So many different errors of a policy and phase are told within {@link quietMs}; a message may have a client's words in it. */
const messagesMax = 8;

interface Telling {
  toldAtMs: number;
  untold: number;
}

/** What was told of one policy and phase. */
interface Tellings {
  /** By the error's words, the one that was told last at the end. */
  readonly byMessage: Map<string, Telling>;
  /** Errors with other words than those. */
  others: number;
}

const tellings = new WeakMap<BoundPolicy, Map<PolicyPhase, Tellings>>();

/** Counts what a hook threw, or that it answered with what can't be carried out, and tells it. */
export const notePolicyError = (bound: BoundPolicy, phase: PolicyPhase, error: unknown): void => {
  bound.errors.set(phase, (bound.errors.get(phase) ?? 0) + 1);
  const words = spell(error);
  const more = takeTurn(tellingsOf(bound, phase), words);
  if (more === undefined) return;
  const { loadBalancer, name } = bound;
  const message = `policy ${name}, ${phase}: ${words} (${findPlace(bound, phase, error)})${more}`;
  tellNotice(`${loadBalancer}: ${message}`);
  tellEvent({ type: "policy", loadBalancer, message });
};

const tellingsOf = (bound: BoundPolicy, phase: PolicyPhase): Tellings => {
  let byPhase = tellings.get(bound);
  if (byPhase === undefined) {
    byPhase = new Map();
    tellings.set(bound, byPhase);
  }
  let known = byPhase.get(phase);
  if (known === undefined) {
    known = { byMessage: new Map(), others: 0 };
    byPhase.set(phase, known);
  }
  return known;
};

/** What has to be said behind an error with these words, of those that weren't told; undefined where it isn't told either. */
const takeTurn = (known: Tellings, words: string): string | undefined => {
  const { byMessage } = known;
  const nowMs = monotonicMs();
  const telling = byMessage.get(words);
  if (telling !== undefined && nowMs - telling.toldAtMs < quietMs) {
    telling.untold++;
    return undefined;
  }
  if (telling === undefined && byMessage.size >= messagesMax) {
    const [oldest, { toldAtMs, untold }] = byMessage.entries().next().value as [string, Telling];
    if (nowMs - toldAtMs < quietMs) {
      known.others++;
      return undefined;
    }
    byMessage.delete(oldest);
    known.others += untold;
  }
  const untold = telling?.untold ?? 0;
  const { others } = known;
  byMessage.delete(words);
  byMessage.set(words, { toldAtMs: nowMs, untold: 0 });
  known.others = 0;
  const again = untold === 0 ? "" : `, and ${times(untold)} more since this was last told`;
  return others === 0 ? again : `${again}, and ${times(others)} something else that wasn't told`;
};

const times = (count: number): string => `${count} ${count === 1 ? "time" : "times"}`;

const spell = (error: unknown): string =>
  (isUnfit(error) ? `answered with ${messageOf(error)}` : spellThrown(error)).slice(0, messageMaxLength);

/** A Proxy may throw when it is asked what it is. */
const isUnfit = (error: unknown): boolean => trying(() => error instanceof UnfitValue, false);

/**
 * `file:line:column` of the nearest call in the policy's module; where the hook stands for what has no such place, as an answer
 * has none, or one that didn't come.
 */
const findPlace = ({ file, hookPositions, policy }: BoundPolicy, phase: PolicyPhase, error: unknown): string => {
  if (file === undefined) return nearestPlace(undefined, error) ?? `the built-in ${policy.type}`;
  const hook = hookPositions?.get(phase === "balance" ? "make" : phase) ?? "";
  return nearestPlace(file, error) ?? `${file}${hook}`;
};

const nearestPlace = (file: string | undefined, error: unknown): string | undefined => {
  if (isUnfit(error)) return undefined;
  const frames = framesOf(error);
  return (frames.find((frame) => frame.file === file) ?? frames.find((frame) => !isEngines(frame.file)))?.place;
};

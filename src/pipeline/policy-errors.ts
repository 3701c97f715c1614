// What went wrong in a policy: counted, and told with the line of the module that did it.
//
// Behind every call of a hook (policy-chain.ts). Told at most once a minute for each policy and phase, with how often it
// has happened since. It never throws, whatever was thrown.
import { monotonicMs } from "../net/clock.ts";
import { tellEvent } from "../observe/events.ts";
import { tellNotice } from "../observe/notices.ts";
import { framesOf, isEngines, messageOf, spellThrown, trying } from "../observe/thrown.ts";
import type { BoundPolicy } from "./policy-chain.ts";

/** Where a policy failed: a hook by its name in the contract, a balancer's call, its end, or outside of any call of ours. */
export type PolicyPhase =
  | "admit"
  | "pick"
  | "requestHead"
  | "responseHead"
  | "onFault"
  | "log"
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

interface Telling {
  toldAtMs: number;
  untold: number;
}

const tellings = new WeakMap<BoundPolicy, Map<PolicyPhase, Telling>>();

/** Counts what a hook threw, or that it answered with what can't be carried out, and tells it. */
export const notePolicyError = (bound: BoundPolicy, phase: PolicyPhase, error: unknown): void => {
  bound.errors.set(phase, (bound.errors.get(phase) ?? 0) + 1);
  const telling = tellingOf(bound, phase);
  const nowMs = monotonicMs();
  if (nowMs - telling.toldAtMs < quietMs) {
    telling.untold++;
    return;
  }
  const { untold } = telling;
  telling.toldAtMs = nowMs;
  telling.untold = 0;
  const { loadBalancer, name } = bound;
  const more = untold === 0 ? "" : `, and ${untold} ${untold === 1 ? "time" : "times"} more since this was last told`;
  const message = `policy ${name}, ${phase}: ${spell(error)} (${findPlace(bound, error)})${more}`;
  tellNotice(`${loadBalancer}: ${message}`);
  tellEvent({ type: "policy", loadBalancer, message });
};

const tellingOf = (bound: BoundPolicy, phase: PolicyPhase): Telling => {
  let byPhase = tellings.get(bound);
  if (byPhase === undefined) {
    byPhase = new Map();
    tellings.set(bound, byPhase);
  }
  let telling = byPhase.get(phase);
  if (telling === undefined) {
    telling = { toldAtMs: Number.NEGATIVE_INFINITY, untold: 0 };
    byPhase.set(phase, telling);
  }
  return telling;
};

const spell = (error: unknown): string =>
  (isUnfit(error) ? `answered with ${messageOf(error)}` : spellThrown(error)).slice(0, messageMaxLength);

/** A Proxy may throw when it is asked what it is. */
const isUnfit = (error: unknown): boolean => trying(() => error instanceof UnfitValue, false);

/** `file:line:column` of the nearest call in the policy's module; its file alone where the error doesn't say. */
const findPlace = ({ file, policy }: BoundPolicy, error: unknown): string => {
  const whole = file ?? `the built-in ${policy.type}`;
  if (isUnfit(error)) return whole;
  const frames = framesOf(error);
  const nearest = frames.find((frame) => frame.file === file) ?? frames.find((frame) => !isEngines(frame.file));
  return nearest?.place ?? whole;
};

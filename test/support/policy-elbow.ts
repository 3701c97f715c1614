// An elbow whose one listener has policies that a test writes down as objects, as a configuration would name modules.
import type { Attributes } from "../../src/model/attributes.ts";
import type { PolicyUse } from "../../src/model/policy-use.ts";
import type { Protocol } from "../../src/model/protocol.ts";
import { type Policy, Schema } from "../../src/policy/index.ts";
import { type RunningElbow, startElbow, type WrittenInstance } from "./elbow.ts";
import { FakeInstance, type Script } from "./fake-instance.ts";

/** A policy without attributes, but for its type and their schema. */
export type Hooks<S = undefined> = Omit<Policy<unknown, S>, "type" | "attributes">;

/** A policy as a listener has it. */
export const useOf = <S = undefined>(hooks: Hooks<S>, name = "tested"): PolicyUse => ({
  name,
  type: "TestedPolicyType",
  attributes: undefined,
  written: undefined,
  policy: { type: "TestedPolicyType", attributes: Schema.Unknown, ...hooks },
  module: undefined,
});

/** Policies in the order of a listener's list, named p0, p1 and so on. */
export const usesOf = (policies: ReadonlyArray<Hooks>): ReadonlyArray<PolicyUse> =>
  policies.map((hooks, index) => useOf(hooks, `p${index}`));

/** What a test may choose beside the policies. */
export interface PolicyGround {
  /** Default HTTP. */
  readonly protocol?: Protocol;
  readonly attributes?: Partial<Attributes>;
  /** Default: those that run the scripts. */
  readonly instances?: ReadonlyArray<WrittenInstance>;
}

/** One listener with these policies in front of an instance that runs a script. */
export const startPolicies = async (
  policies: Hooks | ReadonlyArray<Hooks>,
  script: Script,
  ground: PolicyGround = {},
) => {
  const instance = FakeInstance.start(script);
  const elbow = await startWithPolicies(policies, { instances: [instance], ...ground });
  return {
    instance,
    elbow,
    port: elbow.port(),
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      instance.stop();
    },
  };
};

/** One listener with these policies in front of whatever is written. */
export const startWithPolicies = (
  policies: Hooks | ReadonlyArray<Hooks>,
  { protocol = "HTTP", attributes = {}, instances = [] }: PolicyGround,
): Promise<RunningElbow> =>
  startElbow({ protocol, instances, attributes, listeners: [{ policies: usesOf([policies].flat()) }] });

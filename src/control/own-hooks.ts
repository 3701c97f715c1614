// The hooks of users' policies that aren't asked through a chain: what balances, keeps clients, and faces instances.
//
// Made with routes, for policies that are modules; built-in ones need none of it. Each call is kept from throwing: what it
// threw is counted and told, and the safe answer is given in its place. Owns those answers and no state of its own.
import { hasProperty } from "effect/Predicate";
import type { PolicyUse } from "../model/policy-use.ts";
import type { ProxiedConnection } from "../model/proxied-connection.ts";
import { writeProxyHeader } from "../parse/proxy-protocol/header-writer.ts";
import type { BoundPolicy } from "../pipeline/policy/chain.ts";
import { notePolicyError, type PolicyPhase, UnfitValue } from "../pipeline/policy/errors.ts";
import type { Balancer, BalancerMember, BalancerOptions, BalancerPolicy } from "../policy/balancer.ts";
import type { PublicKey, Stickiness } from "../policy/policy.ts";

const balancerMethods = ["add", "remove", "pick", "leased", "returned", "reweighed"] as const;

/** What is wrong with what a policy makes, by making it once; undefined where nothing is. May throw what its hooks throw. */
export const trialProblem = ({ policy, attributes }: PolicyUse): string | undefined => {
  if (isBalancerPolicy(policy)) {
    const balancer: unknown = policy.make({});
    const missing = balancerMethods.find(
      (name) => !hasProperty(balancer, name) || typeof balancer[name] !== "function",
    );
    return missing === undefined ? undefined : `\`make\` gave a balancer without \`${missing}\``;
  }
  const { stick } = policy as BoundPolicy["policy"];
  if (stick === undefined) return undefined;
  const made: unknown = stick(attributes);
  const missing = ["follows", "renew"].find((name) => !hasProperty(made, name) || typeof made[name] !== "function");
  return missing === undefined ? undefined : `\`stick\` gave something without \`${missing}\``;
};

const isBalancerPolicy = (policy: object): policy is BalancerPolicy => "make" in policy && !("type" in policy);

/** What a hook makes; undefined where it fails, as it may the second time though its trial went well. */
const attempt = <T>(bound: BoundPolicy, phase: PolicyPhase, make: () => T): T | undefined => {
  try {
    return make();
  } catch (error) {
    notePolicyError(bound, phase, error);
    return undefined;
  }
};

const guarded = new WeakMap<BoundPolicy, BalancerPolicy>();

/** A user's balancing policy; the same for the same policy at work. Where it fails, turns go round among its members. */
export const guardBalancer = (bound: BoundPolicy): BalancerPolicy => {
  const known = guarded.get(bound);
  if (known !== undefined) return known;
  const { name, key, make } = bound.policy as unknown as BalancerPolicy;
  const policy: BalancerPolicy = {
    name,
    ...(key === undefined ? {} : { key }),
    make: <M extends BalancerMember>(options: BalancerOptions) =>
      new GuardedBalancer<M>(
        bound,
        attempt(bound, "balance", () => make<M>(options)),
      ),
  };
  guarded.set(bound, policy);
  return policy;
};

class GuardedBalancer<M extends BalancerMember> implements Balancer<M> {
  private readonly members = new Set<M>();
  private turn = 0;

  constructor(
    private readonly bound: BoundPolicy,
    /** Undefined once it may no longer know who is there: its picks would leave members without traffic for ever. */
    private inner: Balancer<M> | undefined,
  ) {}

  add(member: M): void {
    this.members.add(member);
    if (!this.tell("add", member)) this.inner = undefined;
  }

  remove(member: M): void {
    this.members.delete(member);
    if (!this.tell("remove", member)) this.inner = undefined;
  }

  pick(key: number, exclude?: ReadonlySet<M>): M | undefined {
    const { inner } = this;
    if (inner === undefined) return this.pickNext(exclude);
    try {
      const picked = inner.pick(key, exclude);
      if (picked === undefined || (this.members.has(picked) && exclude?.has(picked) !== true)) return picked;
      throw new UnfitValue("a member that it may not pick");
    } catch (error) {
      notePolicyError(this.bound, "balance", error);
      return this.pickNext(exclude);
    }
  }

  leased(member: M): void {
    this.tell("leased", member);
  }

  returned(member: M): void {
    this.tell("returned", member);
  }

  reweighed(member: M): void {
    this.tell("reweighed", member);
  }

  /** Whether it took that without throwing. */
  private tell(method: "add" | "remove" | "leased" | "returned" | "reweighed", member: M): boolean {
    try {
      this.inner?.[method](member);
      return true;
    } catch (error) {
      notePolicyError(this.bound, "balance", error);
      return false;
    }
  }

  private pickNext(exclude: ReadonlySet<M> | undefined): M | undefined {
    const left = [...this.members].filter((member) => exclude?.has(member) !== true);
    return left[this.turn++ % left.length];
  }
}

/** A user's stickiness; where it fails, a request follows no cookie and no answer sets one. */
export const guardStickiness = (bound: BoundPolicy): Stickiness => {
  const { policy, attributes } = bound;
  const made = attempt(bound, "stick", () => policy.stick?.(attributes));
  return {
    applicationCookie: attempt(bound, "stick", () => made?.applicationCookie),
    follows: (request) => {
      try {
        return made?.follows(request) === true;
      } catch (error) {
        notePolicyError(bound, "stick", error);
        return false;
      }
    },
    renew: (response) => {
      try {
        const text = made?.renew(response);
        if (text === undefined || isCookieText(text)) return text;
        throw new UnfitValue("what can't stand in a Set-Cookie header");
      } catch (error) {
        notePolicyError(bound, "stick", error);
        return undefined;
      }
    },
  };
};

/** Visible ASCII and spaces (RFC 6265 §4.1.1). */
const isCookieText = (text: unknown): boolean => typeof text === "string" && /^[\x20-\x7e]*$/.test(text);

const preambleContext = { writeProxyHeader };

/**
 * What a user's policy tells an instance first; null where it fails: then the instance must not be told the client's bytes,
 * which it might take for that.
 */
export const guardPreamble =
  (bound: BoundPolicy) =>
  (connection: ProxiedConnection): Uint8Array | undefined | null => {
    try {
      const bytes: unknown = bound.policy.backendPreamble?.(bound.attributes, connection, preambleContext);
      if (bytes === undefined || bytes instanceof Uint8Array) return bytes;
      throw new UnfitValue("what are no bytes");
    } catch (error) {
      notePolicyError(bound, "backendPreamble", error);
      return null;
    }
  };

/** Whether a user's policy trusts the key of an instance; not where it fails. */
export const guardJudge =
  (bound: BoundPolicy, trusted: ReadonlyArray<PublicKey>) =>
  (offered: PublicKey): boolean => {
    try {
      return bound.policy.authenticateBackend?.(trusted, offered) === true;
    } catch (error) {
      notePolicyError(bound, "authenticateBackend", error);
      return false;
    }
  };

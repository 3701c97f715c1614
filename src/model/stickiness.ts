/**
 * The stickiness policy of a listener, as a configuration decodes it.
 * Part of a listener; owns the shape.
 * Never says what the attributes mean: the module of the type does.
 */
import type { PolicyUse } from "./policy-use.ts";

/** A sound stickiness policy: its name, its type, and the attributes as they were written. */
export interface ListenerStickiness {
  /** In the configuration. */
  readonly name: string;
  /** As in the Elastic Load Balancing API, such as `LBCookieStickinessPolicyType`. */
  readonly type: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The policy itself where its module is a user's; without it, the built-in one of that type. */
  readonly own?: PolicyUse;
}

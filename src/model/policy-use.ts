/**
 * A policy at work: one that a load balancer defines, with what its attributes decode to, as listeners and back ends use it.
 * Part of a listener; owns the shape.
 * Never knows a policy's contract, which is policy/'s affair: here a policy is an object.
 */

/** A user's policy module, as it was imported. */
export interface PolicyModule {
  /** Absolute path, symbolic links followed. */
  readonly file: string;
  /** The module and every file that it imports, by absolute path; packages aren't among them. */
  readonly files: ReadonlyArray<string>;
  /** The same as long as none of the files has another content. */
  readonly version: string;
  /** Where its hooks stand in the file, as `:line:column` by name. */
  readonly hookPositions?: ReadonlyMap<string, string>;
}

/** One policy of a load balancer, in use. */
export interface PolicyUse {
  /** Its name in the load balancer's `policies`. */
  readonly name: string;
  /** As its module says, such as `ProxyProtocolPolicyType`. */
  readonly type: string;
  /** As its Schema decodes them; undefined for what has none. */
  readonly attributes: unknown;
  /** The same as they stand in the configuration. */
  readonly written: unknown;
  /** What the module exports: a `Policy` or a `BalancerPolicy` of policy/. */
  readonly policy: object;
  /** Undefined for the built-in ones. */
  readonly module: PolicyModule | undefined;
}

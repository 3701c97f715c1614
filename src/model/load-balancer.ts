/**
 * A load balancer: a bind address, listeners, instances, attributes and policies under one name.
 * The unit that control starts, changes and stops; owns the shape and the rule for names.
 * Never holds anything that changes while it runs.
 */
import { Schema } from "effect";
import { type Attributes, WrittenAttributes } from "./attributes.ts";
import { BindAddress } from "./bind-address.ts";
import type { Description } from "./described.ts";
import { type HealthCheck, WrittenHealthCheck } from "./health-check.ts";
import { type Instance, WrittenInstance } from "./instance.ts";
import { type Listener, WrittenListener } from "./listener.ts";
import type { SecurityPolicy } from "./security-policy.ts";
import { WrittenBackendPolicies, WrittenPolicies } from "./written-security.ts";

/** What a load balancer's name is called in messages. */
export const nameDescription: Description = {
  title: "a load balancer name",
  expected: "1 to 32 letters, digits and hyphens, no hyphen first or last",
};

/** Whether a text may name a load balancer (Elastic Load Balancing API, `CreateLoadBalancer`). */
export const isLoadBalancerName = (text: string): boolean => /^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(text);

/** A load balancer as it stands in a configuration, under its name. */
export const WrittenLoadBalancer = Schema.Struct({
  address: Schema.optional(BindAddress),
  listeners: Schema.Array(WrittenListener).annotate({
    title: "a list of listeners",
    expected: 'one such as [{ protocol: "HTTP", port: 8080, instancePort: 80 }]',
  }),
  instances: Schema.Array(WrittenInstance).annotate({
    title: "a list of instances",
    expected: 'one such as ["127.0.0.1:3001", "127.0.0.1:3002"]; an empty one is []',
  }),
  attributes: Schema.optional(WrittenAttributes),
  healthCheck: Schema.optional(WrittenHealthCheck),
  policies: Schema.optional(WrittenPolicies),
  backendPolicies: Schema.optional(WrittenBackendPolicies),
}).annotate({ title: "a load balancer", expected: "one with `listeners` and `instances`" });

/**
 * One load balancer with every member known; without `address` it binds every address of this machine, IPv4 and IPv6.
 */
export interface LoadBalancer {
  readonly name: string;
  readonly address?: string;
  readonly listeners: ReadonlyArray<Listener>;
  readonly instances: ReadonlyArray<Instance>;
  readonly attributes: Attributes;
  /** What every instance is asked; none is asked anything where it is left out. */
  readonly healthCheck?: HealthCheck;
  /** Its own, also those that no listener uses; listeners have theirs beside them. */
  readonly securityPolicies?: ReadonlyArray<SecurityPolicy>;
}

// Changes to one load balancer while it runs: from the present configuration to the next, or why there is none.
//
// What APIs ask for goes this way and then the way of a file that is read anew; what of it outlives the next one, carry-over.ts
// says.
// Pure; owns what each change means. What breaks the configuration's rules is refused in the words of `elbow check`.
import { Data, Result } from "effect";
import { type Attributes, WrittenAttributes } from "../model/attributes.ts";
import type { Configuration } from "../model/configuration.ts";
import { WrittenHealthCheck } from "../model/health-check.ts";
import type { Instance } from "../model/instance.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { settleAttributes } from "./configuration/attribute-rules.ts";
import { settleHealth, spellFindings } from "./configuration/check.ts";
import { ConfigurationError } from "./configuration/configuration-error.ts";
import { nameInstance, settleInstances } from "./configuration/instance-rules.ts";
import type { Finding, Place } from "./configuration/problem.ts";
import { decodePart } from "./configuration/shape.ts";

/** No load balancer has this name. */
export class LoadBalancerNotFound extends Data.TaggedError("LoadBalancerNotFound")<{ readonly loadBalancer: string }> {
  override get message(): string {
    return `There is no load balancer ${JSON.stringify(this.loadBalancer)}.`;
  }
}

/** These aren't among the load balancer's instances; without one, not among those of any. */
export class InstanceNotRegistered extends Data.TaggedError("InstanceNotRegistered")<{
  readonly loadBalancer: string | undefined;
  readonly ids: ReadonlyArray<string>;
}> {
  override get message(): string {
    const { loadBalancer, ids } = this;
    const where = loadBalancer === undefined ? "any load balancer" : JSON.stringify(loadBalancer);
    return `Not registered with ${where}: ${ids.map((id) => JSON.stringify(id)).join(", ")}.`;
  }
}

/** What the next configuration is, seen from the present one. */
export type Change<E> = (configuration: Configuration) => Result.Result<Configuration, E | LoadBalancerNotFound>;

/** A health check as `setHealthCheck` takes it: in the shape that a configuration has. */
export type HealthCheckSetting = typeof WrittenHealthCheck.Encoded;

/** Attributes as `setAttributes` takes them: those that are to change, in the shape that a configuration has. */
export type AttributeSettings = typeof WrittenAttributes.Encoded;

/**
 * Registers instances, written as in a load balancer's list: an id of the inventory, an address or a host name, each with an
 * optional port. Who is registered already stays as it is.
 */
export const register =
  (name: string, texts: ReadonlyArray<string>): Change<ConfigurationError> =>
  (configuration) =>
    changeLoadBalancer(configuration, name, (loadBalancer) => {
      const present = loadBalancer.instances;
      const known = new Set(present.map(({ id }) => id));
      const inventory = new Map<string, Omit<Instance, "id">>([
        ...(configuration.inventory ?? []),
        ...present.map(({ id, ...entry }) => [id, entry] as const),
      ]);
      const placeIn = (text: string): Place => ["instances", texts.indexOf(text)];
      const added = [...new Set(texts)].filter((text) => {
        const named = nameInstance({ place: placeIn(text), text }, inventory);
        return named === undefined || "problem" in named || !known.has(named.id);
      });
      // Whoever asks has a list of their own, and what is wrong stands there.
      const entries = [
        ...[...known].map((text, index) => ({ place: placeOf(name, "instances", index), text })),
        ...added.map((text) => ({ place: placeIn(text), text })),
      ];
      const { instances, findings } = settleInstances(
        { instances: entries, listeners: loadBalancer.listeners },
        inventory,
      );
      return settled({ ...loadBalancer, instances }, findings);
    });

/** Deregisters instances by their ids; what is in progress on them drains. */
export const deregister =
  (name: string, ids: ReadonlyArray<string>): Change<InstanceNotRegistered> =>
  (configuration) =>
    changeLoadBalancer(configuration, name, (loadBalancer) => {
      const { instances } = loadBalancer;
      const missing = ids.filter((id) => !instances.some((one) => one.id === id));
      if (missing.length > 0) return Result.fail(new InstanceNotRegistered({ loadBalancer: name, ids: missing }));
      return Result.succeed({ ...loadBalancer, instances: instances.filter(({ id }) => !ids.includes(id)) });
    });

/**
 * Drains an instance that stays registered, of one load balancer or, where none is named, of every one that has it: it gets
 * nothing new, and from `nowMs` on its time to finish runs. One that is drained already stays as it is.
 */
export const drain = (name: string | undefined, id: string, nowMs: number): Change<InstanceNotRegistered> =>
  changeInstance(name, id, (instance) =>
    instance.drainedSinceMs === undefined ? { ...instance, drainedSinceMs: nowMs } : instance,
  );

/** Ends that an instance is drained; of one load balancer or, where none is named, of every one that has it. */
export const undrain = (name: string | undefined, id: string): Change<InstanceNotRegistered> =>
  changeInstance(name, id, ({ drainedSinceMs: _, ...instance }) => instance);

/** Sets what every instance is asked, defaults for what is left out; undefined asks nobody anything. */
export const setHealthCheck =
  (name: string, check: HealthCheckSetting | undefined): Change<ConfigurationError> =>
  (configuration) =>
    changeLoadBalancer(configuration, name, ({ healthCheck: _, ...loadBalancer }) => {
      if (check === undefined) return Result.succeed(loadBalancer);
      const decoded = decodePart(WrittenHealthCheck, placeOf(name, "healthCheck"), check);
      if (Result.isFailure(decoded)) return refuse(decoded.failure);
      const place = placeOf(name);
      const health = settleHealth({ place, healthCheck: decoded.success, listeners: loadBalancer.listeners });
      return settled({ ...loadBalancer, ...health.part }, health.findings);
    });

/** Sets these attributes and leaves the others as they are. */
export const setAttributes =
  (name: string, changed: AttributeSettings): Change<ConfigurationError> =>
  (configuration) =>
    changeLoadBalancer(configuration, name, (loadBalancer) => {
      const decoded = decodePart(WrittenAttributes, placeOf(name, "attributes"), changed);
      if (Result.isFailure(decoded)) return refuse(decoded.failure);
      const given = Object.fromEntries(Object.entries(decoded.success).filter(([, value]) => value !== undefined));
      const next: Attributes = { ...loadBalancer.attributes, ...given };
      // What is left out of a setting gives way to the rest of it: that is seen in what was said, not in what it was read as.
      const said = Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined));
      const written = { loadBalancers: { [name]: { attributes: { ...next, ...said } } } };
      const { attributes, findings } = settleAttributes({ place: placeOf(name), attributes: next }, written);
      return settled({ ...loadBalancer, attributes }, findings);
    });

const placeOf = (name: string, ...rest: Place): Place => ["loadBalancers", name, ...rest];

const changeLoadBalancer = <E>(
  configuration: Configuration,
  name: string,
  change: (loadBalancer: LoadBalancer) => Result.Result<LoadBalancer, E>,
): Result.Result<Configuration, E | LoadBalancerNotFound> => {
  const present = configuration.loadBalancers.find((one) => one.name === name);
  if (present === undefined) return Result.fail(new LoadBalancerNotFound({ loadBalancer: name }));
  return Result.map(change(present), (next) => ({
    ...configuration,
    loadBalancers: configuration.loadBalancers.map((one) => (one === present ? next : one)),
  }));
};

const changeInstance =
  (name: string | undefined, id: string, change: (instance: Instance) => Instance): Change<InstanceNotRegistered> =>
  (configuration) => {
    const named = configuration.loadBalancers.filter((one) => name === undefined || one.name === name);
    if (name !== undefined && named.length === 0) return Result.fail(new LoadBalancerNotFound({ loadBalancer: name }));
    const having = new Set(named.filter(({ instances }) => instances.some((one) => one.id === id)));
    if (having.size === 0) return Result.fail(new InstanceNotRegistered({ loadBalancer: name, ids: [id] }));
    return Result.succeed({
      ...configuration,
      loadBalancers: configuration.loadBalancers.map((one) =>
        having.has(one) ? { ...one, instances: one.instances.map((it) => (it.id === id ? change(it) : it)) } : one,
      ),
    });
  };

const settled = (
  loadBalancer: LoadBalancer,
  findings: ReadonlyArray<Finding>,
): Result.Result<LoadBalancer, ConfigurationError> =>
  findings.length === 0 ? Result.succeed(loadBalancer) : refuse(findings);

const refuse = (findings: ReadonlyArray<Finding>): Result.Result<never, ConfigurationError> =>
  Result.fail(new ConfigurationError({ file: "a change at run time", problems: spellFindings(findings, undefined) }));

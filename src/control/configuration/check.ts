/**
 * Checks a written configuration and decodes it: all its problems at once, or the whole configuration.
 * The one gate between what people write and what control runs, at the start, at a reload and for `elbow check`.
 * Owns the order of the steps: shape, sift, rules. Pure; never reads a file.
 */
import { type Configuration, defaultManagement, defaultShutdownGrace } from "../../model/configuration.ts";
import type { LoadBalancer } from "../../model/load-balancer.ts";
import { settleAttributes } from "./attribute-rules.ts";
import { findBindProblems } from "./bind-rules.ts";
import { findInventoryProblems, settleInstances } from "./instance-rules.ts";
import { findListenerProblems } from "./listener-rules.ts";
import { childOf, type Finding, type Problem, sortFindings, spellPlace } from "./problem.ts";
import { findShapeProblems } from "./shape.ts";
import { type SiftedConfiguration, type SiftedLoadBalancer, siftConfiguration } from "./sift.ts";

/** How strict a check is. */
export interface CheckOptions {
  /** Lets listeners and the management server have port 0, any free port. For tests; never set for a file. */
  readonly allowEphemeralPorts?: boolean;
}

/** A configuration that is sound, or everything that is wrong with it. */
export type Checked =
  | { readonly configuration: Configuration }
  | { readonly problems: readonly [Problem, ...ReadonlyArray<Problem>] };

/** Checks what a file's default export, a JSON or YAML document or a test has written. */
export const checkConfiguration = (written: unknown, options: CheckOptions = {}): Checked => {
  const canListenAnywhere = options.allowEphemeralPorts === true;
  const sifted = siftConfiguration(written);
  const settled = sifted.loadBalancers.map((loadBalancer) => ({
    instances: settleInstances(loadBalancer, sifted.inventory),
    attributes: settleAttributes(loadBalancer, written),
  }));
  const findings: ReadonlyArray<Finding> = [
    ...findShapeProblems(written),
    ...findEmptiness(written),
    ...findInventoryProblems(sifted.inventory),
    ...sifted.loadBalancers.flatMap((one) => findListenerProblems(one, written, canListenAnywhere)),
    ...settled.flatMap(({ instances, attributes }) => [...instances.findings, ...attributes.findings]),
    ...findBindProblems(sifted, canListenAnywhere),
  ];
  const [first, ...others] = sortFindings(findings, written).map(
    ({ place, problem, expected }): Problem => ({ path: spellPlace(place), problem, expected }),
  );
  if (first !== undefined) return { problems: [first, ...others] };
  return {
    configuration: assemble(
      sifted,
      sifted.loadBalancers.map((one, index) => {
        const { instances, attributes } = settled[index]!;
        return assembleLoadBalancer(one, { ...instances, ...attributes });
      }),
    ),
  };
};

const findEmptiness = (written: unknown): ReadonlyArray<Finding> => {
  const loadBalancers = childOf(written, "loadBalancers");
  const isEmpty =
    typeof loadBalancers === "object" &&
    loadBalancers !== null &&
    !Array.isArray(loadBalancers) &&
    Object.keys(loadBalancers).length === 0;
  return isEmpty ? [{ place: ["loadBalancers"], problem: "is empty", expected: "at least one load balancer" }] : [];
};

/** No finding means that nothing was sifted out: every member is there. */
const assemble = (sifted: SiftedConfiguration, loadBalancers: ReadonlyArray<LoadBalancer>): Configuration => ({
  management: {
    address: addressOf(sifted.management.bind) ?? defaultManagement.address,
    port: sifted.management.port ?? defaultManagement.port,
  },
  shutdownGrace: sifted.shutdownGrace ?? defaultShutdownGrace,
  ...(sifted.maxConnections === undefined ? {} : { maxConnections: sifted.maxConnections }),
  loadBalancers,
});

const assembleLoadBalancer = (
  { name, bind, listeners }: SiftedLoadBalancer,
  { instances, attributes }: Pick<LoadBalancer, "instances" | "attributes">,
): LoadBalancer => {
  const address = addressOf(bind);
  return {
    name,
    ...(address === undefined ? {} : { address }),
    listeners: listeners.map(({ protocol, port, instanceProtocol, instancePort }) => ({
      protocol: protocol!,
      port: port!,
      instanceProtocol: instanceProtocol!,
      instancePort: instancePort!,
    })),
    instances,
    attributes,
  };
};

const addressOf = (bind: SiftedLoadBalancer["bind"]): string | undefined =>
  bind.isKnown ? bind.address?.text : undefined;

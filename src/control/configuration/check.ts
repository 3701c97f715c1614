/**
 * Checks a written configuration and decodes it: all its problems at once, or the whole configuration.
 * The one gate between what people write and what control runs, at the start, at a reload and for `elbow check`.
 * Owns the order of the steps: shape, sift, rules. Pure; never reads a file.
 */
import { type Configuration, defaultManagement, defaultShutdownGrace } from "../../model/configuration.ts";
import type { LoadBalancer } from "../../model/load-balancer.ts";
import { isSecure } from "../../model/protocol.ts";
import { type SettledAttributes, settleAttributes } from "./attribute-rules.ts";
import { type SettledBackendPolicies, settleBackendPolicies } from "./backend-policy-rules.ts";
import { findBindProblems } from "./bind-rules.ts";
import { findInventoryProblems, type SettledInstances, settleInstances } from "./instance-rules.ts";
import { findListenerProblems } from "./listener-rules.ts";
import { type SettledListenerSecurity, settleListenerSecurity } from "./listener-security-rules.ts";
import { settlePolicies } from "./policy-rules.ts";
import { childOf, type Finding, type Problem, sortFindings, spellPlace } from "./problem.ts";
import { findShapeProblems } from "./shape.ts";
import { type SiftedConfiguration, type SiftedLoadBalancer, siftConfiguration } from "./sift.ts";
import type { PlacedSource } from "./sources.ts";

/** How a configuration is checked. */
export interface CheckOptions {
  /** Lets listeners and the management server have port 0, any free port. For tests; never set for a file. */
  readonly allowEphemeralPorts?: boolean;
  /** What relative paths are relative to: the folder of the configuration's file. Default: the working directory. */
  readonly directory?: string;
}

/** A configuration that is sound, or everything that is wrong with it. */
export type Checked =
  | { readonly configuration: Configuration }
  | { readonly problems: readonly [Problem, ...ReadonlyArray<Problem>] };

/** What a check has found, before the files that it names are opened. */
export interface Examined {
  readonly findings: ReadonlyArray<Finding>;
  /** The certificates and authorities of all sound parts, also when others have problems. */
  readonly sources: ReadonlyArray<PlacedSource>;
  /** Good only where there is no finding. */
  readonly configuration: () => Configuration;
}

/**
 * Checks what a file's default export, a JSON or YAML document or a test has written. Files that it names aren't
 * opened.
 */
export const checkConfiguration = (written: unknown, options: CheckOptions = {}): Checked => {
  const { findings, configuration } = examineConfiguration(written, options);
  const [first, ...others] = spellFindings(findings, written);
  return first === undefined ? { configuration: configuration() } : { problems: [first, ...others] };
};

/** Examines a written configuration; for who opens the files that it names and tells what is wrong with those too. */
export const examineConfiguration = (written: unknown, options: CheckOptions = {}): Examined => {
  const canListenAnywhere = options.allowEphemeralPorts === true;
  const sifted = siftConfiguration(written);
  const settled = sifted.loadBalancers.map((one) => settle(one, sifted, written, options.directory ?? "."));
  const findings: ReadonlyArray<Finding> = [
    ...findShapeProblems(written),
    ...findEmptiness(written),
    ...findInventoryProblems(sifted.inventory),
    ...sifted.loadBalancers.flatMap((one) => findListenerProblems(one, written, canListenAnywhere)),
    ...settled.flatMap((one) => one.findings),
    ...findBindProblems(sifted, canListenAnywhere),
  ];
  return {
    findings,
    sources: settled.flatMap(({ security, backendPolicies }) => [
      ...security.flatMap(({ sources }) => sources),
      ...backendPolicies.sources,
    ]),
    configuration: () =>
      assemble(
        sifted,
        sifted.loadBalancers.map((one, index) => assembleLoadBalancer(one, settled[index]!)),
      ),
  };
};

/** Findings in the order of the file, their places spelled out. */
export const spellFindings = (findings: ReadonlyArray<Finding>, written: unknown): ReadonlyArray<Problem> =>
  sortFindings(findings, written).map(({ place, problem, expected }) => ({
    path: spellPlace(place),
    problem,
    expected,
  }));

/** What the rules make of the parts of a load balancer. */
interface SettledLoadBalancer {
  readonly instances: SettledInstances["instances"];
  readonly attributes: SettledAttributes["attributes"];
  /** By listener. */
  readonly security: ReadonlyArray<SettledListenerSecurity>;
  readonly backendPolicies: SettledBackendPolicies;
  readonly findings: ReadonlyArray<Finding>;
}

const settle = (
  loadBalancer: SiftedLoadBalancer,
  { inventory }: SiftedConfiguration,
  written: unknown,
  directory: string,
): SettledLoadBalancer => {
  const instances = settleInstances(loadBalancer, inventory);
  const attributes = settleAttributes(loadBalancer, written);
  const own = settlePolicies(loadBalancer.policies);
  const security = loadBalancer.listeners.map((one) => settleListenerSecurity(one, own.policies, directory));
  const backendPolicies = settleBackendPolicies(loadBalancer, own.policies, directory);
  return {
    instances: instances.instances,
    attributes: attributes.attributes,
    security,
    backendPolicies,
    findings: [instances, attributes, own, ...security, backendPolicies].flatMap(({ findings }) => findings),
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
  { instances, attributes, security, backendPolicies }: SettledLoadBalancer,
): LoadBalancer => {
  const address = addressOf(bind);
  return {
    name,
    ...(address === undefined ? {} : { address }),
    listeners: listeners.map((listener, index) => {
      const own = security[index]?.security;
      const proof = isSecure(listener.instanceProtocol!)
        ? backendPolicies.byPort.get(listener.instancePort!)
        : undefined;
      return {
        protocol: listener.protocol!,
        port: listener.port!,
        instanceProtocol: listener.instanceProtocol!,
        instancePort: listener.instancePort!,
        ...(own === undefined ? {} : { security: own }),
        ...(proof === undefined ? {} : { instanceSecurity: proof }),
      };
    }),
    instances,
    attributes,
  };
};

const addressOf = (bind: SiftedLoadBalancer["bind"]): string | undefined =>
  bind.isKnown ? bind.address?.text : undefined;

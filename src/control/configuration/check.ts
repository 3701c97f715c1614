/**
 * Checks a written configuration and decodes it: all its problems at once, or the whole configuration.
 * The one gate between what people write and what control runs, at the start, at a reload and for `elbow check`.
 * Owns the order of the steps: shape, sift, rules. Pure; never reads a file.
 */

import { type Configuration, defaultShutdownGrace } from "../../model/configuration.ts";
import { toCookieSecret } from "../../model/cookie-secret.ts";
import { findHealthCheckProblems, type HealthCheck, settleHealthCheck } from "../../model/health-check.ts";
import type { LoadBalancer } from "../../model/load-balancer.ts";
import { isSecure } from "../../model/protocol.ts";
import { toOtlp } from "../../model/telemetry.ts";
import { findSharedFileProblems } from "./access-log-rules.ts";
import { type SettledAttributes, settleAttributes } from "./attribute-rules.ts";
import { type SettledBackendPolicies, settleBackendPolicies } from "./backend-policy-rules.ts";
import { findBindProblems } from "./bind-rules.ts";
import { findInventoryProblems, type SettledInstances, settleInstances } from "./instance-rules.ts";
import { type SettledListenerPolicies, settleListenerPolicies } from "./listener-policy-rules.ts";
import { findListenerProblems } from "./listener-rules.ts";
import { type SettledListenerSecurity, settleListenerSecurity } from "./listener-security-rules.ts";
import { type SettledManagement, settleManagement, type TokenFile } from "./management-rules.ts";
import type { LoadedPolicies } from "./policy-modules.ts";
import { type SettledPolicies, settlePolicies } from "./policy-rules.ts";
import { childOf, describeUndefined, type Finding, type Problem, sortFindings, spellPlace } from "./problem.ts";
import { type SettledTrustedProxies, settleTrustedProxies } from "./proxy-protocol-rules.ts";
import { findShapeProblems } from "./shape.ts";
import { type SiftedConfiguration, type SiftedLoadBalancer, siftConfiguration } from "./sift.ts";
import type { PlacedSource } from "./sources.ts";
import { type SettledStickiness, settleStickiness } from "./stickiness-rules.ts";

/** How a configuration is checked. */
export interface CheckOptions {
  /** Lets listeners and the management server have port 0, any free port. For tests; never set for a file. */
  readonly allowEphemeralPorts?: boolean;
  /** What relative paths are relative to: the folder of the configuration's file. Default: the working directory. */
  readonly directory?: string;
  /** The policy modules that the configuration names, imported. */
  readonly modules?: LoadedPolicies;
}

/** What a check has found, before the files that it names are opened. */
export interface Examined {
  readonly findings: ReadonlyArray<Finding>;
  /** The certificates and authorities of all sound parts, also when others have problems. */
  readonly sources: ReadonlyArray<PlacedSource>;
  /** The file of the management server's token; the configuration is without that token. */
  readonly tokenFile: TokenFile | undefined;
  /** Good only where there is no finding. */
  readonly configuration: () => Configuration;
}

/**
 * Examines what a file's default export, a JSON or YAML document or flags have written. For who opens the files that it
 * names and tells what is wrong with those too.
 */
export const examineConfiguration = (written: unknown, options: CheckOptions = {}): Examined => {
  const canListenAnywhere = options.allowEphemeralPorts === true;
  const sifted = siftConfiguration(written);
  const settled = sifted.loadBalancers.map((one) => settle(one, sifted, written, options));
  const management = settleManagement(sifted.management, options.directory ?? ".");
  const findings: ReadonlyArray<Finding> = [
    ...findShapeProblems(written),
    ...management.findings,
    ...findEmptiness(written),
    ...findUndefinedSecret(written),
    ...findInventoryProblems(sifted.inventory),
    ...sifted.loadBalancers.flatMap((one) => findListenerProblems(one, written, canListenAnywhere)),
    ...settled.flatMap((one) => one.findings),
    ...findSharedFileProblems(
      sifted.loadBalancers.map(({ place }, index) => ({
        place: [...place, "attributes", "accessLog"],
        accessLog: settled[index]!.attributes.accessLog,
      })),
    ),
    ...findBindProblems(sifted, canListenAnywhere),
  ];
  return {
    findings,
    sources: [
      ...management.sources,
      ...settled.flatMap(({ security, backendPolicies }) => [
        ...security.flatMap(({ sources }) => sources),
        ...backendPolicies.sources,
      ]),
    ],
    tokenFile: management.tokenFile,
    configuration: () =>
      assemble(
        sifted,
        management,
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
  readonly policies: SettledPolicies["policies"];
  /** By listener. */
  readonly security: ReadonlyArray<SettledListenerSecurity>;
  readonly proxies: ReadonlyArray<SettledTrustedProxies>;
  readonly backendPolicies: SettledBackendPolicies;
  /** By listener. */
  readonly stickiness: ReadonlyArray<SettledStickiness>;
  /** By listener. */
  readonly listenerPolicies: ReadonlyArray<SettledListenerPolicies>;
  readonly healthCheck: HealthCheck | undefined;
  readonly findings: ReadonlyArray<Finding>;
}

const settle = (
  loadBalancer: SiftedLoadBalancer,
  { inventory }: SiftedConfiguration,
  written: unknown,
  { directory = ".", modules = new Map() }: CheckOptions,
): SettledLoadBalancer => {
  const instances = settleInstances(loadBalancer, inventory);
  const attributes = settleAttributes(loadBalancer, written, directory);
  const own = settlePolicies(loadBalancer.policies, modules);
  const security = loadBalancer.listeners.map((one) => settleListenerSecurity(one, own.policies, directory));
  const proxies = loadBalancer.listeners.map(settleTrustedProxies);
  const backendPolicies = settleBackendPolicies(loadBalancer, own.policies, directory);
  const stickiness = loadBalancer.listeners.map((one) => settleStickiness(one, own.policies));
  const listenerPolicies = loadBalancer.listeners.map((one) => settleListenerPolicies(one, own.policies));
  const health = settleHealth(loadBalancer);
  return {
    instances: instances.instances,
    attributes: attributes.attributes,
    policies: own.policies,
    security,
    proxies,
    backendPolicies,
    stickiness,
    listenerPolicies,
    healthCheck: health.part.healthCheck,
    findings: [
      health,
      instances,
      attributes,
      own,
      ...security,
      ...proxies,
      backendPolicies,
      ...stickiness,
      ...listenerPolicies,
    ].flatMap(({ findings }) => findings),
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

/** Without a secret of its own a node would make cookies that the others don't know, and nobody would notice at once. */
const findUndefinedSecret = (written: unknown): ReadonlyArray<Finding> => {
  const isWritten = typeof written === "object" && written !== null && Object.hasOwn(written, "cookieSecret");
  return isWritten && childOf(written, "cookieSecret") === undefined ? [describeUndefined(["cookieSecret"])] : [];
};

/** No finding means that nothing was sifted out: every member is there. */
const assemble = (
  sifted: SiftedConfiguration,
  { management }: SettledManagement,
  loadBalancers: ReadonlyArray<LoadBalancer>,
): Configuration => ({
  management,
  ...otlpOf(sifted),
  shutdownGrace: sifted.shutdownGrace ?? defaultShutdownGrace,
  ...(sifted.maxConnections === undefined ? {} : { maxConnections: sifted.maxConnections }),
  ...(sifted.inventory.size === 0 ? {} : { inventory: soundEntriesOf(sifted.inventory) }),
  ...(sifted.cookieSecret === undefined ? {} : { cookieSecrets: [sifted.cookieSecret].flat().map(toCookieSecret) }),
  ...(sifted.watch === undefined ? {} : { watch: sifted.watch }),
  ...(sifted.zone === undefined ? {} : { zone: sifted.zone }),
  ...(sifted.account === undefined ? {} : { account: sifted.account }),
  ...(sifted.region === undefined ? {} : { region: sifted.region }),
  loadBalancers,
});

const otlpOf = ({ telemetry }: SiftedConfiguration): Pick<Configuration, "otlp"> => {
  const otlp = toOtlp(telemetry);
  return otlp === undefined ? {} : { otlp };
};

const soundEntriesOf = (inventory: SiftedConfiguration["inventory"]): NonNullable<Configuration["inventory"]> =>
  new Map([...inventory].flatMap(([id, entry]) => (entry === undefined ? [] : [[id, entry] as const])));

const assembleLoadBalancer = (
  { name, bind, listeners }: SiftedLoadBalancer,
  {
    instances,
    attributes,
    policies,
    security,
    proxies,
    backendPolicies,
    stickiness: settledStickiness,
    listenerPolicies,
    healthCheck,
  }: SettledLoadBalancer,
): LoadBalancer => {
  const address = addressOf(bind);
  const securityPolicies = [...policies.values()].flatMap(({ negotiation }) => negotiation ?? []);
  return {
    name,
    ...(address === undefined ? {} : { address }),
    listeners: listeners.map((listener, index) => {
      const own = security[index]?.security;
      const trustedProxies = proxies[index]?.trustedProxies;
      const stickiness = settledStickiness[index]?.stickiness;
      const { policies = [], balancer } = listenerPolicies[index] ?? {};
      const instancePreamble = backendPolicies.preambles.get(listener.instancePort!);
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
        ...(trustedProxies === undefined ? {} : { trustedProxies }),
        ...(instancePreamble === undefined ? {} : { instancePreamble }),
        ...(stickiness === undefined ? {} : { stickiness }),
        ...(balancer === undefined ? {} : { balancer }),
        ...(policies.length === 0 ? {} : { policies }),
      };
    }),
    instances,
    attributes,
    ...(healthCheck === undefined ? {} : { healthCheck }),
    ...(securityPolicies.length === 0 ? {} : { securityPolicies }),
  };
};

/** What the settling of a health check needs of a load balancer. */
interface Checked extends Pick<SiftedLoadBalancer, "place" | "healthCheck"> {
  readonly listeners: ReadonlyArray<{ readonly instancePort: number | undefined }>;
}

/** The health check of a load balancer, and what is wrong in it; without a target, the first listener's instance port is asked. */
export const settleHealth = ({ place, healthCheck, listeners }: Checked) => {
  if (healthCheck === undefined) return { part: {}, findings: [] };
  return {
    part: { healthCheck: settleHealthCheck(healthCheck, listeners[0]?.instancePort ?? 80) },
    findings: findHealthCheckProblems(healthCheck).map(
      ({ key, problem, expected }): Finding => ({ place: [...place, "healthCheck", key], problem, expected }),
    ),
  };
};

const addressOf = (bind: SiftedLoadBalancer["bind"]): string | undefined =>
  bind.isKnown ? bind.address?.text : undefined;

// Configurations with health checks that are quicker than AWS allows, so that a test needn't wait for half a minute.
import type { Configuration } from "../../src/model/configuration.ts";
import { defaultHealthCheck, type HealthCheck } from "../../src/model/health-check.ts";
import { configurationOf, type RunningElbow, type WrittenLoadBalancer } from "./elbow.ts";
import { eventually } from "./eventually.ts";

/** Asks `/ping` five times a second, of whatever port an instance has; two answers in a row decide. */
export const quickCheck: HealthCheck = {
  ...defaultHealthCheck,
  target: { protocol: "HTTP", port: 9, path: "/ping" },
  interval: 0.2,
  // Long beside what an answer takes on a busy machine: a test that wants silence noticed waits for it.
  timeout: 1,
  healthyThreshold: 2,
};

/** Load balancers as tests write them, each with this health check. */
export const withHealth = (
  loadBalancers: ReadonlyArray<WrittenLoadBalancer>,
  healthCheck: HealthCheck = quickCheck,
): Configuration => {
  const configuration = configurationOf(loadBalancers);
  return { ...configuration, loadBalancers: configuration.loadBalancers.map((one) => ({ ...one, healthCheck })) };
};

/** Waits until the instance on a port is (or isn't) in service; one that isn't there is neither. */
export const instanceIs = (
  elbow: RunningElbow,
  state: "InService" | "OutOfService",
  { port }: { readonly port: number },
  timeoutMs = 10_000,
): Promise<unknown> =>
  eventually(
    () => elbow.status().some(({ instances }) => instances.some((one) => one.port === port && one.state === state)),
    { what: `the instance on port ${port} ${state}`, timeoutMs },
  );

// Written configurations for the tests of the check, and their outcome as a configuration or as lines.
import { type CheckOptions, checkConfiguration } from "../../../../src/control/configuration/check.ts";
import { formatProblems } from "../../../../src/control/configuration/configuration-error.ts";

export const decode = (written: unknown, options?: CheckOptions) => {
  const checked = checkConfiguration(written, options);
  if ("problems" in checked) throw new Error(formatProblems(checked));
  return checked.configuration;
};

export const refuse = (written: unknown, options?: CheckOptions): ReadonlyArray<string> => {
  const checked = checkConfiguration(written, options);
  return "problems" in checked ? formatProblems(checked).split("\n") : [];
};

export const listener = { protocol: "HTTP", port: 8080, instancePort: 80 };
export const web = (members: object) => ({
  loadBalancers: { web: { listeners: [listener], instances: [], ...members } },
});
export const listening = (...listeners: ReadonlyArray<object>) => web({ listeners });
export const balancing = (instances: ReadonlyArray<unknown>, inventory: object = {}) => ({
  instances: inventory,
  ...web({ instances }),
});
export const two = (one: object, other: object, rest: object = {}) => ({
  ...rest,
  loadBalancers: { one: { instances: [], ...one }, two: { instances: [], ...other } },
});
export const tcp = (port: number) => ({ listeners: [{ protocol: "TCP", port, instancePort: 1 }] });

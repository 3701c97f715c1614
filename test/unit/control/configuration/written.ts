// Written configurations for the tests of the check, and their outcome as a configuration or as lines.
import { type CheckOptions, examineConfiguration, spellFindings } from "../../../../src/control/configuration/check.ts";
import { formatProblems } from "../../../../src/control/configuration/configuration-error.ts";

const check = (written: unknown, options?: CheckOptions) => {
  const { findings, configuration } = examineConfiguration(written, options);
  const problems = spellFindings(findings, written);
  return { lines: problems.length === 0 ? [] : formatProblems({ problems }).split("\n"), configuration };
};

export const decode = (written: unknown, options?: CheckOptions) => {
  const { lines, configuration } = check(written, options);
  if (lines.length > 0) throw new Error(lines.join("\n"));
  return configuration();
};

export const refuse = (written: unknown, options?: CheckOptions): ReadonlyArray<string> =>
  check(written, options).lines;

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

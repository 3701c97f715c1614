/**
 * The rule about what this process binds: no two listeners, nor a listener and the management server, want one port
 * on one address.
 * The second half of a check. Owns the overlap of addresses; whether a port is free on this machine it can't know.
 */
import type { Address } from "../../model/address.ts";
import { defaultManagement } from "../../model/management.ts";
import { zeroPort } from "./listener-rules.ts";
import { type Finding, type Place, spellPlace } from "./problem.ts";
import type { SiftedConfiguration } from "./sift.ts";

/** One port on one address, or on every address where there is none. */
interface Binding {
  readonly place: Place;
  readonly owner: Place;
  readonly address: Address | undefined;
  readonly port: number;
}

/** Where two would bind the same, or a port that nobody can name. */
export const findBindProblems = (
  configuration: SiftedConfiguration,
  canListenAnywhere: boolean,
): ReadonlyArray<Finding> => {
  const { management, loadBalancers } = configuration;
  const findings: Array<Finding> = [];
  if (management.port === 0 && !canListenAnywhere) findings.push(zeroPort(["management", "port"]));

  const bindings = managementBinding(configuration);
  for (const { place: owner, bind, listeners } of loadBalancers) {
    if (!bind.isKnown) continue;
    for (const { place, port } of listeners) {
      if (port === undefined || port === 0) continue;
      const binding: Binding = { place: [...place, "port"], owner, address: bind.address, port };
      // Within a load balancer the port alone is the key, which listener-rules.ts tells.
      const other = bindings.find((earlier) => earlier.owner !== owner && isClash(earlier, binding));
      if (other !== undefined) findings.push(describeClash(binding, other, management.isPortWritten));
      bindings.push(binding);
    }
  }
  return findings;
};

const managementBinding = ({ management }: SiftedConfiguration): Array<Binding> => {
  const port = management.isPortWritten ? management.port : defaultManagement.port;
  if (!management.bind.isKnown || port === undefined || port === 0) return [];
  const address = management.bind.address ?? { family: 4, text: defaultManagement.address };
  return [{ place: ["management", "port"], owner: ["management"], address, port }];
};

const isClash = (one: Binding, other: Binding): boolean => {
  if (one.port !== other.port) return false;
  if (one.address?.text === other.address?.text) return true;
  return covers(one.address, other.address) || covers(other.address, one.address);
};

/** Whether binding the first takes the second's address too: `::` is dual-stack and takes IPv4 (RFC 3493 §3.7). */
const covers = (wide: Address | undefined, other: Address | undefined): boolean => {
  if (wide === undefined || wide.text === "::") return true;
  return wide.text === "0.0.0.0" && (other === undefined || other.family === 4);
};

const describeClash = (binding: Binding, other: Binding, isManagementPortWritten: boolean): Finding => {
  const isDefault = other.place[0] === "management" && !isManagementPortWritten;
  return {
    place: binding.place,
    problem: `${binding.port} on ${spellAddress(binding.address)} clashes with ${spellPlace(other.place)}${isDefault ? " (its default)" : ""} on ${spellAddress(other.address)}`,
    expected: "another port, or an `address` for each that doesn't overlap",
  };
};

const spellAddress = (address: Address | undefined): string => {
  if (address === undefined) return "every address";
  if (address.text === "0.0.0.0") return "every IPv4 address (0.0.0.0)";
  return address.text === "::" ? "every address (::)" : address.text;
};

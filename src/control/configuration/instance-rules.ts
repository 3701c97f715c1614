/**
 * Settles what every entry of an instance list names, with the inventory at hand, and what is wrong with it.
 * The second half of a check, and the only place where a written instance becomes an `Instance`.
 * Owns the order of look-up: inventory id, then address or host name. Never resolves a name.
 */
import { parseHost, splitHostAndPort } from "../../model/host.ts";
import { type Instance, instanceIdDescription, instanceTextDescription, isInstanceId } from "../../model/instance.ts";
import { findNearestName } from "./nearest-name.ts";
import { type Finding, spellPlace, spellValue } from "./problem.ts";
import type { SiftedConfiguration, SiftedInstance, SiftedLoadBalancer } from "./sift.ts";

type Inventory = SiftedConfiguration["inventory"];

/** The instances of one load balancer, and what is wrong with the entries that are none. */
export interface SettledInstances {
  readonly instances: ReadonlyArray<Instance>;
  readonly findings: ReadonlyArray<Finding>;
}

/** Ids that no entry could be found by. */
export const findInventoryProblems = (inventory: Inventory): ReadonlyArray<Finding> =>
  [...inventory.keys()].flatMap((id) => {
    const { title, expected } = instanceIdDescription;
    if (isInstanceId(id)) return [];
    return [{ place: ["instances", id], problem: `${spellValue(id)} is not ${title}`, expected }];
  });

/** What the settling of an instance list needs of a load balancer. */
interface Listing extends Pick<SiftedLoadBalancer, "instances"> {
  readonly listeners: ReadonlyArray<{ readonly instancePort: number | undefined }>;
}

/** An instance, and the entry that names it. */
interface Settled {
  readonly order: number;
  readonly entry: SiftedInstance;
  readonly instance: Instance;
}

/** Settles the instance list of one load balancer; looks for twins by key, since lists can be long. */
export const settleInstances = (loadBalancer: Listing, inventory: Inventory): SettledInstances => {
  const findings: Array<Finding> = [];
  const settled: Array<Settled> = [];
  const byId = new Map<string, Settled>();
  const byServer = new Map<string, Settled>();
  const ports = instancePortsOf(loadBalancer);
  for (const entry of loadBalancer.instances) {
    const named = nameInstance(entry, inventory);
    if (named === undefined) continue;
    if ("problem" in named) {
      findings.push(named);
      continue;
    }
    if (named.port !== undefined && ports.length > 1) findings.push(ambiguousOverride(entry, named.port, ports));
    const server = serverOf(named, ports);
    const twin = earlierOf(byId.get(named.id), byServer.get(server));
    if (twin !== undefined) {
      findings.push(duplicate(entry, twin.entry, named.id === twin.instance.id));
      continue;
    }
    const one = { order: settled.length, entry, instance: named };
    settled.push(one);
    byId.set(named.id, one);
    byServer.set(server, one);
  }
  return { instances: settled.map(({ instance }) => instance), findings };
};

/** An instance, a finding, or nothing where the inventory entry itself is broken and has been told. */
export const nameInstance = ({ place, text }: SiftedInstance, inventory: Inventory): Instance | Finding | undefined => {
  const split = inventory.has(text) ? { host: text } : splitHostAndPort(text);
  if (split !== undefined && inventory.has(split.host)) {
    const entry = inventory.get(split.host);
    return entry && { id: split.host, ...entry, ...(split.port === undefined ? {} : { port: split.port }) };
  }
  const { title, expected } = instanceTextDescription;
  if (split === undefined) return { place, problem: `${spellValue(text)} is not ${title}`, expected };
  const host = /^i-/i.test(split.host) ? undefined : parseHost(split.host);
  if (host !== undefined) return { id: text, host, ...(split.port === undefined ? {} : { port: split.port }) };
  const nearest = findNearestName(split.host, inventory.keys());
  const isIdLike = nearest !== undefined || isInstanceId(split.host);
  return {
    place,
    problem: isIdLike
      ? `${spellValue(split.host)} is not in the inventory${nearest === undefined ? "" : `; did you mean ${spellValue(nearest)}?`}`
      : `${spellValue(text)} is not ${title}`,
    expected,
  };
};

const instancePortsOf = ({ listeners }: Listing): ReadonlyArray<number> => [
  ...new Set(listeners.flatMap(({ instancePort }) => instancePort ?? [])),
];

/** An override would send every listener to one port, though they were told to go to different ones. */
const ambiguousOverride = ({ place, text }: SiftedInstance, port: number, ports: ReadonlyArray<number>): Finding => ({
  place,
  problem: `port ${port} of ${spellValue(text)} overrides the instance port, but the listeners have different ones (${ports.join(", ")})`,
  expected: "an instance without a port, or a load balancer for each instance port",
});

/** Elastic Load Balancing registers an instance once; twice would double its share and its health checks. */
const serverOf = ({ host, port }: Instance, ports: ReadonlyArray<number>): string =>
  `${host} ${port ?? (ports.length === 1 ? ports[0] : "")}`;

const earlierOf = (one: Settled | undefined, other: Settled | undefined): Settled | undefined =>
  one === undefined || (other !== undefined && other.order < one.order) ? other : one;

const duplicate = (entry: SiftedInstance, twin: SiftedInstance, isSameId: boolean): Finding => ({
  place: entry.place,
  problem: isSameId
    ? `${spellValue(entry.text)} is already ${spellPlace(twin.place)}`
    : `${spellValue(entry.text)} is the same server as ${spellValue(twin.text)}, ${spellPlace(twin.place)}`,
  expected: "each instance once",
});

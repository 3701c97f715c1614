// What becomes of instances that were registered, deregistered and drained at run time when a file is read anew.
//
// Such a change holds as long as the file leaves the instance's entry as it was, and ends with the process: a deployment that
// has taken an instance out must not see it come back because somebody has changed a timeout. Attributes and health checks
// are the file's. Pure.
import { Equal } from "effect";
import type { Configuration } from "../model/configuration.ts";
import type { Instance } from "../model/instance.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { settleInstances } from "./configuration/instance-rules.ts";

/**
 * What a file says, with the instances that were registered, deregistered and drained at run time.
 *
 * *Details*: `before` is what the file said so far, `present` what changes at run time have made of it. A change ends where
 * the file now lists what was registered, has another entry for it, or would be refused with it.
 */
export const carryOver = (before: Configuration, present: Configuration, next: Configuration): Configuration => {
  const entryOf = (configuration: Configuration, id: string) => configuration.inventory?.get(id);
  const hasSameEntry = ({ id }: Instance): boolean => Equal.equals(entryOf(before, id), entryOf(next, id));
  return {
    ...next,
    loadBalancers: next.loadBalancers.map((loadBalancer) => {
      const said = instancesOf(before, loadBalancer.name);
      const running = instancesOf(present, loadBalancer.name);
      const listed = new Set(loadBalancer.instances.map(({ id }) => id));
      const isSame = (one: Instance): boolean => said.has(one.id) && Equal.equals(said.get(one.id), one);
      const kept = loadBalancer.instances
        .filter((one) => running.has(one.id) || !isSame(one))
        .map((one) => (isSame(one) ? withDrain(one, running.get(one.id)) : one));
      const added = [...running.values()].filter(({ id }) => !said.has(id) && !listed.has(id)).filter(hasSameEntry);
      const isWritten = kept.every((one) => one.drainedSinceMs === undefined);
      if (kept.length === listed.size && added.length === 0 && isWritten) return loadBalancer;
      return { ...loadBalancer, instances: withAll(loadBalancer, kept, added) };
    }),
  };
};

const withDrain = (written: Instance, running: Instance | undefined): Instance =>
  running?.drainedSinceMs === undefined ? written : { ...written, drainedSinceMs: running.drainedSinceMs };

const instancesOf = ({ loadBalancers }: Configuration, name: string): ReadonlyMap<string, Instance> =>
  new Map(loadBalancers.find((one) => one.name === name)?.instances.map((one) => [one.id, one]));

/** Those that were added, too, unless the file now has something that can't be beside them. */
const withAll = (
  { listeners }: LoadBalancer,
  kept: ReadonlyArray<Instance>,
  added: ReadonlyArray<Instance>,
): ReadonlyArray<Instance> => {
  const inventory = new Map([...kept, ...added].map(({ id, ...entry }) => [id, entry]));
  const instances = [...inventory.keys()].map((text) => ({ place: ["instances", text], text }));
  return settleInstances({ instances, listeners }, inventory).findings.length === 0 ? [...kept, ...added] : kept;
};

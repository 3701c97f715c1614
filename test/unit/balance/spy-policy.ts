// A balancing policy that picks the first member of its list, writes down what it is told, and insists on its contract.
import { type Balancer, type BalancerMember, type BalancerPolicy, defineBalancer } from "../../../src/policy/index.ts";

/** Writes `+a` and `-a` for members that join and leave, `(a` and `)a` for leases, `a=2` for weights. */
export const makeSpyPolicy = (log: Array<string>, name = "first"): BalancerPolicy =>
  defineBalancer({
    name,
    make: <M extends BalancerMember>(): Balancer<M> => {
      const counts = new Map<M, number>();
      const told = (member: M, change: number): void => {
        const count = counts.get(member);
        if (count === undefined) throw new Error(`told of ${member.name}, which isn't here`);
        if (member.outstanding !== count + change)
          throw new Error(`${member.name} has ${member.outstanding}, not ${count}${change < 0 ? "" : "+"}${change}`);
        counts.set(member, member.outstanding);
      };
      return {
        add: (member) => {
          if (counts.has(member)) throw new Error(`${member.name} joins twice`);
          if (!(member.weight > 0)) throw new Error(`${member.name} weighs ${member.weight}`);
          counts.set(member, member.outstanding);
          log.push(`+${member.name}`);
        },
        remove: (member) => {
          if (!counts.delete(member)) throw new Error(`${member.name} leaves twice`);
          log.push(`-${member.name}`);
        },
        pick: (_key, exclude) => [...counts.keys()].find((member) => exclude?.has(member) !== true),
        leased: (member) => {
          told(member, 1);
          log.push(`(${member.name}`);
        },
        returned: (member) => {
          told(member, -1);
          log.push(`)${member.name}`);
        },
        reweighed: (member) => {
          told(member, 0);
          log.push(`${member.name}=${member.weight}`);
        },
      };
    },
  });

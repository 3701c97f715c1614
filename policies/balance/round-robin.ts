/**
 * Round robin: each member in turn, in the order of the list. What a Classic Load Balancer does on TCP listeners
 * (AWS: "How Elastic Load Balancing works", routing algorithm).
 * Owns one position; never counts leases, since they don't change whose turn it is.
 */
import { type Balancer, type BalancerMember, defineBalancer } from "elbow";

export default defineBalancer({
  name: "round-robin",
  make: <M extends BalancerMember>(members: ReadonlyArray<M>): Balancer<M> => {
    const count = members.length;
    let turn = 0;
    return {
      pick(exclude) {
        for (let tried = 0; tried < count; tried++) {
          const member = members[turn]!;
          turn = turn + 1 === count ? 0 : turn + 1;
          if (exclude === undefined || !exclude.has(member)) return member;
        }
        return undefined;
      },
      leased() {},
      returned() {},
    };
  },
});

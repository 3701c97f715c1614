// A balancer with members that are not there, and the exchanges on them: what a listener would do with it, and no more.
import type { Balancer, BalancerMember, BalancerPolicy } from "../../../../src/policy/index.ts";

export interface TableMember extends BalancerMember {
  weight: number;
  outstanding: number;
}

export const makeTableMember = (name: string, weight = 1): TableMember => ({ id: name, name, weight, outstanding: 0 });

/** As many members, `i-0` and on. */
export const makeTableMembers = (count: number, weight = 1): ReadonlyArray<TableMember> =>
  Array.from({ length: count }, (_, index) => makeTableMember(`i-${index}`, weight));

export class Table {
  readonly balancer: Balancer<TableMember>;

  constructor(policy: BalancerPolicy, members: ReadonlyArray<TableMember>, seed = 1) {
    this.balancer = policy.make({ seed });
    for (const member of members) this.balancer.add(member);
  }

  /** Picks and leaves it at that. */
  pick(exclude?: ReadonlySet<TableMember>, key = 0): TableMember | undefined {
    return this.balancer.pick(key, exclude);
  }

  /** The ids of the next picks, none of which is kept. */
  picks(count: number): ReadonlyArray<string> {
    return Array.from({ length: count }, () => this.pick()?.id ?? "nobody");
  }

  /** Picks, and begins an exchange with whom it gets. */
  lease(exclude?: ReadonlySet<TableMember>, key = 0): TableMember | undefined {
    const member = this.pick(exclude, key);
    if (member !== undefined) this.begin(member);
    return member;
  }

  begin(member: TableMember): void {
    member.outstanding++;
    this.balancer.leased(member);
  }

  end(member: TableMember): void {
    member.outstanding--;
    this.balancer.returned(member);
  }

  reweigh(member: TableMember, weight: number): void {
    member.weight = weight;
    this.balancer.reweighed(member);
  }
}

/** How often each id comes. */
export const countById = (ids: ReadonlyArray<string>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
};

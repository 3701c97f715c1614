// One address of one instance as the data path uses it: where to dial, the connections kept for it, what is counted.
//
// Lives as long as its instance and address stay in the configuration, whatever else a reload changes.
import type { Member } from "../balance/member.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { InstanceCounters } from "../observe/counters.ts";
import { Pool } from "./pool.ts";

export class BackendMember implements Member {
  outstanding = 0;
  readonly pool = new Pool();
  readonly counters = new InstanceCounters();

  constructor(
    readonly id: string,
    readonly endpoint: Endpoint,
  ) {}
}

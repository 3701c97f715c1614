// One address of one instance as the data path uses it: where to dial, the connections kept for it, what is counted.
//
// Lives as long as its instance and address, and what the instance must prove, stay in the configuration, whatever else a
// reload changes.
import { Member } from "../balance/member.ts";
import { dial } from "../net/dial.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { DialSecurity } from "../net/secure-dial.ts";
import { InstanceCounters } from "../observe/counters.ts";
import { Pool } from "./pool.ts";
import { type PoolTerms, passivePoolTerms } from "./pool-terms.ts";
import { type OpenConnection, Reserve } from "./reserve.ts";

/** What checks say of an address. */
export interface Health {
  readonly isInService: boolean;
}

/** An address of an instance behind a load balancer, whatever is asked of it there. */
export interface Place {
  /** How many members have not left. */
  registered: number;
}

export class BackendMember extends Member {
  readonly counters = new InstanceCounters();
  readonly reserve: Reserve;
  readonly pool: Pool;
  /** Where it stands, with those that were there before it and those that come after; alone in tests. */
  place: Place = { registered: 0 };
  private hasLeft = false;
  /** Its health checks, where there are any. */
  health: Health | undefined = undefined;
  private poolTerms: PoolTerms = passivePoolTerms;
  private isResting = false;

  constructor(
    id: string,
    readonly endpoint: Endpoint,
    /** How TLS is spoken to it; undefined where bytes go in clear. */
    readonly security?: DialSecurity | undefined,
    open: OpenConnection = dial,
  ) {
    super(id, `${id} ${endpoint}`);
    this.reserve = new Reserve(this, open);
    this.pool = new Pool(this.reserve);
  }

  /** Its place is another member's now, one that must prove something else: nothing more may begin on it. */
  get isSuperseded(): boolean {
    return this.hasLeft && this.place.registered > 0;
  }

  /** Whether it may be picked, as far as its checks say. */
  get isInService(): boolean {
    return this.health?.isInService !== false;
  }

  /** Follows other terms, at once and without losing a connection that they allow; begins to open ahead of demand. */
  keep(terms: PoolTerms): void {
    this.poolTerms = terms;
    this.followHealth();
  }

  /** Its checks have moved it: out of service, it keeps no idle connection and opens none; what is in use goes on. */
  followHealth(): void {
    if (this.hasLeft) return;
    if (!this.isInService) {
      this.isResting = true;
      this.reserve.stop();
      this.pool.close();
      return;
    }
    if (this.isResting) {
      this.isResting = false;
      this.pool.open();
      this.enterService(performance.now());
    }
    this.pool.keep(this.poolTerms);
    this.reserve.keep(this.poolTerms.minIdle, this.poolTerms.connectTimeoutMs);
  }

  /** Has left: closes what is idle, opens and keeps nothing more until {@link comeBack}. */
  leave(): void {
    this.hasLeft = true;
    this.reserve.stop();
    this.pool.close();
  }

  /** Keeps connections again. */
  comeBack(): void {
    this.hasLeft = false;
    this.isResting = false;
    this.pool.open();
  }
}

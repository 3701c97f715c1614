// One address of one instance as the data path uses it: where to dial, the connections kept for it, what is counted.
//
// Lives as long as its instance and address, and what the instance must prove, stay in the configuration, whatever else a
// reload changes.
import type { Member } from "../balance/member.ts";
import { dial } from "../net/dial.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { DialSecurity } from "../net/secure-dial.ts";
import { InstanceCounters } from "../observe/counters.ts";
import { Pool } from "./pool.ts";
import type { PoolTerms } from "./pool-terms.ts";
import { type OpenConnection, Reserve } from "./reserve.ts";

export class BackendMember implements Member {
  outstanding = 0;
  readonly counters = new InstanceCounters();
  readonly reserve: Reserve;
  readonly pool: Pool;

  constructor(
    readonly id: string,
    readonly endpoint: Endpoint,
    /** How TLS is spoken to it; undefined where bytes go in clear. */
    readonly security?: DialSecurity | undefined,
    open: OpenConnection = dial,
  ) {
    this.reserve = new Reserve(this, open);
    this.pool = new Pool(this.reserve);
  }

  /** Follows other terms, at once and without losing a connection that they allow; begins to open ahead of demand. */
  keep(terms: PoolTerms): void {
    this.pool.keep(terms);
    this.reserve.keep(terms.minIdle, terms.connectTimeoutMs);
  }

  /** Has left: closes what is idle, opens and keeps nothing more until {@link comeBack}. */
  leave(): void {
    this.reserve.stop();
    this.pool.close();
  }

  /** Keeps connections again. */
  comeBack(): void {
    this.pool.open();
  }
}

// One address of one instance as the data path uses it: where to dial, the connections kept for it, what is counted.
//
// Lives as long as its instance and address, and what the instance must prove, stay in the configuration, whatever else a
// reload changes.
import { Member } from "../balance/member.ts";
import type { Reason } from "../errors.ts";
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
  /** Nothing is known yet: it has neither passed nor failed often enough. */
  readonly isRegistering: boolean;
}

/** How an exchange or a connection went wrong: the status of the instance's answer, or what kept it from coming whole. */
export type TrafficFailure = number | Reason;

/** Who looks at what traffic says of an address. */
export interface TrafficWatch {
  /** The address gets no traffic for a while. */
  readonly isEjected: boolean;
  /** One of its members has failed once more; it has counted that already. */
  onFailure(member: BackendMember, failure: TrafficFailure): void;
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
  /** What gives up each dial under way to it for a client. */
  readonly dials = new Set<() => void>();
  private hasLeft = false;
  private isCut = false;
  /** Its health checks, where there are any. */
  health: Health | undefined = undefined;
  /** Where its traffic is watched, by whom. */
  watch: TrafficWatch | undefined = undefined;
  /** Exchanges, or dials for one, that have failed in a row; counted while somebody watches. */
  failuresInARow = 0;
  /** Where its instance is, as far as anybody has said. */
  zone: string | undefined = undefined;
  private poolTerms: PoolTerms = passivePoolTerms;
  private isChosen = true;

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

  /**
   * Nothing more may begin on it, not even what was under way to it: its place is another member's now, one that must prove
   * something else, or its time to finish is over.
   */
  get isSuperseded(): boolean {
    return this.hasLeft && (this.isCut || this.place.registered > 0);
  }

  /** Ends every dial under way to it for a client, who goes on to another; and once it has left, none can begin. */
  cutDials(): void {
    this.isCut = this.hasLeft;
    for (const giveUp of [...this.dials]) giveUp();
  }

  /** Whether its checks and its traffic find it well. */
  get isInService(): boolean {
    return this.health?.isInService !== false && this.watch?.isEjected !== true;
  }

  /** Whether its checks have yet to say anything. */
  get isRegistering(): boolean {
    return this.health?.isRegistering === true;
  }

  /** An exchange went well, or a layer-4 connection stands. */
  noteSuccess(): void {
    if (this.failuresInARow !== 0) this.failuresInARow = 0;
  }

  /** It has answered with this status, and the answer is whole. */
  noteStatus(status: number): void {
    if (status >= 500) this.noteFailure(status);
    else this.noteSuccess();
  }

  noteFailure(failure: TrafficFailure): void {
    if (this.watch === undefined) return;
    this.failuresInARow++;
    this.watch.onFailure(this, failure);
  }

  /** Follows other terms, at once and without losing a connection that they allow; begins to open ahead of demand. */
  keep(terms: PoolTerms): void {
    this.poolTerms = terms;
    this.followChoice();
  }

  /** Whether its listeners may pick it. One that they may not keeps no idle connection and opens none; what is in use goes on. */
  setChosen(isChosen: boolean): void {
    if (isChosen === this.isChosen) return;
    this.isChosen = isChosen;
    if (isChosen) this.enterService(performance.now());
    this.followChoice();
  }

  private followChoice(): void {
    if (this.hasLeft) return;
    if (!this.isChosen) {
      this.reserve.stop();
      this.pool.close();
      return;
    }
    this.pool.open();
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
    this.isCut = false;
    if (this.isChosen) this.pool.open();
  }
}

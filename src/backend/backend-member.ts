// One address of one instance as the data path uses it: where to dial, the connections kept for it, what is counted.
//
// Lives as long as its instance and address, and what the instance must prove, stay in the configuration, whatever else a
// reload changes.
import { type BalanceTerms, defaultBalanceTerms, Member } from "../balance/member.ts";
import type { Reason } from "../errors.ts";
import { dial } from "../net/dial.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { DialSecurity } from "../net/secure-dial.ts";
import { FixedText } from "../observe/access-log/fixed-text.ts";
import { InstanceCounters, type LoadBalancerCounters } from "../observe/counters.ts";
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

/** Whether its checks and its traffic find an address well; who is asked nothing, or not watched, counts as well. */
export const isInService = (
  health: Pick<Health, "isInService"> | undefined,
  watch: Pick<TrafficWatch, "isEjected"> | undefined,
): boolean => health?.isInService !== false && watch?.isEjected !== true;

/** What others find out or decide about a member. */
export interface MemberTerms {
  /** Its share. */
  readonly balance: BalanceTerms;
  /** Its health checks, where there are any. */
  readonly health: Health | undefined;
  /** Where its traffic is watched, by whom. */
  readonly watch: TrafficWatch | undefined;
  /** Where its instance is, as far as anybody has said. */
  readonly zone: string | undefined;
  /** An operator has drained its instance. */
  readonly isDrained: boolean;
  /** What policies tell its instance apart by. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

const defaultMemberTerms: MemberTerms = {
  balance: defaultBalanceTerms,
  health: undefined,
  watch: undefined,
  zone: undefined,
  isDrained: false,
};

/** A dial for a client. */
export interface ClientDial {
  /** Nothing may begin on the member any more: the client goes on to another. */
  giveUp(): void;
}

/** An address of an instance behind a load balancer, whatever is asked of it there. */
export interface Place {
  /** How many members have not left. */
  registered: number;
  /** The load balancer's counts, where somebody keeps them. */
  readonly totals?: LoadBalancerCounters | undefined;
}

export class BackendMember extends Member {
  readonly counters: InstanceCounters;
  readonly reserve: Reserve;
  readonly pool: Pool;
  /** Those under way to it for clients. */
  readonly dials = new Set<ClientDial>();
  /** Registered; or it has left, with something to finish; or the time for that is over. */
  private life: "here" | "left" | "cut" = "here";
  private standing = defaultMemberTerms;
  private failures = 0;
  /** The last of them was a dial. */
  private isUnreached = false;
  private addressText: FixedText | undefined = undefined;
  private poolTerms: PoolTerms = passivePoolTerms;
  private isChosen = true;

  constructor(
    id: string,
    readonly endpoint: Endpoint,
    /** How TLS is spoken to it; undefined where bytes go in clear. */
    readonly security?: DialSecurity | undefined,
    /** Where it stands, with those that were there before it and those that come after; by itself in tests. */
    readonly place: Place = { registered: 0 },
    open: OpenConnection = dial,
  ) {
    super(id, `${id} ${endpoint}`);
    this.counters = new InstanceCounters(place.totals);
    this.reserve = new Reserve(this, open);
    this.pool = new Pool(this.reserve);
  }

  /**
   * Nothing more may begin on it, not even what was under way to it: its place is another member's now, one that must prove
   * something else, or its time to finish is over.
   */
  get isSuperseded(): boolean {
    return this.life === "cut" || (this.life === "left" && this.place.registered > 0);
  }

  /** Ends every dial under way to it for a client, who goes on to another; and once it has left, none can begin. */
  cutDials(): void {
    if (this.life === "left") this.life = "cut";
    for (const dial of [...this.dials]) dial.giveUp();
  }

  /** Its address and port as access logs write them, an IPv6 address bare. */
  get loggedAddress(): FixedText {
    const { address, port } = this.endpoint;
    this.addressText ??= new FixedText(`${address}:${port}`);
    return this.addressText;
  }

  /** Its health checks, where there are any. */
  get health(): Health | undefined {
    return this.standing.health;
  }

  /** Where its traffic is watched, by whom. */
  get watch(): TrafficWatch | undefined {
    return this.standing.watch;
  }

  /** Where its instance is, as far as anybody has said. */
  get zone(): string | undefined {
    return this.standing.zone;
  }

  /** What policies tell its instance apart by; undefined where nothing was said. */
  get tags(): Readonly<Record<string, string>> | undefined {
    return this.standing.tags;
  }

  /** Exchanges, or dials for one, that have failed in a row; counted while somebody watches. */
  get failuresInARow(): number {
    return this.failures;
  }

  /** An operator has drained its instance: nothing new begins on it, whatever its health. */
  get isDrained(): boolean {
    return this.standing.isDrained;
  }

  /** Follows other terms, at once; the time is monotonic, in milliseconds. */
  follow(terms: MemberTerms, nowMs: number): void {
    this.standing = terms;
    this.setTerms(terms.balance, nowMs);
  }

  /** Whether its checks and its traffic find it well. */
  get isInService(): boolean {
    return isInService(this.health, this.watch);
  }

  /** Whether its checks have yet to say anything. */
  get isRegistering(): boolean {
    return this.health?.isRegistering === true;
  }

  /** An exchange went well. */
  noteSuccess(): void {
    if (this.failures !== 0) this.failures = 0;
  }

  /** Its failures so far count no more: they have led to what they lead to. */
  forgetFailures(): void {
    this.failures = 0;
  }

  /** A layer-4 connection stands: it can be reached, which says nothing of the answers that it gives to others. */
  noteReached(): void {
    if (this.isUnreached) this.noteSuccess();
  }

  /** It has answered with this status, and the answer is whole. */
  noteStatus(status: number): void {
    if (status >= 500) this.noteFailure(status);
    else this.noteSuccess();
  }

  /** An exchange that had a connection went wrong. */
  noteFailure(failure: TrafficFailure): void {
    this.countFailure(failure, false);
  }

  /** No connection for a client could be had. */
  noteUnreached(reason: Reason): void {
    this.countFailure(reason, true);
  }

  private countFailure(failure: TrafficFailure, isUnreached: boolean): void {
    if (this.watch === undefined) return;
    this.failures++;
    this.isUnreached = isUnreached;
    this.watch.onFailure(this, failure);
  }

  /** Follows other terms, at once and without losing a connection that they allow; begins to open ahead of demand. */
  keep(terms: PoolTerms): void {
    this.poolTerms = terms;
    this.followChoice();
  }

  /** Whether its listeners may pick it. One that they may not keeps no idle connection and opens none; what is in use goes on. */
  setChosen(isChosen: boolean, nowMs: number): void {
    if (isChosen === this.isChosen) return;
    this.isChosen = isChosen;
    if (isChosen) this.enterService(nowMs);
    this.followChoice();
  }

  private followChoice(): void {
    if (this.life !== "here") return;
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
    if (this.life === "here") this.life = "left";
    this.reserve.stop();
    this.pool.close();
  }

  /** Keeps connections again. */
  comeBack(): void {
    this.life = "here";
    if (this.isChosen) this.pool.open();
  }
}

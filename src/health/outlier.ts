// Passive health: addresses that fail their traffic are ejected for a while, and never too many of them at once.
//
// Beside the health checks, in front of whoever chooses among instances. Pure: it is told who has failed too often, and the
// time. Owns who is ejected, for how long and how often in a row; it counts no exchange, sets no timer and asks no instance.

/** When addresses are ejected, and for how long. */
export interface OutlierTerms {
  /** So many failures in a row eject an address. */
  readonly failures: number;
  /** How long the first ejection lasts; the second in a row twice as long, and so on, in milliseconds. */
  readonly ejectionMs: number;
  /** No ejection lasts longer, in milliseconds. An address that has been back for as long begins anew. */
  readonly maxEjectionMs: number;
  /** The most of all addresses that may be ejected at once, in percent. */
  readonly maxEjectedShare: number;
}

/** One address as its traffic shows it. */
export class Outlier {
  isEjected = false;
  /** Ejections in a row, the present one included. */
  ejections = 0;
  /** When the last ejection began, and when it ended; monotonic, in milliseconds. */
  private sinceMs = 0;
  private endedMs = Number.NEGATIVE_INFINITY;

  /** How long the ejection lasts in all, in milliseconds. */
  lastsMs({ ejectionMs, maxEjectionMs }: OutlierTerms): number {
    return Math.min(this.ejections * ejectionMs, maxEjectionMs);
  }

  /** When the ejection ends, on the clock of {@link OutlierGroup.eject}, in milliseconds. */
  endsMs(terms: OutlierTerms): number {
    return this.sinceMs + this.lastsMs(terms);
  }

  /** @internal */
  begin(nowMs: number, { maxEjectionMs }: OutlierTerms): void {
    this.ejections = nowMs - this.endedMs >= maxEjectionMs ? 1 : this.ejections + 1;
    this.isEjected = true;
    this.sinceMs = nowMs;
  }

  /** @internal */
  end(nowMs: number): void {
    this.isEjected = false;
    this.endedMs = nowMs;
  }
}

/** The addresses of one load balancer. */
export class OutlierGroup<O extends Outlier = Outlier> {
  private readonly ejected = new Set<O>();

  constructor(
    public terms: OutlierTerms,
    /** How many addresses there are, ejected or not. */
    public size = 0,
  ) {}

  /** Whether one more may be ejected. */
  get hasRoom(): boolean {
    return this.ejected.size < this.mostEjected;
  }

  /** Ejects an address that has failed too often, at `nowMs` on a monotonic clock; false when it must stay. */
  eject(outlier: O, nowMs: number): boolean {
    if (outlier.isEjected || !this.hasRoom) return false;
    outlier.begin(nowMs, this.terms);
    this.ejected.add(outlier);
    return true;
  }

  /** An address that there is no more. */
  forget(outlier: O): void {
    this.ejected.delete(outlier);
  }

  /** Ends the ejections that have lasted long enough, and those that are too many now; answers whose, in that order. */
  release(nowMs: number): ReadonlyArray<O> {
    const byEnd = [...this.ejected].sort((one, other) => one.endsMs(this.terms) - other.endsMs(this.terms));
    const surplus = byEnd.length - this.mostEjected;
    const released = byEnd.filter((outlier, index) => index < surplus || outlier.endsMs(this.terms) <= nowMs);
    for (const outlier of released) this.end(outlier, nowMs);
    return released;
  }

  /** Ends an ejection, before its time maybe. */
  end(outlier: O, nowMs: number): void {
    outlier.end(nowMs);
    this.ejected.delete(outlier);
  }

  /** When the next ejection ends; infinite when nobody is ejected. */
  get nextEndMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const outlier of this.ejected) next = Math.min(next, outlier.endsMs(this.terms));
    return next;
  }

  private get mostEjected(): number {
    return Math.floor((this.size * this.terms.maxEjectedShare) / 100);
  }
}

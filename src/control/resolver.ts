// Host names of instances: looked up through the system's resolver (hosts file included), all addresses, again as they
// age. A failed look-up keeps what was known; a name that never resolved has no address and says why.
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { Effect } from "effect";

/** What is known of a name. */
export interface Resolution {
  /** Sorted, IPv4 first; empty when the name never resolved. */
  readonly addresses: ReadonlyArray<string>;
  /** The last look-up's failure, or undefined. */
  readonly failure: string | undefined;
}

/** How often names are looked up again, in milliseconds. */
export const resolveEveryMs = 30_000;
/** How long one look-up may take, and all those together that a change waits for, in milliseconds. */
const lookupTimeoutMs = 5000;

/** Asks the system for all addresses of a name. */
export type Lookup = (host: string) => Promise<ReadonlyArray<{ readonly address: string }>>;

const lookupAll: Lookup = (host) => lookup(host, { all: true });

const resolveAddresses = (host: string, ask: Lookup): Effect.Effect<ReadonlyArray<string>, string> =>
  Effect.tryPromise({
    try: () => ask(host),
    catch: (cause) => (cause as { readonly code?: string }).code ?? String(cause),
  }).pipe(
    Effect.timeoutOrElse({ duration: lookupTimeoutMs, orElse: () => Effect.fail("no answer in 5 s") }),
    Effect.map((found) => {
      const addresses = [...new Set(found.map(({ address }) => address.toLowerCase()))];
      return addresses.sort((a, b) => isIP(a) - isIP(b) || (a < b ? -1 : 1));
    }),
  );

/** The names that the configuration uses, with their addresses. */
export class Names {
  private readonly known = new Map<string, Resolution>();

  constructor(private readonly ask: Lookup = lookupAll) {}

  /** An address stands for itself; a name that was never looked up has no addresses. */
  get(host: string): Resolution {
    if (isIP(host) !== 0) return { addresses: [host], failure: undefined };
    return this.known.get(host) ?? { addresses: [], failure: "not looked up yet" };
  }

  /** Whether the last look-up of a name failed. */
  hasFailed(host: string): boolean {
    return this.known.get(host)?.failure !== undefined;
  }

  /** Looks names up, all at once. Never fails. */
  resolve(hosts: Iterable<string>): Effect.Effect<void> {
    const names = [...new Set(hosts)].filter((host) => isIP(host) === 0);
    return Effect.forEach(names, (name) => this.resolveOne(name), { concurrency: 16, discard: true });
  }

  /** Looks up those names that never were, 5 s for all of them; one that fails, or has no turn by then, waits for its next. */
  resolveNew(hosts: Iterable<string>): Effect.Effect<void> {
    const names = [...hosts].filter((host) => isIP(host) === 0 && !this.known.has(host));
    return Effect.map(Effect.timeoutOption(this.resolve(names), lookupTimeoutMs), () => {
      for (const name of names) {
        if (!this.known.has(name)) this.known.set(name, { addresses: [], failure: "no answer yet" });
      }
    });
  }

  /** What is known now, for look-ups that shall not count yet. */
  copy(): Names {
    const copy = new Names(this.ask);
    copy.become(this);
    return copy;
  }

  /** Knows what `other` knows, and nothing else. */
  become(other: Names): void {
    this.known.clear();
    for (const [name, resolution] of other.known) this.known.set(name, resolution);
  }

  /** Takes over what `other` has found of names that are known here; true when any address changes. */
  learn(other: Names): boolean {
    let isChanged = false;
    for (const [name, { addresses }] of this.known) {
      const found = other.known.get(name);
      // It was found here after the other one began to look.
      if (found === undefined || (found.addresses.length === 0 && addresses.length > 0)) continue;
      // A look-up that failed has found nothing: what is known by now stands.
      if (found.failure !== undefined) {
        this.known.set(name, { addresses, failure: found.failure });
        continue;
      }
      this.known.set(name, found);
      isChanged ||= found.addresses.join() !== addresses.join();
    }
    return isChanged;
  }

  /** Forgets every name but these. */
  keepOnly(hosts: ReadonlySet<string>): void {
    for (const name of this.known.keys()) if (!hosts.has(name)) this.known.delete(name);
  }

  private resolveOne(name: string): Effect.Effect<void> {
    return Effect.match(resolveAddresses(name, this.ask), {
      onSuccess: (addresses) => {
        this.known.set(name, { addresses, failure: undefined });
      },
      onFailure: (failure) => {
        this.known.set(name, { addresses: this.get(name).addresses, failure });
      },
    });
  }
}

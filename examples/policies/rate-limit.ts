/**
 * Rate limit: so many requests (at layer 4: connections) a second from one client, and some more in a burst.
 * Who is too fast gets 429 and is told when to come back (RFC 6585 §4); at layer 4 it is closed. An IPv6 client is its /64
 * network, since it has all of that. Keeps one number for each client, for a bounded number of clients, and no timer.
 */
import { answer, definePolicy, refuse, Schema } from "elbow";

const rate = { title: "a rate", expected: "a number above 0" };
const count = { title: "a count", expected: "a whole number, 1 or more" };

const Count = Schema.Number.annotate(count).check(
  Schema.makeFilter((value) => Number.isSafeInteger(value) && value >= 1, count),
);

/** The generic cell rate algorithm: of each client, the time at which all that it has sent would have been in order. */
export class Pace {
  private readonly times = new Map<string, number>();
  private readonly intervalMs: number;
  private readonly burstMs: number;

  constructor(
    perSecond: number,
    burst: number,
    private readonly maxClients: number,
  ) {
    this.intervalMs = 1000 / perSecond;
    this.burstMs = (burst - 1) * this.intervalMs;
  }

  /** How long a client has to wait before it is in order again, in milliseconds; 0 when it may go on, and that counts. */
  ask(client: string, nowMs: number): number {
    const time = Math.max(this.times.get(client) ?? nowMs, nowMs);
    const wait = time - nowMs - this.burstMs;
    if (wait > 0) return wait;
    // Deleted first, so that the map's order is that of their last requests, and the first is the one to be forgotten.
    this.times.delete(client);
    if (this.times.size >= this.maxClients) this.times.delete(this.times.keys().next().value ?? "");
    this.times.set(client, time + this.intervalMs);
    return 0;
  }

  get size(): number {
    return this.times.size;
  }
}

/** An IPv4 address as it is; the first four groups of an IPv6 address. */
export const networkOf = (address: string): string => {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === "" ? 0 : tail.split(":").length);
  return [...groups, ...new Array<string>(missing).fill("0"), ...(tail ?? "").split(":")].slice(0, 4).join(":");
};

export default definePolicy({
  type: "rate-limit",
  attributes: Schema.Struct({
    /** What a client may send in the long run. */
    perSecond: Schema.Number.annotate(rate).check(Schema.makeFilter((value) => value > 0, rate)),
    /** What it may send at once after a rest; as much as in a second where it is left out. */
    burst: Schema.optional(Count),
    /** Clients that are remembered; 10000 where it is left out. Of more, those that were silent longest are forgotten. */
    maxClients: Schema.optional(Count),
  }),
  state: ({ perSecond, burst = Math.max(1, Math.ceil(perSecond)), maxClients = 10_000 }) =>
    new Pace(perSecond, burst, maxClients),
  admit(_attributes, { kind, clientAddress }, pace) {
    const waitMs = pace.ask(networkOf(clientAddress), performance.now());
    if (waitMs === 0) return undefined;
    if (kind === "connection") return refuse();
    return answer(429, "429 Too Many Requests\n", {
      "Content-Type": "text/plain",
      "Retry-After": String(Math.ceil(waitMs / 1000)),
    });
  },
});

// Paced HTTP traffic: so many requests a second, over kept-alive connections and new ones, GET and POST, each with a body
// that only its own answer can have. It counts every answer and keeps every failure; it never sends anything twice.
import { formatRequest, readResponse } from "./http-message.ts";
import { RawClient } from "./raw-client.ts";

/** What is sent, and how. */
export interface LoadPlan {
  readonly port: number;
  readonly perSecond: number;
  /** Clients at once, each with one request in progress at most; they bound what is under way. Default 32. */
  readonly clients?: number;
  /** Every so manieth request is a POST; 0 for none. Default 5. */
  readonly postEvery?: number;
  /** Every so manieth request begins a new connection; 0 for none. Default 7. */
  readonly freshEvery?: number;
  /** Milliseconds that one answer may take. Default 15,000. */
  readonly answerMs?: number;
}

/** One request that wasn't answered with 200 by an instance that had got that very request. */
export interface FailedRequest {
  readonly method: "GET" | "POST";
  /** When it was sent, in milliseconds of `performance.now()`. */
  readonly sentMs: number;
  /** `status 504`, or what the connection did. */
  readonly reason: string;
}

/** No run is longer than this, whoever forgets to stop it. */
const longestRunMs = 30_000;

/** Load on one port, from its construction until {@link stop}. */
export class Load implements AsyncDisposable {
  /** How many requests were answered, by the instance's name. */
  readonly answered = new Map<string, number>();
  readonly failed: Array<FailedRequest> = [];
  private readonly startedMs = performance.now();
  private sent = 0;
  private isStopping = false;
  private readonly clients: Promise<unknown>;

  constructor(private readonly plan: LoadPlan) {
    this.clients = Promise.all(Array.from({ length: plan.clients ?? 32 }, () => this.runClient()));
  }

  /** Requests answered well so far. */
  get answeredCount(): number {
    return [...this.answered.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Requests sent so far. */
  get sentCount(): number {
    return this.sent;
  }

  /** Waits until so many more requests have been answered well. */
  async answers(count: number, timeoutMs = 15_000): Promise<void> {
    const wanted = this.answeredCount + count;
    const untilMs = performance.now() + timeoutMs;
    while (this.answeredCount < wanted) {
      if (performance.now() > untilMs) throw new Error(`${count} more answers did not come: ${this.describe()}`);
      await Bun.sleep(2);
    }
  }

  /** Sends nothing more, and waits until everything is answered or has failed. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.clients;
  }

  /** For messages. */
  describe(): string {
    return JSON.stringify({ sent: this.sent, answered: [...this.answered], failed: this.failed.slice(0, 10) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async runClient(): Promise<void> {
    let connection: RawClient | undefined;
    for (;;) {
      const number = this.sent;
      const dueMs = this.startedMs + (number * 1000) / this.plan.perSecond;
      const nowMs = performance.now();
      if (this.isStopping || nowMs - this.startedMs > longestRunMs) break;
      if (dueMs > nowMs) {
        // Somebody else may take this number meanwhile.
        await Bun.sleep(Math.min(dueMs - nowMs, 20));
        continue;
      }
      this.sent++;
      if (isNth(number, this.plan.freshEvery ?? 7) || connection?.ending !== "open") {
        connection?.dispose();
        connection = undefined;
      }
      connection = await this.request(number, connection);
    }
    connection?.dispose();
  }

  /** One request; the connection, where it can be used again. */
  private async request(number: number, kept: RawClient | undefined): Promise<RawClient | undefined> {
    const method = isNth(number, this.plan.postEvery ?? 5) ? "POST" : "GET";
    const sentMs = performance.now();
    let connection = kept;
    try {
      connection ??= await RawClient.connect(this.plan.port);
      const timeoutMs = this.plan.answerMs ?? 15_000;
      const body = "x".repeat(number % 100);
      await connection.send(formatRequest(`/${number}`, method === "POST" ? { body } : {}));
      const response = await readResponse(connection, { timeoutMs });
      const text = response.body.toString();
      const [, name] = /^(\S+): /.exec(text) ?? [];
      const expected = `${name}: ${method} /${number}, ${method === "POST" ? body.length : 0} bytes\n`;
      if (response.status !== 200) this.fail(method, sentMs, `status ${response.status}`);
      else if (text !== expected) this.fail(method, sentMs, `an answer to something else: ${text}`);
      else this.answered.set(name as string, (this.answered.get(name as string) ?? 0) + 1);
      const isLast = response.headers.some(([field, value]) => /^connection$/i.test(field) && /close/i.test(value));
      if (!isLast) return connection;
    } catch (error) {
      this.fail(method, sentMs, error instanceof Error ? error.message : String(error));
    }
    connection?.dispose();
    return undefined;
  }

  private fail(method: "GET" | "POST", sentMs: number, reason: string): void {
    this.failed.push({ method, sentMs, reason });
  }
}

const isNth = (number: number, every: number): boolean => every > 0 && number % every === 0;

// The load of the rows where clients' connections begin with a PROXY header, which wrk can't send: connection after
// connection, each with the same bytes and one answer. A process of its own beside the instances; it prints what it counted
// as one line of JSON that bench/load.ts reads.
import { exchange } from "./client.ts";
import type { LoadReport } from "./load.ts";
import { medianOf, quantileOf } from "./measure.ts";

/** What one run does. */
export interface IntroductionPlan {
  readonly port: number;
  /** What each connection sends, base64. */
  readonly bytes: string;
  /** How many are under way at once. */
  readonly connections: number;
  readonly seconds: number;
}

/** Makes connections for the plan's seconds, waits for those under way, and says what it counted. */
export async function makeIntroductions({ port, bytes, connections, seconds }: IntroductionPlan): Promise<LoadReport> {
  const sent = Buffer.from(bytes, "base64");
  const latenciesUs: number[] = [];
  const counts = { requests: 0, bytes: 0, readErrors: 0, statusErrors: 0 };
  const startedAt = performance.now();
  const stopAt = startedAt + seconds * 1000;
  const repeat = async () => {
    do {
      const askedAt = performance.now();
      try {
        const { answers, close } = await exchange({ port, isSecure: false }, sent);
        close();
        if (answers[0]?.status !== 200) counts.statusErrors += 1;
        else {
          counts.requests += 1;
          counts.bytes += answers[0].end;
          latenciesUs.push((performance.now() - askedAt) * 1000);
        }
      } catch {
        counts.readErrors += 1;
      }
    } while (performance.now() < stopAt);
  };
  await Promise.all(Array.from({ length: connections }, repeat));
  return {
    ...counts,
    durationUs: (performance.now() - startedAt) * 1000,
    p50Us: medianOf(latenciesUs),
    p99Us: quantileOf(latenciesUs, 0.99),
    ...{ connectErrors: 0, writeErrors: 0, timeouts: 0 },
  };
}

if (import.meta.main) {
  const report = await makeIntroductions(JSON.parse(Bun.argv[2] ?? "{}") as IntroductionPlan);
  process.stdout.write(`report ${JSON.stringify(report)}\n`);
  process.exit(0);
}

// What elbow's metrics say of a TLS listener: handshakes, resumptions, faults by reason; for tests that compare counts.
import { collectMetrics } from "../../src/observe/metrics.ts";
import { eventually } from "./eventually.ts";

/** The sum of a metric's samples that have all of these labels; 0 when there are none. */
export const metricOf = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
  collectMetrics()
    .filter((family) => family.name === name)
    .flatMap(({ samples }) => samples)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);

/** Whether a metric has any sample at all. */
export const hasMetric = (name: string): boolean =>
  collectMetrics().some((family) => family.name === name && family.samples.length > 0);

/** Handshakes that clients of a port began, and those that resumed a session. */
export const handshakesOf = (port: number): { readonly begun: number; readonly resumed: number } => ({
  begun: metricOf("elbow_tls_handshakes_total", { listener: String(port) }),
  resumed: metricOf("elbow_tls_resumed_handshakes_total", { listener: String(port) }),
});

/** What went wrong at a port, by reason. */
export const faultsOf = (port: number): Readonly<Record<string, number>> =>
  Object.fromEntries(
    collectMetrics()
      .filter(({ name }) => name === "elbow_faults_total")
      .flatMap(({ samples }) => samples)
      .filter(({ labels }) => labels.listener === String(port))
      .map(({ labels, value }) => [labels.reason, value]),
  );

/** Waits until exactly these faults are counted at a port. */
export const countsFaults = (port: number, faults: Readonly<Record<string, number>>): Promise<true> =>
  eventually(
    () => {
      const counted = faultsOf(port);
      if (Bun.deepEquals(counted, faults)) return true;
      throw new Error(`counted ${JSON.stringify(counted)}, not ${JSON.stringify(faults)}`);
    },
    { what: "the count of faults" },
  );

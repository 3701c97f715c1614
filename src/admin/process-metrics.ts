// The metrics of the process itself, in the names that Prometheus's own client libraries give them, beside elbow's
// version and the fate of the last reload. Read at scrape time from the process's own accounting; it keeps no state.

import type { MetricFamily } from "../observe/metrics.ts";

const startedAtSeconds = Math.round(Date.now() - performance.now()) / 1_000;

const single = (
  name: string,
  type: MetricFamily["type"],
  help: string,
  value: number,
  labels: Readonly<Record<string, string>> = {},
): MetricFamily => ({ name, help, type, samples: [{ labels, value }] });

/** What the process knows of itself; `hasReloaded` is undefined until the first reload was asked for. */
export const processMetrics = (options: {
  readonly version: string;
  readonly hasReloaded: boolean | undefined;
}): ReadonlyArray<MetricFamily> => {
  const { user, system } = process.cpuUsage();
  const families = [
    single("elbow_build_info", "gauge", "The version of elbow and of Bun; always 1.", 1, {
      version: options.version,
      bun: Bun.version,
    }),
    single("process_start_time_seconds", "gauge", "When the process started, in Unix time.", startedAtSeconds),
    single("process_cpu_seconds_total", "counter", "CPU time, user and system.", (user + system) / 1e6),
    single("process_resident_memory_bytes", "gauge", "Resident memory.", process.memoryUsage.rss()),
  ];
  if (options.hasReloaded !== undefined) {
    families.push(
      single(
        "elbow_configuration_last_reload_successful",
        "gauge",
        "Whether the last reload of the configuration was applied (1) or refused (0).",
        options.hasReloaded ? 1 : 0,
      ),
    );
  }
  return families;
};

// Certificates as metric families: how long each is good for, so that an alarm rings before a client does.
import type { MetricFamily, Sample } from "../observe/metrics.ts";
import { labelsOf } from "./listener-metrics.ts";
import type { RunningListener } from "./running-listener.ts";

/** Families of what the listeners serve; `staleCount` files can't be used as they are. */
export const readCertificateMetrics = (
  running: Iterable<RunningListener>,
  staleCount: number,
): ReadonlyArray<MetricFamily> => [
  {
    name: "elbow_certificate_expiry_timestamp_seconds",
    help: "When a listener's certificate expires, in Unix time.",
    type: "gauge",
    samples: [...running].flatMap(expiriesOf),
  },
  {
    name: "elbow_certificates_stale",
    help: "Certificates and authorities whose files hold something newer that can't be used; the one before is served.",
    type: "gauge",
    samples: [{ labels: {}, value: staleCount }],
  },
];

/** One sample for each file and kind of key: several that were written inline share theirs, and the first to expire counts. */
const expiriesOf = (open: RunningListener): ReadonlyArray<Sample> => {
  const samples = new Map<string, Sample>();
  for (const { label, keyType, notAfterMs } of open.route.security?.parts.certificates ?? []) {
    const value = notAfterMs / 1000;
    const key = `${keyType} ${label}`;
    const known = samples.get(key);
    if (known !== undefined && known.value <= value) continue;
    samples.set(key, { labels: { ...labelsOf(open), certificate: label, key: keyType }, value });
  }
  return [...samples.values()];
};

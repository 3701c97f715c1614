// How the last reload ended, for whoever asks: the log, `elbow status`, the API and the metrics.

/** Who asked for a reload. */
export type ReloadCause = "SIGHUP" | "file" | "API";

/** One reload, when it is over. */
export interface ReloadReport {
  readonly cause: ReloadCause;
  /** When it was over; ISO 8601. */
  readonly at: string;
  readonly durationMs: number;
  /** False where it was refused, and everything stayed as it was. */
  readonly isApplied: boolean;
  /** What is wrong, one line each, in the words of `elbow check`; empty where it was applied. */
  readonly problems: ReadonlyArray<string>;
}

// How large a message head may be; a parser stops at the first byte beyond.

/** Limits on a head, in bytes but for `fieldCount`. */
export interface HeadLimits {
  readonly startLineBytes: number;
  readonly fieldBytes: number;
  readonly headBytes: number;
  readonly fieldCount: number;
  readonly methodBytes: number;
}

/**
 * 16 KiB a line, 64 KiB and 100 fields a head: what AWS publishes for its Application Load Balancer, the nearest kin.
 * Methods over 127 bytes are answered with 405 ("Troubleshoot a Classic Load Balancer: HTTP errors", AWS).
 */
export const defaultHeadLimits: HeadLimits = {
  startLineBytes: 16 * 1024,
  fieldBytes: 16 * 1024,
  headBytes: 64 * 1024,
  fieldCount: 100,
  methodBytes: 127,
};

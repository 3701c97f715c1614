/**
 * How long a proof may be taken on trust: a resumed session brings none, only that one was once given (RFC 8446 §2.2).
 * Where an authority vouches for somebody, on either side; owns the limit. Where a key alone counts, nothing ends.
 *
 * The library shows whose certificate a session began with, but not the ones above it, which may end sooner. By itself it
 * resumes for two hours, and with TLS 1.3 for two days, which each resumption renews, for up to seven.
 */

/** A session isn't resumed any more when its certificate was verified this long ago, in milliseconds. */
export const sessionAgeMaxMs = 3_600_000;

/**
 * Why a certificate, a key or an authority can't be used.
 * What loading fails with; control/ and main/ print it. Names the file, what is wrong with it, and what belongs there.
 * Never quotes what a file holds: it may be a private key.
 */
import { Data } from "effect";
import { maskKeys } from "../model/key-text.ts";

/** A certificate, key or authority that can't be used. */
export class CertificateError extends Data.TaggedError("CertificateError")<{
  /** The file at fault as the configuration spells it, or `the inline private key` and the like. */
  readonly label: string;
  /** What is wrong, such as `is empty`. */
  readonly problem: string;
  /** What belongs there. */
  readonly expected: string;
}> {
  override get message(): string {
    // A key that stands where a path should is none of a log's business.
    return maskKeys(`${this.label}: ${this.problem} (expected ${this.expected})`);
  }
}

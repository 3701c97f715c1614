// Reads a Content-Length as leniently as AWS's http-desync-guardian does (`parse_num` in its src/http_token_utils.rs): for
// heads that the strict pass calls odd.
//
// Pure and without a verdict of its own: `judge.ts` and `repair.ts` say what a value means for the request.
import { dropBlanks, skipBlanks } from "./bytes.ts";

/** 2^64 − 1, the largest Content-Length that is read. */
const largest = "18446744073709551615";

/**
 * A Content-Length's digits without the zeros in front, so that two lengths are the same when their texts are;
 * undefined when it has another byte or is more than 2^64 − 1. An empty value is `0`, as AWS's classifier has it.
 */
export const readLength = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  let at = skipBlanks(bytes, start, end);
  const stop = dropBlanks(bytes, at, end);
  let digits = "";
  for (; at < stop; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    if (digits.length <= largest.length && (digit > 0 || digits !== "")) digits += digit;
  }
  if (digits.length > largest.length || (digits.length === largest.length && digits > largest)) return undefined;
  return digits === "" ? "0" : digits;
};

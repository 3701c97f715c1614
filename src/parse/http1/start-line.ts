// The words of start lines that a proxy knows: methods (RFC 9110 §9.3) and the version (RFC 9112 §2.3). Pure.
import { bytesOf, equals } from "./bytes.ts";

export const get = bytesOf("GET");
export const head = bytesOf("HEAD");
export const connect = bytesOf("CONNECT");
export const options = bytesOf("OPTIONS");

/** What every version of HTTP/1 begins with; a digit follows. */
export const versionPrefix = bytesOf("HTTP/1.");

/** Methods that may be repeated (RFC 9110 §9.2.2). */
const idempotent = [get, head, options, ...["PUT", "DELETE", "TRACE"].map(bytesOf)];

/** Whether the method in `bytes[start, end)` may be sent again when no answer came (RFC 9110 §9.2.2). */
export const isIdempotentMethod = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (const method of idempotent) if (equals(bytes, start, end, method)) return true;
  return false;
};

/** Whether `bytes[start, end)` begins with `HTTP/1.`. */
export const beginsAsVersion = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start >= versionPrefix.length && equals(bytes, start, start + versionPrefix.length, versionPrefix);

// How exchanges and connections with an instance go wrong, in words for people.
//
// For the history and the state of an address that outlier detection has ejected. Owns the words alone.
import type { TrafficFailure } from "../backend/backend-member.ts";
import type { Reason } from "../errors.ts";

const words: Partial<Record<Reason, string>> = {
  connectRefused: "connect refused",
  connectTimeout: "connect timed out",
  backendHandshakeFailed: "TLS handshake failed",
  backendUntrusted: "not trusted",
  backendClosed: "closed without a response",
  backendTimeout: "no response in time",
  badResponse: "broken response",
  responseHeadTooLarge: "response head too large",
  responseCut: "response cut short",
  responseTimeout: "response stalled",
  badResponseBody: "broken response body",
};

/** `status 500`, `connect refused`. */
export const spellTrafficFailure = (failure: TrafficFailure): string =>
  typeof failure === "number" ? `status ${failure}` : (words[failure] ?? failure);

// Answers of our own: the few responses that come from the load balancer and not from an instance, as ready bytes.
//
// The shape is what public captures of a Classic Load Balancer show: the status line, `Content-Length: 0`, `Connection`,
// no body, no Server, no Date ("Troubleshoot a Classic Load Balancer: HTTP errors", AWS). See
// docs/decisions/0003-answers-of-our-own.md.
import { bytesOf } from "../parse/http1/bytes.ts";

const phrases = {
  400: "BAD_REQUEST",
  403: "FORBIDDEN",
  405: "METHOD_NOT_ALLOWED",
  408: "REQUEST_TIMEOUT",
  500: "INTERNAL_SERVER_ERROR",
  502: "BAD_GATEWAY",
  503: "Service Unavailable: Back-end server is at capacity",
  504: "GATEWAY_TIMEOUT",
} as const;

/** A status that elbow itself answers with. */
export type OwnStatus = keyof typeof phrases;

const make = (keepsAlive: boolean): Readonly<Record<OwnStatus, Uint8Array>> => {
  const connection = keepsAlive ? "keep-alive" : "close";
  const answers: Partial<Record<OwnStatus, Uint8Array>> = {};
  for (const [status, phrase] of Object.entries(phrases)) {
    answers[Number(status) as OwnStatus] = bytesOf(
      `HTTP/1.1 ${status} ${phrase}\r\nContent-Length: 0\r\nConnection: ${connection}\r\n\r\n`,
    );
  }
  return answers as Readonly<Record<OwnStatus, Uint8Array>>;
};

const keepAliveAnswers = make(true);
const closeAnswers = make(false);

/** The whole answer, to be written as it is and never changed. */
export const ownAnswer = (status: OwnStatus, keepsAlive: boolean): Uint8Array =>
  keepsAlive ? keepAliveAnswers[status] : closeAnswers[status];

/** The interim answer to `Expect: 100-continue` (RFC 9110 §10.1.1). */
export const continueAnswer = bytesOf("HTTP/1.1 100 Continue\r\n\r\n");

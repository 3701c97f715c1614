// How commands ask a running elbow: one request, its JSON, and what went wrong in one line. It sits between the commands
// and the management API of admin/. It never retries, never goes through a proxy, and never follows a redirect.

import { Effect, Predicate } from "effect";
import { printableLine } from "../observe/log.ts";
import { CommandFailure, unreachableExitCode } from "./command-failure.ts";
import type { ManagementPlace } from "./management-place.ts";
import { version } from "./version.ts";

/** How long an answer may take. */
const patienceMs = 10_000;

/** The longest answer that is read: tens of thousands of instances, with the whole history of each. */
const answerMaxBytes = 64 * 1_024 * 1_024;

/** What is asked of it. */
interface Question {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly patienceMs: number;
}

/** What the API has answered where it refused (RFC 9457). */
export interface Refusal {
  readonly status: number;
  readonly detail: string;
  /** One line each, where there are several. */
  readonly problems: ReadonlyArray<string>;
}

/** An answer of the API: its JSON, or why it refused. */
export type Answer = { readonly body: unknown } | { readonly refusal: Refusal };

/** Asks once. Fails with exit code 69 when there is no elbow to ask, and 1 when it doesn't know who asks. */
export const askManagement = Effect.fnUntraced(function* (
  place: ManagementPlace,
  method: "GET" | "POST",
  path: string,
  options: { readonly patienceMs?: number } = {},
): Effect.fn.Return<Answer, CommandFailure> {
  const { status, text } = yield* send(place, { method, path, patienceMs, ...options });
  if (text === undefined) return yield* unreachable(place, `its answer is longer than any of elbow ${version}`);
  const body = parse(text);
  if (status === 401 || status === 403) {
    const what = place.token === undefined ? "it wants a token" : "it doesn't accept this token";
    const why = status === 401 ? what : (readRefusal(status, body)?.detail ?? "it refuses to answer");
    return yield* new CommandFailure({
      text: `elbow: ${place.name}: ${why}${status === 401 ? " (ELBOW_TOKEN or --token-file has the one to show)" : ""}`,
      exitCode: 1,
    });
  }
  const refusal = readRefusal(status, body);
  if (refusal !== undefined) return { refusal };
  if (status === 200 && body !== undefined) return { body };
  return yield* unreachable(place, `something answers there, with status ${status}, that is no elbow ${version}`);
});

/** Asks for what can't well be refused; a refusal is a failure in the API's own words. */
export const readManagement = (place: ManagementPlace, path: string): Effect.Effect<unknown, CommandFailure> =>
  askManagement(place, "GET", path).pipe(
    Effect.flatMap((answer) =>
      "body" in answer
        ? Effect.succeed(answer.body)
        : unreachable(place, `something answers there that is no elbow ${version}: ${answer.refusal.detail}`),
    ),
  );

/** No elbow can be asked there. */
export const unreachable = (place: ManagementPlace, why: string) =>
  Effect.fail(new CommandFailure({ text: `elbow: ${place.name}: ${why}`, exitCode: unreachableExitCode }));

const send = (place: ManagementPlace, question: Question) =>
  Effect.tryPromise({
    try: async () => {
      const { method, path, patienceMs } = question;
      // A token and a loopback address are no proxy's affair, whatever HTTP_PROXY says.
      process.env.NO_PROXY = "*";
      const response = await fetch(`${place.url}${path}`, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(patienceMs),
        headers: {
          accept: "application/json",
          "user-agent": `elbow/${version}`,
          ...(place.token === undefined ? {} : { authorization: `Bearer ${place.token}` }),
        },
        ...(place.socket === undefined ? {} : { unix: place.socket }),
        tls: { rejectUnauthorized: true, ...(place.authorities === undefined ? {} : { ca: place.authorities }) },
      });
      return { status: response.status, text: await readText(response) };
    },
    catch: (error) => error,
  }).pipe(Effect.catch((error) => unreachable(place, spellFailure(error, place, question))));

/** The text of an answer; undefined where it is longer than there is room for, and the rest is left unread. */
const readText = async ({ body }: Response): Promise<string | undefined> => {
  const parts: Array<Uint8Array> = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.length;
    if (bytes > answerMaxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
};

const spellFailure = (error: unknown, { socket, url }: ManagementPlace, { patienceMs }: Question): string => {
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (name === "TimeoutError") return `no answer within ${patienceMs / 1_000} s`;
  if (code === "ENOENT" && socket !== undefined) return "there is no such socket; is elbow running?";
  if (code === "ECONNREFUSED") return "nothing listens there; is elbow running?";
  if (code === "EACCES" || code === "EPERM") return "permission denied; the socket is for elbow's own user and group";
  if (code === "ECONNRESET") {
    return `what listens there closed the connection without an answer${url.startsWith("https:") ? "" : "; does it want https://?"}`;
  }
  if (code === "EPROTO") return "what listens there doesn't speak TLS";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `its certificate is for another name (${code}); ask for it by a name that the certificate has`;
  }
  if (code !== undefined && /CERT|SIGNED|ISSUER|VERIFY/.test(code)) {
    return `its certificate isn't trusted (${code}); --ca <file> names the authority that it comes from`;
  }
  return code === undefined ? message : `it can't be reached (${code})`;
};

const parse = (text: string): unknown => {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
};

/** A problem document; undefined where the answer is none. */
const readRefusal = (status: number, body: unknown): Refusal | undefined => {
  if (status < 400 || !Predicate.hasProperty(body, "detail") || typeof body.detail !== "string") return undefined;
  const problems = Predicate.hasProperty(body, "problems") && Array.isArray(body.problems) ? body.problems : [];
  return {
    status,
    detail: printableLine(body.detail),
    problems: problems.filter((one) => typeof one === "string").map(printableLine),
  };
};

// What the management surface answers when it refuses: RFC 9457 problem documents. Every error of every management
// route is made here, so that a client can rely on one shape. It never decides whether something is an error.

/** The body of a problem answer (RFC 9457 §3.1); `title` is the status phrase because `type` is `about:blank` (§4.2.1). */
interface ProblemDocument {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** One line each, where several things are wrong. */
  readonly problems?: ReadonlyArray<string>;
}

const titles = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

/** The statuses that a problem may have. */
export type ProblemStatus = keyof typeof titles;

/** What may go with a problem. */
interface ProblemExtras {
  readonly headers?: Readonly<Record<string, string>>;
  readonly problems?: ReadonlyArray<string>;
}

/** A problem answer with a status of the table above and one sentence for the person who reads it. */
export const makeProblem = (status: ProblemStatus, detail: string, extras: ProblemExtras = {}): Response => {
  const problems = extras.problems === undefined ? {} : { problems: extras.problems };
  const document: ProblemDocument = { type: "about:blank", title: titles[status], status, detail, ...problems };
  return Response.json(document, {
    status,
    headers: { "content-type": "application/problem+json", ...extras.headers },
  });
};

// What the management surface answers when it refuses: RFC 9457 problem documents. Every error of every management
// route is made here, so that a client can rely on one shape. It never decides whether something is an error.

/** The body of a problem answer (RFC 9457 §3.1); `title` is the status phrase because `type` is `about:blank` (§4.2.1). */
export interface ProblemDocument {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

const titles = {
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  500: "Internal Server Error",
} as const;

/** A problem answer with a status of the table above and one sentence for the person who reads it. */
export const makeProblem = (
  status: keyof typeof titles,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Response =>
  Response.json({ type: "about:blank", title: titles[status], status, detail } satisfies ProblemDocument, {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });

// The management surface as a Hono app: every operation behind the checks of who may ask. It sits beside the data path,
// behind admin/server.ts. It owns routing and what is refused on the way; what is answered, operations.ts says. It never
// touches a client's connection and keeps no state but the streams that are open.

import { Result } from "effect";
import { type Context, Hono } from "hono";
import { log } from "../observe/log.ts";
import type { AdminSources } from "./admin-sources.ts";
import { EventStreams } from "./event-stream.ts";
import { makeOpenApi } from "./openapi.ts";
import type { Operation } from "./operation.ts";
import { operations } from "./operations.ts";
import { makeProblem } from "./problem.ts";
import { readBody } from "./request-body.ts";
import { type Access, findRefusal } from "./request-guard.ts";

export type { AdminSources, Readiness } from "./admin-sources.ts";

/** What the app needs of the server that it runs in; every member may be missing, as in tests without one. */
export interface AdminBindings {
  /** Where the request came in. */
  readonly access?: Access;
  /** Lets the answer last: it is sent as it comes, and its connection is not idle while nothing is. */
  readonly keepOpen?: () => void;
}

/** The management surface, ready to answer. */
export interface AdminApp {
  readonly fetch: (request: Request, bindings: AdminBindings) => Response | Promise<Response>;
  readonly streams: EventStreams;
}

/** In clear, on loopback, for everybody. */
const openAccess: Access = { scheme: "http", hosts: [], tokenDigest: undefined };

/** Makes the app; unknown paths, other methods and failures are all answered as problem documents. */
export const makeAdminApp = (sources: AdminSources): AdminApp => {
  const app = new Hono<{ Bindings: AdminBindings }>();
  const streams = new EventStreams();
  // Made when it is asked for: it takes a fifth of the time in which elbow starts.
  let document: object | undefined;
  const paths = [...new Set(operations.map(({ path }) => path))];
  const openPaths = new Set(operations.filter(({ isOpen }) => isOpen === true).map(({ path }) => path));

  app.use(async (context, next) => {
    const refusal = findRefusal(
      context.req.raw.headers,
      context.env.access ?? openAccess,
      openPaths.has(context.req.path),
    );
    if (refusal === undefined) await next();
    else context.res = refusal;
    context.header("cache-control", "no-store");
    context.header("x-content-type-options", "nosniff");
    context.header("cross-origin-resource-policy", "same-origin");
    context.header("x-frame-options", "DENY");
  });

  const run = async (operation: Operation, context: Context<{ Bindings: AdminBindings }>): Promise<Response> => {
    const request = context.req.raw;
    const isHead = request.method === "HEAD";
    // What a GET brings means nothing (RFC 9110 §9.3.1).
    const body = operation.method === "GET" ? Result.succeed(undefined) : await readBody(request, operation.request);
    if (Result.isFailure(body)) return body.failure;
    const response = await operation.run({
      sources,
      streams,
      parameters: context.req.param() as Record<string, string>,
      body: body.success,
      isHead,
      keepOpen: () => context.env.keepOpen?.(),
      get document() {
        document ??= makeOpenApi(operations, sources.version);
        return document;
      },
      paths,
    });
    return isHead ? withoutBody(response) : response;
  };

  for (const operation of operations) {
    app.on(operation.method, toPattern(operation.path), (context) => run(operation, context));
  }
  for (const path of paths) {
    const methods = operations.filter((one) => one.path === path).map(({ method }) => method);
    // Hono has the GET handler run for HEAD.
    const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : [])].join(", ");
    app.all(toPattern(path), (context) =>
      makeProblem(405, `${context.req.method} is not possible on ${context.req.path}.`, { headers: { allow } }),
    );
  }

  app.notFound((context) => makeProblem(404, `There is nothing at ${context.req.path}; GET / lists every path.`));
  app.onError((error) => {
    log("error", `the management server could not answer: ${error.stack || error.message || error.name}`);
    return makeProblem(500, "The answer could not be made; the log of elbow says why.");
  });
  return { fetch: (request, bindings) => app.fetch(request, bindings), streams };
};

/** What HEAD is answered: the header fields of GET, and of the body its length (RFC 9110 §9.3.2). */
const withoutBody = async (response: Response): Promise<Response> => {
  const { status, body } = response;
  const headers = new Headers(response.headers);
  if (body !== null) headers.set("content-length", String((await response.arrayBuffer()).byteLength));
  return new Response(null, { status, headers });
};

const toPattern = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ":$1");

// The management surface as a Hono app: health, metrics and the read-only JSON view of the load balancers. It sits beside
// the data path, behind admin/server.ts, and asks its sources anew at every request. It owns routes and their errors;
// it never touches a client's connection and keeps no state.

import { type Context, Hono } from "hono";
import type { LoadBalancerStatus } from "../control/status.ts";
import type { MetricFamily } from "../observe/metrics.ts";
import { isOwnHost } from "./host-guard.ts";
import { makeProblem } from "./problem.ts";
import { formatMetrics, prometheusContentType } from "./prometheus.ts";

/** Where the process stands: listeners not yet up, in service, or letting open connections finish before it ends. */
export type Readiness = "starting" | "serving" | "draining";

/** What the management surface shows; every function is called once a request and must be cheap. */
export interface AdminSources {
  readonly version: string;
  /** The configured management address, accepted as a Host beside the loopback names. */
  readonly address: string;
  readonly readiness: () => Readiness;
  readonly status: () => ReadonlyArray<LoadBalancerStatus>;
  readonly metrics: () => ReadonlyArray<MetricFamily>;
}

// A HEAD request runs the GET handler (Hono answers it without the body).
const allowed = "GET, HEAD";

/** Makes the Hono app; unknown paths, other methods and failures are all answered as problem documents. */
export const makeAdminApp = (sources: AdminSources): Hono => {
  const app = new Hono();

  app.use(async (context, next) => {
    const host = context.req.header("host");
    if (!isOwnHost(host, sources.address)) {
      return makeProblem(
        403,
        `The Host header ${host === undefined ? "is missing" : `"${host}" is not a name of this server`}; ` +
          `use localhost or ${sources.address}.`,
      );
    }
    await next();
    context.header("cache-control", "no-store");
    context.header("x-content-type-options", "nosniff");
    return undefined;
  });

  const routes: Record<string, (context: Context) => Response> = {
    "/": (context) => context.json({ name: "elbow", version: sources.version, paths: Object.keys(routes) }),
    "/healthz": (context) => {
      const readiness = sources.readiness();
      return context.json({ status: readiness }, readiness === "serving" ? 200 : 503);
    },
    "/metrics": (context) =>
      context.body(formatMetrics(sources.metrics()), 200, { "content-type": prometheusContentType }),
    "/api/v1/load-balancers": (context) => context.json({ loadBalancers: sources.status() }),
  };

  for (const [path, answer] of Object.entries(routes)) {
    app.get(path, answer);
    app.all(path, (context) =>
      makeProblem(405, `${context.req.method} is not possible on ${path}.`, { allow: allowed }),
    );
  }

  app.notFound((context) => makeProblem(404, `There is nothing at ${context.req.path}.`));
  app.onError((error) => {
    process.stderr.write(`elbow: the management server could not answer: ${error.stack ?? error.message}\n`);
    return makeProblem(500, "The answer could not be made; the log of elbow says why.");
  });
  return app;
};

// What can be asked of the management server: every operation with its place, its shapes and what it does.
//
// Between app.ts, which serves them, and control/. The one list of routes: the app and the OpenAPI document are both made
// from it, so neither can have one that the other doesn't. Owns what each answers; it keeps nothing.
import { docsPage, docsPolicy } from "./docs-page.ts";
import { streamsMaxCount } from "./event-stream.ts";
import { findLoadBalancer, instanceOperations, nameParameter, noLoadBalancer } from "./instance-operations.ts";
import { json, type Operation } from "./operation.ts";
import { makeProblem } from "./problem.ts";
import { formatMetrics, prometheusContentType } from "./prometheus.ts";
import { makeUnprocessable } from "./request-body.ts";
import {
  EventAnswer,
  HealthAnswer,
  IndexAnswer,
  LoadBalancerAnswer,
  LoadBalancersAnswer,
  ReloadAnswer,
  StatusAnswer,
} from "./schemas.ts";

/** Every operation, in the order in which it is shown. */
export const operations: ReadonlyArray<Operation> = [
  {
    id: "readStatus",
    method: "GET",
    path: "/api/v1/status",
    tag: "Status",
    summary: "Everything that `elbow status` shows",
    answers: json(StatusAnswer, "The state of this elbow."),
    run: ({ sources: { version, startedAt, source, readiness, lastReload, control } }) =>
      Response.json({
        version,
        startedAt,
        readiness: readiness(),
        source,
        lastReload: lastReload() ?? null,
        loadBalancers: control.status(),
      }),
  },
  {
    id: "listLoadBalancers",
    method: "GET",
    path: "/api/v1/load-balancers",
    tag: "Status",
    summary: "Every load balancer",
    answers: json(LoadBalancersAnswer, "With listeners, instances and live counts."),
    run: ({ sources }) => Response.json({ loadBalancers: sources.control.status() }),
  },
  {
    id: "readLoadBalancer",
    method: "GET",
    path: "/api/v1/load-balancers/{name}",
    tag: "Status",
    summary: "One load balancer",
    parameters: nameParameter,
    answers: json(LoadBalancerAnswer, "With listeners, instances and live counts."),
    refusals: noLoadBalancer,
    run: (call) => {
      const found = findLoadBalancer(call);
      return found instanceof Response ? found : Response.json(found);
    },
  },
  {
    id: "streamEvents",
    method: "GET",
    path: "/api/v1/events",
    tag: "Status",
    summary: "What happens, as it happens",
    description:
      "Server-sent events: health changes, reloads, certificates, instances that come and go, errors of policies. The " +
      "event's name is its type, its data an Event. Nothing is sent again to those who come later.",
    answers: [{ status: 200, description: "A stream.", contentType: "text/event-stream", schema: EventAnswer }],
    refusals: { 503: `${streamsMaxCount} listen already.` },
    run: ({ streams, isHead, keepOpen }) => {
      const headers = { "content-type": "text/event-stream" };
      // A stream that nobody reads would never end, and keep its place for good.
      if (isHead) return new Response(null, { headers });
      const body = streams.begin();
      if (body === undefined) return makeProblem(503, `${streamsMaxCount} streams are open already; end one of them.`);
      keepOpen();
      return new Response(body, { headers });
    },
  },
  ...instanceOperations,
  {
    id: "reload",
    method: "POST",
    path: "/api/v1/reload",
    tag: "Configuration",
    summary: "Read the configuration anew",
    description: "All of it is checked before anything changes.",
    answers: json(ReloadAnswer, "It was applied."),
    refusals: {
      409: "There is nothing to reload.",
      422: "It was refused; everything stays as it was.",
      503: "elbow is shutting down.",
    },
    run: async ({ sources }) => {
      if (sources.readiness() === "draining") return makeProblem(503, "elbow is shutting down.");
      const report = await sources.reload();
      if (report === undefined)
        return makeProblem(409, "There is nothing to reload: elbow runs without a configuration file.");
      return report.isApplied ? Response.json(report) : makeUnprocessable(report.problems);
    },
  },
  {
    id: "readHealth",
    method: "GET",
    path: "/healthz",
    tag: "This server",
    summary: "Whether elbow serves",
    answers: [
      { status: 200, description: "It serves.", schema: HealthAnswer },
      { status: 503, description: "It starts, or lets connections finish.", schema: HealthAnswer },
    ],
    run: ({ sources }) => {
      const status = sources.readiness();
      return Response.json({ status }, { status: status === "serving" ? 200 : 503 });
    },
  },
  {
    id: "readMetrics",
    method: "GET",
    path: "/metrics",
    tag: "This server",
    summary: "Metrics in Prometheus's text format",
    answers: [{ status: 200, description: "A scrape.", contentType: prometheusContentType }],
    run: ({ sources }) =>
      new Response(formatMetrics(sources.metrics()), { headers: { "content-type": prometheusContentType } }),
  },
  {
    id: "readOpenApi",
    method: "GET",
    path: "/openapi.json",
    tag: "This server",
    summary: "This document",
    answers: [{ status: 200, description: "OpenAPI 3.1.", contentType: "application/json" }],
    run: ({ document }) => Response.json(document),
  },
  {
    id: "readDocs",
    method: "GET",
    path: "/docs",
    tag: "This server",
    summary: "This document as a page, to read and to try",
    answers: [
      { status: 200, description: "HTML; it loads nothing from elsewhere.", contentType: "text/html; charset=utf-8" },
    ],
    isOpen: true,
    run: ({ document }) =>
      new Response(docsPage(document), {
        headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": docsPolicy },
      }),
  },
  {
    id: "readIndex",
    method: "GET",
    path: "/",
    tag: "This server",
    summary: "Name, version and every path",
    answers: json(IndexAnswer, "What is here."),
    run: ({ sources: { version }, paths }) => Response.json({ name: "elbow", version, paths }),
  },
];

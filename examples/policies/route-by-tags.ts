/**
 * Routes: which instances serve a host or a path, by the tags that the configuration gives them.
 * The first route that fits decides; what none fits goes to any instance. Paths are compared as they were sent, so routes
 * say who serves what, and are no protection: `/%61dmin` is `/admin` to many an application.
 */
import { definePolicy, Schema, type Selection } from "elbow";

const hostWords = { title: "a host", expected: 'one such as "shop.example.com" or "*.example.com", without a port' };
const pathWords = { title: "a path", expected: 'one such as "/api", which fits "/api" and all below it' };

const Route = Schema.Struct({
  /** Without one, every host; `*.` stands for one or more names. */
  host: Schema.optional(
    Schema.String.annotate(hostWords).check(
      Schema.makeFilter((text) => /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text), hostWords),
    ),
  ),
  /** Without one, every path. */
  path: Schema.optional(
    Schema.String.annotate(pathWords).check(Schema.makeFilter((text) => /^\/[^?#\s]*$/.test(text), pathWords)),
  ),
  /** The instances that have all of these serve it. */
  tags: Schema.Record(Schema.String, Schema.String.annotate({ title: "a tag", expected: "a text" })).annotate({
    title: "a set of tags",
    expected: 'one such as { app: "shop" }',
  }),
}).annotate({ title: "a route", expected: 'one such as { path: "/api", tags: { app: "api" } }' });

/** Without the port, in lower case. */
const bareHost = (host: string): string => host.replace(/:\d*$/, "").toLowerCase();

const fitsHost = (pattern: string, host: string): boolean =>
  pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) && host.length >= pattern.length : host === pattern;

/** `/api` fits `/api` and `/api/users`, but not `/apis`. */
const fitsPath = (prefix: string, path: string): boolean =>
  path.startsWith(prefix) && (prefix.endsWith("/") || path.length === prefix.length || path[prefix.length] === "/");

interface ReadyRoute {
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly selection: Selection;
}

export default definePolicy({
  type: "route-by-tags",
  attributes: Schema.Struct({
    routes: Schema.Array(Route).annotate({
      title: "a list of routes",
      expected: 'one such as [{ path: "/api", tags: { app: "api" } }]',
    }),
  }),
  state: ({ routes }): ReadonlyArray<ReadyRoute> =>
    routes.map(({ host, path, tags }) => ({ host: host?.toLowerCase(), path, selection: { tags } })),
  pick(_attributes, context, routes) {
    if (context.kind === "connection") return undefined;
    const host = bareHost(context.host ?? "");
    const route = routes.find(
      (one) =>
        (one.host === undefined || fitsHost(one.host, host)) &&
        (one.path === undefined || fitsPath(one.path, context.path)),
    );
    return route?.selection;
  },
});

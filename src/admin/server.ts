// The management server: the admin app on one address and port, for as long as its scope is open. It sits beside the data
// path and shares nothing with it but the counters it reads. It owns the listening socket; it never reads configuration.

import { Effect, type Scope } from "effect";
import { BindError } from "../errors.ts";
import type { AdminSources } from "./app.ts";

/** How long requests in progress may take when the server closes, before they are cut. */
const closeGraceMs = 1_000;

/** What `openAdminServer` needs beside the sources: where to listen and which setting moves it. */
export interface AdminServerOptions extends AdminSources {
  readonly port: number;
  readonly setting: string;
}

/**
 * Listens on a management address and answers until the scope closes; the port that it got is returned, since 0 asks for
 * any. Fails with `BindError` when the address can't be had.
 */
export const openAdminServer = Effect.fnUntraced(function* (
  options: AdminServerOptions,
): Effect.fn.Return<number, BindError, Scope.Scope> {
  // Loaded only here: `elbow check` and `--help` have no use for a web framework.
  const { makeAdminApp } = yield* Effect.promise(() => import("./app.ts"));
  const app = makeAdminApp(options);
  const server = yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        Bun.serve({
          hostname: options.address,
          port: options.port,
          fetch: app.fetch,
          development: false,
          reusePort: false,
        }),
      catch: (error) =>
        new BindError({
          address: options.address,
          port: options.port,
          code: codeOf(error),
          loadBalancer: "",
          setting: options.setting,
        }),
    }),
    (server) =>
      Effect.promise(() => server.stop(false)).pipe(
        Effect.timeoutOption(closeGraceMs),
        // An idle kept-alive connection would keep the port's other end waiting, and one slow reader the process.
        Effect.andThen(Effect.promise(() => server.stop(true))),
      ),
  );
  return server.port ?? options.port;
});

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error);

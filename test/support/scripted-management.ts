// A management server that answers what a test wants, and remembers what it was asked. Ends with its `using`; a real one is
// that of elbow-process.ts.

/** A status of an elbow without a load balancer. */
export const answer = {
  ...{ version: "0.1.0", startedAt: new Date(0).toISOString(), readiness: "serving", source: "a test" },
  ...{ lastReload: null, loadBalancers: [] },
};

/** Such a server. */
export interface Scripted extends Disposable {
  readonly port: number;
  /** What was asked: method, path, and the token that was shown. */
  readonly asked: Array<string>;
}

/** Starts one on loopback or on a Unix socket. */
export const serveManagement = (
  options: { readonly tls?: Bun.TLSOptions; readonly unix?: string; readonly fetch?: () => Response } = {},
): Scripted => {
  const asked: Array<string> = [];
  const fetch = (request: Request) => {
    const { pathname } = new URL(request.url);
    asked.push(`${request.method} ${pathname} ${request.headers.get("authorization") ?? "no token"}`);
    return options.fetch?.() ?? Response.json(answer);
  };
  const server =
    options.unix === undefined
      ? Bun.serve({ hostname: "127.0.0.1", port: 0, fetch, ...(options.tls === undefined ? {} : { tls: options.tls }) })
      : Bun.serve({ unix: options.unix, fetch });
  return { port: server.port ?? 0, asked, [Symbol.dispose]: () => void server.stop(true) };
};

// One place where the management server listens: an address and port, in clear or with TLS, or a Unix socket.
//
// Between server.ts, which opens and retires them, and the app, which answers. Owns how Bun's server is asked for; nothing
// here outlives it.
import { Effect } from "effect";
import { BindError } from "../errors.ts";
import type { AdminApp } from "./app.ts";
import { accessOf, type ManagementTerms, socketAccess } from "./management-terms.ts";
import { codeOf, freeSocketPath } from "./unix-socket.ts";

/** A place that is listened at. */
export interface AdminListener {
  readonly server: Bun.Server<undefined>;
  /** As configured, to notice a change; 0 where any free port was asked for. */
  readonly askedPort: number;
  /** The port that it got. */
  readonly port: number;
  /** Lets in whom other settings let in, from the next request on. */
  readonly follow: (terms: ManagementTerms) => void;
}

/** The longest that a connection may be silent, in seconds; streams are exempt. */
const idleSeconds = 60;

/** It holds for Unix sockets as well, where Bun's types have no place for it and its default is 10 s. */
const socketIdle: object = { idleTimeout: idleSeconds };

/** Versions before TLS 1.2 are refused: `SSL_OP_NO_TLSv1` and `SSL_OP_NO_TLSv1_1` of the TLS library. */
const noOldVersions = 0x0400_0000 | 0x1000_0000;

const common = {
  development: false,
  // Bodies have a limit of their own, request-body.ts's, which says so in a problem document.
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
} as const;

/** Listens at the settings' address. *Fails with*: why it can't be had. */
export const openListener = (app: AdminApp, terms: ManagementTerms): Effect.Effect<AdminListener, BindError> =>
  Effect.try({
    try: () => {
      const { address, port, certificate } = terms;
      let access = accessOf(terms);
      const server = Bun.serve({
        ...common,
        idleTimeout: idleSeconds,
        hostname: address,
        port,
        reusePort: false,
        fetch: (request, server) => app.fetch(request, { access, server }),
        ...(certificate === undefined
          ? {}
          : { tls: { cert: certificate.certPem, key: certificate.keyPem, secureOptions: noOldVersions } }),
      });
      const follow = (next: ManagementTerms): void => {
        access = { ...accessOf(next), scheme: access.scheme };
      };
      return { server, askedPort: port, port: server.port ?? port, follow };
    },
    catch: (error) => refuse(terms.address, terms.port, codeOf(error), "management.port"),
  });

/** Listens at a path, for this user alone. *Fails with*: why it can't be had. */
export const openSocket = Effect.fnUntraced(function* (
  app: AdminApp,
  path: string,
): Effect.fn.Return<AdminListener, BindError> {
  const fail = (code: string) => refuse(path, 0, code, "management.socket");
  yield* Effect.mapError(freeSocketPath(path), fail);
  return yield* Effect.try({
    try: () => {
      // From its first moment on: a mode that is set afterwards comes too late for some.
      const umask = process.umask(0o177);
      try {
        const server = Bun.serve({
          ...common,
          ...socketIdle,
          unix: path,
          fetch: (request, server) => app.fetch(request, { access: socketAccess, server }),
        });
        return { server, askedPort: 0, port: 0, follow: () => {} };
      } finally {
        process.umask(umask);
      }
    },
    catch: (error) => fail(codeOf(error)),
  });
});

const refuse = (address: string, port: number, code: string, setting: string): BindError =>
  new BindError({ address, port, code, loadBalancer: "", setting });

// The management server: the admin app on one address and port, and on a Unix socket where one is named, for as long as its
// scope is open. It sits beside the data path and shares nothing with it but the counters it reads. It owns the listening
// sockets, the certificate they show and the token they ask for, across reloads; it never reads configuration.

import { Effect, Exit, type Scope } from "effect";
import { lookEveryMs } from "../control/keychain.ts";
import type { BindError } from "../errors.ts";
import type { Management } from "../model/management.ts";
import { tellNotice } from "../observe/notices.ts";
import type { CertificateError } from "../tls/certificate-error.ts";
import { type AdminListener, openListener, openSocket } from "./admin-listener.ts";
import type { AdminSources } from "./admin-sources.ts";
import { loadTerms, type ManagementTerms, refreshTerms } from "./management-terms.ts";

/** How long requests in progress may take when a server closes, before they are cut. */
const closeGraceMs = 1_000;

/** Where the management server listens. */
export interface ManagementPlace {
  readonly address: string;
  readonly port: number;
  readonly socket: string | undefined;
  readonly isSecure: boolean;
}

/** Other settings, ready to be followed: all that can fail has been done. */
export interface PreparedManagement {
  /** Follows them; the old address and socket are given up. */
  readonly take: Effect.Effect<void>;
  /** Gives them up; everything is as it was. */
  readonly drop: Effect.Effect<void>;
}

/** A management server that listens. */
export interface AdminServer {
  readonly place: () => ManagementPlace;
  /**
   * Gets ready for other settings: certificate read, new places bound. *Fails with*: what can't be had; then everything is as
   * it was.
   */
  readonly prepare: (management: Management) => Effect.Effect<PreparedManagement, BindError | CertificateError>;
}

/**
 * Listens as the settings say and answers until the scope closes. *Fails with*: `BindError` when a place can't be had,
 * `CertificateError` when the certificate can't be used.
 */
export const openAdminServer = Effect.fnUntraced(function* (
  sources: AdminSources,
  management: Management,
): Effect.fn.Return<AdminServer, BindError | CertificateError, Scope.Scope> {
  // Loaded only here: `elbow check` and `--help` have no use for a web framework.
  const { makeAdminApp } = yield* Effect.promise(() => import("./app.ts"));
  const app = makeAdminApp(sources);
  /** Given up, with requests in progress. */
  const retired = new Set<AdminListener>();
  let terms: ManagementTerms = yield* loadTerms(management);
  let listener: AdminListener = yield* openListener(app, terms);
  let socket: AdminListener | undefined;

  const retire = (one: AdminListener | undefined): void => {
    if (one === undefined) return;
    retired.add(one);
    one.server.stop(false).then(() => retired.delete(one));
  };
  const closeAll = Effect.promise(async () => {
    app.streams.closeAll();
    const all = [listener, ...(socket === undefined ? [] : [socket]), ...retired];
    const finished = Promise.all(all.map(({ server }) => server.stop(false)));
    await Promise.race([finished, Bun.sleep(closeGraceMs)]);
    // An idle kept-alive connection would keep the port's other end waiting, and one slow reader the process.
    for (const { server } of all) server.stop(true);
  });
  yield* Effect.addFinalizer(() => closeAll);
  if (terms.socket !== undefined) socket = yield* openSocket(app, terms.socket);

  /** Shows another certificate, or none: the port is given up and had again in one turn, so that nobody else gets it. */
  const rebind = (next: ManagementTerms): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { port } = listener;
      retire(listener);
      return Effect.matchEffect(openListener(app, { ...next, port }), {
        onSuccess: (opened) =>
          Effect.sync(() => {
            listener = { ...opened, askedPort: next.port };
          }),
        onFailure: ({ code }) =>
          Effect.sync(() => tellNotice(`the management server has lost ${next.address}:${port} (${code})`)),
      });
    });

  const take = (next: ManagementTerms, opened: AdminListener | undefined, openedSocket: AdminListener | undefined) =>
    Effect.suspend(() => {
      const before = terms;
      terms = next;
      // Connections that were kept, and streams, too: who was let in by another token must show this one.
      for (const one of [listener, ...retired]) one.follow(next);
      if (!isSameToken(before, next)) app.streams.closeAll();
      if (next.socket !== before.socket) {
        retire(socket);
        socket = openedSocket;
      }
      if (opened !== undefined) {
        retire(listener);
        listener = opened;
        return Effect.void;
      }
      return next.certificate?.fingerprint === before.certificate?.fingerprint ? Effect.void : rebind(next);
    });

  const prepare = Effect.fnUntraced(function* (
    next: Management,
  ): Effect.fn.Return<PreparedManagement, BindError | CertificateError> {
    const nextTerms = yield* loadTerms(next);
    const isMoved = nextTerms.address !== terms.address || nextTerms.port !== listener.askedPort;
    const opened = isMoved ? yield* openListener(app, nextTerms) : undefined;
    const drop = Effect.sync(() => opened?.server.stop(true));
    const isSocketMoved = nextTerms.socket !== undefined && nextTerms.socket !== terms.socket;
    const openedSocket = isSocketMoved
      ? yield* Effect.onExit(openSocket(app, nextTerms.socket as string), (exit) =>
          Exit.isSuccess(exit) ? Effect.void : drop,
        )
      : undefined;
    return {
      take: take(nextTerms, opened, openedSocket),
      drop: Effect.andThen(
        drop,
        Effect.sync(() => openedSocket?.server.stop(true)),
      ),
    };
  });

  const refresh = Effect.suspend(() => {
    const before = terms;
    return Effect.flatMap(refreshTerms(before), (renewed) => {
      // A reload has read everything anew meanwhile.
      if (renewed === undefined || terms !== before) return Effect.void;
      terms = renewed;
      return rebind(renewed);
    });
  });
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookEveryMs), refresh)));

  return {
    place: () => ({
      address: terms.address,
      port: listener.port,
      socket: terms.socket,
      isSecure: terms.certificate !== undefined,
    }),
    prepare,
  };
});

const isSameToken = ({ tokenDigest: one }: ManagementTerms, { tokenDigest: other }: ManagementTerms): boolean =>
  one === undefined || other === undefined ? one === other : Buffer.compare(one, other) === 0;

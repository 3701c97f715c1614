// The management server: the admin app on one address and port, and on a Unix socket where one is named, for as long as its
// scope is open. It sits beside the data path and shares nothing with it but the counters it reads. It owns the listening
// sockets, the certificate they show and the token they ask for, across reloads; it never reads configuration.

import { Effect, Exit, type Scope } from "effect";
import { lookEveryMs } from "../control/keychain.ts";
import type { BindError } from "../errors.ts";
import type { Management } from "../model/management.ts";
import { managementMaxConnections } from "../net/descriptors.ts";
import { formatAddress } from "../net/endpoint.ts";
import { tellNotice } from "../observe/notices.ts";
import type { CertificateError } from "../tls/certificate-error.ts";
import { type AdminHouse, type AdminListener, openListener, openSocket } from "./admin-listener.ts";
import type { AdminSources } from "./admin-sources.ts";
import { ConnectionRoom } from "./connection-room.ts";
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
interface PreparedManagement {
  /** Follows them; the old address and socket are given up. */
  readonly take: Effect.Effect<void>;
  /** Gives them up; everything is as it was. */
  readonly drop: Effect.Effect<void>;
}

/** A management server that listens. */
interface AdminServer {
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
  const house: AdminHouse = { app: makeAdminApp(sources), room: new ConnectionRoom(managementMaxConnections) };
  /** Given up, with requests in progress. */
  const retired = new Set<AdminListener>();
  let terms: ManagementTerms = yield* loadTerms(management);
  let listener: AdminListener = yield* openListener(house, terms);
  let socket: AdminListener | undefined;

  const retire = (one: AdminListener | undefined): void => {
    if (one === undefined) return;
    retired.add(one);
    one.server.stop().then(() => retired.delete(one));
  };
  const closeAll = Effect.promise(async () => {
    house.app.streams.closeAll();
    const all = [listener, ...(socket === undefined ? [] : [socket]), ...retired];
    const finished = Promise.all(all.map(({ server }) => server.stop()));
    await Promise.race([finished, Bun.sleep(closeGraceMs)]);
    // One slow reader would keep the process.
    for (const { server } of all) server.cut();
  });
  yield* Effect.addFinalizer(() => closeAll);
  if (terms.socket !== undefined) socket = yield* openSocket(house, terms.socket);

  /**
   * The next address on the same port, which overlaps with this one: it can be had only when this one is given up, in one
   * turn, so that nobody else gets it. *Fails with*: why not; then this one is had again.
   */
  const change = (next: ManagementTerms): Effect.Effect<Changed, BindError> =>
    Effect.suspend(() => {
      const before = { ...terms, address: listener.address, port: listener.port };
      const { askedPort } = listener;
      retire(listener);
      const restore = Effect.matchEffect(openListener(house, before), {
        onSuccess: (opened) =>
          Effect.sync(() => {
            listener = { ...opened, askedPort };
          }),
        onFailure: ({ address, port, code }) =>
          Effect.sync(() => tellNotice(`the management server has lost ${formatAddress(address, port)} (${code})`)),
      });
      const give = (opened: AdminListener) =>
        Effect.andThen(
          Effect.sync(() => close(opened)),
          restore,
        );
      return openListener(house, next).pipe(
        Effect.map((opened) => ({ opened, drop: give(opened) })),
        Effect.tapError(() => restore),
      );
    });

  const take = (next: ManagementTerms, opened: AdminListener | undefined, openedSocket: AdminListener | undefined) =>
    Effect.sync(() => {
      const before = terms;
      terms = next;
      if (opened !== undefined) {
        retire(listener);
        listener = opened;
      }
      if (openedSocket !== undefined || next.socket === undefined) {
        retire(socket);
        socket = openedSocket;
      }
      // Connections that were kept, and streams, too: who was let in by another token must show this one.
      for (const one of [listener, ...retired]) one.follow(next);
      if (!isSameToken(before, next)) house.app.streams.closeAll();
    });

  const prepare = Effect.fnUntraced(function* (
    next: Management,
  ): Effect.fn.Return<PreparedManagement, BindError | CertificateError> {
    const nextTerms = yield* loadTerms(next);
    const isMoved = nextTerms.address !== listener.address || nextTerms.port !== listener.askedPort;
    const isOverlapping = nextTerms.port === listener.port && overlaps(nextTerms.address, listener.address);
    const { opened, drop }: Changed = !isMoved
      ? { opened: undefined, drop: Effect.void }
      : isOverlapping
        ? yield* change(nextTerms)
        : yield* Effect.map(openListener(house, nextTerms), (opened) => ({
            opened,
            drop: Effect.sync(() => close(opened)),
          }));
    const isSocketLost = socket !== undefined && nextTerms.socket === terms.socket && !socket.isThere();
    // Somebody has removed its file. Whoever closes a socket removes what is at its path, so it goes before the next comes.
    if (isSocketLost) retire(socket);
    const isSocketMoved = nextTerms.socket !== undefined && (nextTerms.socket !== terms.socket || isSocketLost);
    const openedSocket = isSocketMoved
      ? yield* Effect.onExit(openSocket(house, nextTerms.socket as string), (exit) =>
          Exit.isSuccess(exit) ? Effect.void : drop,
        )
      : undefined;
    return {
      take: take(nextTerms, opened, openedSocket),
      drop: Effect.andThen(
        drop,
        Effect.sync(() => close(openedSocket)),
      ),
    };
  });

  const refresh = Effect.suspend(() => {
    const before = terms;
    return Effect.map(refreshTerms(before), (renewed) => {
      // A reload has read everything anew meanwhile.
      if (renewed === undefined || terms !== before) return;
      terms = renewed;
      listener.follow(renewed);
    });
  });
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookEveryMs), refresh)));

  return {
    place: () => ({
      address: listener.address,
      port: listener.port,
      socket: terms.socket,
      isSecure: terms.certificate !== undefined,
    }),
    prepare,
  };
});

/** A place that was opened for other settings, if they have one, and how it is given up again. */
interface Changed {
  readonly opened: AdminListener | undefined;
  readonly drop: Effect.Effect<void>;
}

const close = (one: AdminListener | undefined): void => {
  void one?.server.stop();
  one?.server.cut();
};

/** Whether two addresses can't be bound on one port at once: `::` takes IPv4 too (RFC 3493 §3.7). */
const overlaps = (one: string, other: string): boolean => one === other || covers(one, other) || covers(other, one);

const covers = (wide: string, other: string): boolean =>
  wide === "::" || (wide === "0.0.0.0" && (!other.includes(":") || other === "::"));

const isSameToken = ({ tokenDigest: one }: ManagementTerms, { tokenDigest: other }: ManagementTerms): boolean =>
  one === undefined || other === undefined ? one === other : Buffer.compare(one, other) === 0;

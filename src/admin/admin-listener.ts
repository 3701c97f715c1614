// One place where the management server listens: an address and port, in clear or with TLS, or a Unix socket.
//
// Between server.ts, which opens and retires them, and the app, which answers. Owns where a place is and who may ask there;
// connections are http-server.ts's.
import { existsSync } from "node:fs";
import { Effect } from "effect";
import { BindError } from "../errors.ts";
import type { AdminApp } from "./app.ts";
import type { ConnectionRoom } from "./connection-room.ts";
import { HttpServer } from "./http-server.ts";
import { accessOf, type ManagementTerms, socketAccess } from "./management-terms.ts";
import { codeOf, freeSocketPath } from "./unix-socket.ts";

/** A place that is listened at. */
export interface AdminListener {
  readonly server: HttpServer;
  readonly address: string;
  /** As configured, to notice a change; 0 where any free port was asked for. */
  readonly askedPort: number;
  /** The port that it got; 0 for a Unix socket. */
  readonly port: number;
  /** Lets in whom other settings let in, from the next request on, and shows their certificate to whoever comes. */
  readonly follow: (terms: ManagementTerms) => void;
  /** Whether clients still find it: the file of a Unix socket may have been removed by hand. */
  readonly isThere: () => boolean;
}

/** What every place has in common. */
export interface AdminHouse {
  readonly app: AdminApp;
  readonly room: ConnectionRoom;
}

const listen = (server: HttpServer, place: Parameters<HttpServer["listen"]>[0], fail: (code: string) => BindError) =>
  Effect.tryPromise({ try: () => server.listen(place), catch: (error) => fail(codeOf(error)) });

/** Listens at the settings' address. *Fails with*: why it can't be had. */
export const openListener = (
  { app, room }: AdminHouse,
  terms: ManagementTerms,
): Effect.Effect<AdminListener, BindError> =>
  Effect.suspend(() => {
    const { address, port } = terms;
    let access = accessOf(terms);
    const server = new HttpServer(
      (request, { isSecure, keepOpen }) =>
        app.fetch(request, { access: { ...access, scheme: isSecure ? "https" : "http" }, keepOpen }),
      room,
      terms.serverTls,
    );
    const follow = (next: ManagementTerms): void => {
      access = accessOf(next);
      server.show(next.serverTls);
    };
    const listening = listen(server, { host: address, port }, (code) => refuse(address, port, code, "management.port"));
    return Effect.map(listening, () => ({
      ...{ server, address, askedPort: port, port: server.port, follow },
      isThere: () => true,
    }));
  });

/** Listens at a path, for this user alone. *Fails with*: why it can't be had. */
export const openSocket = Effect.fnUntraced(function* (
  { app, room }: AdminHouse,
  path: string,
): Effect.fn.Return<AdminListener, BindError> {
  const fail = (code: string) => refuse(path, 0, code, "management.socket");
  yield* Effect.mapError(freeSocketPath(path), fail);
  const server = new HttpServer(
    (request, { keepOpen }) => app.fetch(request, { access: socketAccess, keepOpen }),
    room,
    undefined,
  );
  yield* Effect.suspend(() => {
    // From its first moment on: a mode that is set afterwards comes too late for some.
    const umask = process.umask(0o177);
    try {
      const listening = server.listen({ path });
      return Effect.tryPromise({ try: () => listening, catch: (error) => fail(codeOf(error)) });
    } finally {
      process.umask(umask);
    }
  });
  return { server, address: path, askedPort: 0, port: 0, follow: () => {}, isThere: () => existsSync(path) };
});

const refuse = (address: string, port: number, code: string, setting: string): BindError =>
  new BindError({ address, port, code, loadBalancer: "", setting });

// The ground on which hostile TLS clients play: elbow with an HTTPS and an SSL listener, a good client on each that stays
// all the time, and good clients that come anew.
//
// Behind each scenario stands one check: the good ones were served, before, in the midst of it and after; no defect was
// reported; and no connection, lease, fiber, deadline or socket is left behind.
import { expect } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import type { ListenerSecurity } from "../../src/model/security.ts";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import type { ByteEnd } from "../support/byte-end.ts";
import { clientHelloMessage, inRecords } from "../support/client-hello.ts";
import { watchDefects } from "../support/defects.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type InstanceConnection } from "../support/fake-instance.ts";
import { exchange, formatResponse, type HttpRequest } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { Outcomes } from "../support/outcomes.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo, serveHttp } from "../support/scripts.ts";
import { SecureClient, type SecureClientOptions } from "../support/secure-client.ts";
import { securityOf } from "../support/secure-listener.ts";
import { recordTypes, Tls13Client } from "../support/tls13-client.ts";
import { type Tapped, Wiretap } from "../support/wiretap.ts";

/** The two kinds of TLS listeners. */
export type Kind = "HTTPS" | "SSL";

/** What a scenario sets up; all may be left out. */
export interface TlsTerms {
  readonly attributes?: Partial<Attributes>;
  /** Answers a request on HTTPS that isn't a good client's. */
  readonly answer?: (request: HttpRequest, connection: InstanceConnection) => unknown;
  /** What the instance behind SSL does with connections after the good client's; default: echo. */
  readonly relay?: (connection: InstanceConnection) => unknown;
  readonly security?: ListenerSecurity;
}

/** What a scenario plays with. Clients that it makes are left at the end. */
export interface TlsGround {
  readonly elbow: RunningElbow;
  readonly port: (kind: Kind) => number;
  readonly raw: (kind: Kind) => Promise<RawClient>;
  readonly byHand: (kind: Kind) => Promise<Tls13Client>;
  readonly secureByHand: (kind: Kind) => Promise<Tls13Client>;
  /** A client whose bytes pass a wiretap. */
  readonly tapped: (kind: Kind, options?: SecureClientOptions) => Promise<{ client: SecureClient; tapped: Tapped }>;
  readonly secure: (kind: Kind, options?: SecureClientOptions) => Promise<SecureClient>;
  /** Good clients, those who stay and new ones, are served; gives how long the new ones took, in milliseconds. */
  readonly serveGood: () => Promise<number>;
  /** Connections behind SSL, without that of the good client which stays, in order. */
  readonly relay: () => ReadonlyArray<InstanceConnection>;
  /** Waits for a relayed connection. */
  readonly relayed: (index?: number) => Promise<InstanceConnection>;
  /** Waits until nothing is open but what stays. */
  readonly onlyGoodLeft: (timeoutMs?: number) => Promise<void>;
  /** Why connections and exchanges ended that didn't end well, counted. */
  readonly reasons: () => Readonly<Record<string, number>>;
}

const goodTarget = "/good";

/** A request that has nothing special about it. */
export const getRequest = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: test\r\n\r\n`;

/** A ClientHello that any listener takes, in records of at most `fragmentBytes`. */
export const soundHello = (fragmentBytes?: number): Uint8Array =>
  inRecords(
    clientHelloMessage({
      suites: [0x1301, 0xc02b, 0xc02f],
      versions: [0x0304, 0x0303],
      extensions: [
        [10, [0, 2, 0, 29]],
        [13, [0, 6, 4, 3, 8, 4, 4, 1]],
        [51, [0, 36, 0, 29, 0, 32, 9, ...new Array<number>(31).fill(0)]],
      ],
    }),
    fragmentBytes,
  );

/** Whole records in clear: one that means nothing any more (RFC 8446 §5), and the warning `user_canceled`. */
export const changeCipherSpec = [recordTypes.changeCipherSpec, 3, 3, 0, 1, 1];
export const warning = [recordTypes.alert, 3, 3, 0, 2, 1, 90];

/** Both kinds of TLS listeners. */
export const kinds: ReadonlyArray<Kind> = ["HTTPS", "SSL"];

/** Waits until elbow has closed the connection, within `timeoutMs`. */
export const hearEnd = async (client: RawClient, timeoutMs = 3_000): Promise<void> => {
  await client.waitFor(() => client.ending !== "open" || client.isDone, "elbow's end of it", timeoutMs);
};

/** A client that is cut takes its instance's connection with it, be it in the midst of a send. */
const ignoreCut = (error: unknown): void => {
  if (!/ended/.test(String(error))) throw error;
};

/** Sends what can be sent: elbow may have had enough already. */
export const say = (end: ByteEnd, bytes: string | Uint8Array): Promise<void> => end.send(bytes).catch(() => {});

/** Plays a scenario, and checks all that must hold behind every one of them; the good ones may not stay in some. */
export const onTlsGround = async (
  terms: TlsTerms,
  play: (ground: TlsGround) => Promise<void>,
  hasStaying = true,
): Promise<void> => {
  const baseline = openSockets();
  const armed = countArmedDeadlines();
  using defects = watchDefects();
  using outcomes = new Outcomes();
  const serve = serveHttp(async (request, connection) => {
    if (request.target === goodTarget) return formatResponse("good");
    if (terms.answer === undefined) return formatResponse(`to ${request.target}`);
    await terms.answer(request, connection);
    return undefined;
  });
  using web = FakeInstance.start(async (connection) => {
    await (serve(connection) as Promise<void>).catch(ignoreCut);
  });
  let relayed = 0;
  using relay = FakeInstance.start((connection) => {
    // The first is that of the good client which stays.
    if (relayed++ === 0 || terms.relay === undefined) return (echo(connection) as Promise<void>).catch(ignoreCut);
    return terms.relay(connection) as Promise<void>;
  });
  const security = terms.security ?? (await securityOf());
  const attributes = { handshakeTimeout: 10, idleTimeout: 30, ...terms.attributes };
  const elbow = await startElbow(
    configurationOf([
      {
        name: "web",
        listeners: [{ protocol: "HTTPS", instanceProtocol: "HTTP", security }],
        instances: [web],
        attributes,
      },
      {
        name: "relay",
        listeners: [{ protocol: "SSL", instanceProtocol: "TCP", security }],
        instances: [relay],
        attributes,
      },
    ]),
  );
  const left: Array<Disposable> = [];
  const keep = <A extends Disposable>(one: A): A => {
    left.push(one);
    return one;
  };
  const port = (kind: Kind): number => elbow.port(0, kind === "HTTPS" ? "web" : "relay");
  try {
    const staying = { web: await SecureClient.connect(port("HTTPS")), relay: await SecureClient.connect(port("SSL")) };
    left.push(staying.web, staying.relay);
    const ask = async (client: SecureClient): Promise<void> => {
      expect((await exchange(client, goodTarget)).body.toString()).toBe("good");
    };
    const serveGood = async (): Promise<number> => {
      const startedMs = performance.now();
      using fresh = await SecureClient.connect(port("HTTPS"));
      await ask(fresh);
      const tookMs = performance.now() - startedMs;
      await ask(staying.web);
      await staying.relay.send("good");
      expect((await staying.relay.takeBytes(4)).toString()).toBe("good");
      return tookMs;
    };
    await serveGood();
    const onlyGoodLeft = async (timeoutMs = 10_000): Promise<void> => {
      await eventually(() => elbow.openConnections() === 2, { what: "no connection but those that stay", timeoutMs });
      await eventually(() => elbow.outstanding() === 1, { what: "no lease but that of the one that stays" });
    };
    await onlyGoodLeft();
    const fibers = elbow.activeFibers();
    await play({
      elbow,
      port,
      raw: async (kind) => keep(await RawClient.connect(port(kind))),
      byHand: async (kind) => keep(await Tls13Client.connect(port(kind))),
      secureByHand: async (kind) => keep(await Tls13Client.connectSecure(port(kind))),
      tapped: async (kind, options) => {
        const tap = keep(Wiretap.start(port(kind)));
        const client = keep(await SecureClient.connect(tap.port, options));
        return { client, tapped: tap.last };
      },
      secure: async (kind, options) => keep(await SecureClient.connect(port(kind), options)),
      serveGood,
      relay: () => relay.connections.slice(1),
      relayed: (index = 0) => relay.connection(index + 1),
      onlyGoodLeft,
      reasons: () => {
        const counts: Record<string, number> = {};
        for (const { reason } of outcomes.all) if (reason !== undefined) counts[reason] = (counts[reason] ?? 0) + 1;
        return counts;
      },
    });
    if (hasStaying) await serveGood();
    for (const one of left) if (one !== staying.web && one !== staying.relay) one[Symbol.dispose]();
    if (hasStaying) {
      await onlyGoodLeft();
      await serveGood();
    }
    await eventually(() => elbow.activeFibers() <= fibers, { what: `at most ${fibers} fibers` });
    expect(defects.seen).toEqual([]);
    expect([...web.scriptErrors, ...relay.scriptErrors]).toEqual([]);
    for (const one of left) one[Symbol.dispose]();
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0, { what: "nobody left" });
    await elbow.stop();
    await eventually(() => elbow.activeFibers() === 0, { what: "no fiber left" });
    await eventually(() => countArmedDeadlines() <= armed, { what: "no deadline left" });
    for (const connection of [...web.connections, ...relay.connections]) connection.dispose();
    web.stop();
    relay.stop();
    await noNewSockets(baseline);
    expect(defects.seen).toEqual([]);
  } finally {
    for (const one of left) one[Symbol.dispose]();
    await elbow.stop();
  }
};

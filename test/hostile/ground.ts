// The ground on which the hostile scenarios play: elbow, an instance that is honest to its victims and as hostile to the
// others as a scenario says, and two victims whose marked requests run before, during and after it.
//
// Behind each scenario stands one check: every victim got its own mark and nothing else; nobody else got one; whatever an
// instance received was written by elbow; every connection that is kept answers right; and nothing is left behind.
import { expect } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import { type Outcome, observeOutcomes } from "../../src/observe/outcomes.ts";
import type { ByteEnd } from "../support/byte-end.ts";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type InstanceConnection } from "../support/fake-instance.ts";
import {
  exchange,
  formatResponse,
  type HttpHead,
  type HttpRequest,
  type HttpResponse,
  header,
  readHead,
} from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { RawClient } from "../support/raw-client.ts";
import { type Audit, type AuditedRequest, audit } from "./audit.ts";

/** What a scenario sets up; all may be left out. */
export interface Terms {
  readonly attributes?: Partial<Attributes>;
  /** Answers a whole request that isn't a victim's; default: `to <target>`. Nothing, when it did the sending itself. */
  readonly answer?: (
    request: HttpRequest,
    connection: InstanceConnection,
  ) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>;
  /** Meets a head that isn't a victim's, with the body still to come; unless true, the connection is then left to it. */
  readonly meet?: (head: HttpHead, connection: InstanceConnection) => unknown;
  /** Does something with each connection before anything is read; true leaves the connection to it alone. */
  readonly greet?: (connection: InstanceConnection) => unknown;
}

/** What a scenario plays with. */
export interface Ground {
  readonly elbow: RunningElbow;
  readonly instance: FakeInstance;
  readonly port: number;
  /** A new client of the hostile sort; it is left at the end. */
  readonly connect: () => Promise<RawClient>;
  /** A round of the victims' requests, to be played in the middle of something. */
  readonly victims: () => Promise<void>;
  /** What the instance has received whole that isn't a victim's, in the order of its connections. */
  readonly received: () => ReadonlyArray<AuditedRequest>;
  /** How the exchanges that weren't as they should be ended, in order. */
  readonly mishaps: () => ReadonlyArray<Outcome>;
  /** The instance's connection that last brought something else than a victim's request; waits for one. */
  readonly hostileConnection: (count?: number) => Promise<InstanceConnection>;
}

const startOfVictims = "/victim/";

/** So many requests are in progress at once in the last round: every connection that is kept comes up. */
const abreast = 6;

/** Sends what can be sent: the other side may have had enough already. */
export const say = (end: ByteEnd, wire: string | Uint8Array): Promise<void> => end.send(wire).catch(() => {});

/** Waits for the answer's status line, and gives its status; 0 when the connection ended without one. */
export const statusOf = async (client: RawClient): Promise<number> => {
  await client.waitFor(() => client.peek().includes("\r\n") || client.ending !== "open", "a status line");
  return Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(client.peek().toString("latin1"))?.[1] ?? 0);
};

class Victims {
  private round = 0;
  private readonly held = new Map<string, { arrived: number; readonly release: Array<() => void> }>();

  /** Answers a victim's request with its own mark, once all that are to be in progress with it have come. */
  async answer(request: HttpRequest): Promise<Uint8Array> {
    const [, , round = "", , , count = "1"] = request.target.split("/");
    if (Number(count) > 1) {
      const group = this.held.get(round) ?? { arrived: 0, release: [] };
      this.held.set(round, group);
      group.arrived++;
      if (group.arrived >= Number(count)) for (const release of group.release) release();
      else await Promise.race([new Promise<void>((resolve) => group.release.push(resolve)), Bun.sleep(1000)]);
    }
    return formatResponse(`${request.target} ${request.body.toString("latin1")}`, {
      headers: [["X-Mark", header(request, "x-mark") ?? "none"]],
    });
  }

  newRound(): number {
    return ++this.round;
  }
}

const checkAnswer = (response: HttpResponse, target: string, mark: string, body: string): void => {
  expect({
    startLine: response.startLine,
    body: response.body.toString("latin1"),
    mark: header(response, "x-mark"),
    interim: response.interim,
    trailers: response.trailers,
  }).toEqual({ startLine: "HTTP/1.1 200 OK", body: `${target} ${body}`, mark, interim: [], trailers: [] });
};

/** Plays a scenario, and checks all that must hold behind every one of them. */
export const onGround = async (terms: Terms, play: (ground: Ground) => Promise<void>): Promise<void> => {
  const baseline = openSockets();
  const armed = countArmedDeadlines();
  const victims = new Victims();
  const hostile: Array<InstanceConnection> = [];
  const note = (connection: InstanceConnection): void => {
    if (hostile.at(-1) !== connection) hostile.push(connection);
  };

  const instance = FakeInstance.start(async (connection) => {
    if ((await terms.greet?.(connection)) === true) return;
    for (;;) {
      await connection.waitFor(
        () => connection.peek().includes("\r\n\r\n") || connection.ending !== "open",
        "a head",
        60_000,
      );
      const [, target = ""] = connection.peek().toString("latin1").split(" ");
      const isVictims = target.startsWith(startOfVictims);
      if (!isVictims && connection.availableBytes > 0) note(connection);
      if (!isVictims && terms.meet !== undefined && connection.availableBytes > 0) {
        if ((await terms.meet(await readHead(connection), connection)) === true) continue;
        return;
      }
      const request = await connection.readRequest();
      if (request === undefined) return connection.ending === "eof" ? connection.close() : undefined;
      const answer = isVictims
        ? await victims.answer(request)
        : terms.answer === undefined
          ? formatResponse(request.method === "HEAD" ? "" : `to ${request.target}`)
          : await terms.answer(request, connection);
      if (answer !== undefined) await say(connection, answer);
    }
  });
  const mishaps: Array<Outcome> = [];
  const unobserve = observeOutcomes((outcome) => {
    if (outcome.reason !== undefined || outcome.desync !== undefined) mishaps.push(outcome);
  });
  const elbow = await startElbow({ protocol: "HTTP", instances: [instance], attributes: terms.attributes ?? {} });
  const port = elbow.port();
  const clients: Array<RawClient> = [];
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    clients.push(client);
    return client;
  };
  /** The two who stay; one that idled out in a scenario with a short idle timeout comes again. */
  const staying = [await RawClient.connect(port), await RawClient.connect(port)];
  const stay = async (index: number): Promise<RawClient> => {
    const client = staying[index]!;
    if (client.ending === "open") return client;
    expect([client.ending, client.availableBytes, terms.attributes?.idleTimeout !== undefined]).toEqual([
      "eof",
      0,
      true,
    ]);
    client.dispose();
    staying[index] = await RawClient.connect(port);
    return staying[index];
  };
  const ask = async (client: RawClient, name: string, round: number, count: number, body?: string) => {
    const mark = `victim-${name}-${round}`;
    const target = `${startOfVictims}${round}/${name}/of/${count}`;
    const options = { headers: [["X-Mark", mark]] as const };
    checkAnswer(
      await exchange(client, target, body === undefined ? options : { ...options, body }),
      target,
      mark,
      body ?? "",
    );
  };
  const playRound = async (isQuiet: boolean): Promise<void> => {
    const round = victims.newRound();
    // In the midst of trouble only what may be sent again; else bodies as well.
    const body = isQuiet ? `victim's body ${round}` : undefined;
    await Promise.all([ask(await stay(0), "one", round, 1, body), ask(await stay(1), "two", round, 1)]);
  };
  const playAbreast = async (): Promise<void> => {
    const round = victims.newRound();
    const fresh = await Promise.all(Array.from({ length: abreast }, () => RawClient.connect(port)));
    try {
      await Promise.all(fresh.map((client, index) => ask(client, `fresh-${index}`, round, abreast)));
    } finally {
      for (const client of fresh) client.dispose();
    }
  };
  const audits = (): ReadonlyArray<Audit> =>
    instance.connections.map((connection) => audit(Buffer.concat(connection.recorded), port));

  try {
    await playRound(true);
    const fibers = elbow.activeFibers();
    await play({
      elbow,
      instance,
      port,
      connect,
      victims: () => playRound(false),
      received: () =>
        audits()
          .flatMap(({ requests }) => requests)
          .filter(({ startLine }) => startLine.split(" ")[1]?.startsWith(startOfVictims) === false),
      mishaps: () => mishaps,
      hostileConnection: (count = 1) => eventually(() => hostile[count - 1], { what: `hostile connection ${count}` }),
    });
    await playRound(false);
    for (const client of clients) client.dispose();
    await eventually(() => elbow.outstanding() === 0, { what: "no lease left" });
    await playRound(true);
    await playAbreast();
    await playRound(true);

    for (const client of clients) {
      expect(Buffer.concat(client.recorded).toString("latin1")).not.toContain("victim");
    }
    expect(instance.scriptErrors).toEqual([]);
    expect(audits().flatMap(({ problems }) => problems)).toEqual([]);

    for (const client of staying) client.dispose();
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0, { what: "no client left" });
    await eventually(() => elbow.activeFibers() <= fibers, { what: `at most ${fibers} fibers` });
    await elbow.shutdown(500);
    await elbow.stop();
    await eventually(() => instance.connections.every((connection) => connection.isDone || ended(connection)), {
      what: "no connection to an instance left",
    });
    instance.stop();
    await eventually(() => elbow.activeFibers() === 0, { what: "no fiber left" });
    await eventually(() => countArmedDeadlines() <= armed, { what: "no timer left" });
    await noNewSockets(baseline);
  } finally {
    unobserve();
    for (const client of [...clients, ...staying]) client.dispose();
    await elbow.stop();
    instance.stop();
  }
};

/** Whether elbow has let go of a connection; one that its script has stopped reading must look again to see it. */
const ended = (connection: InstanceConnection): boolean => {
  if (connection.ending === "open") connection.resumeReading();
  return connection.ending !== "open";
};

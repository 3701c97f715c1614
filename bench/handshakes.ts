// The load of the handshake rows: connection after connection, each with a TLS handshake, one GET and its answer, which
// wrk can't do in the wanted kind. A process of its own beside the back end; it prints what it counted as one line of
// JSON that bench/load.ts reads. A handshake counts only when it was of the wanted kind and its answer whole: nothing is
// assumed of a proxy, neither that it resumes sessions nor the suite that it chooses.
import { createSecureContext } from "node:tls";
import type { Socket, SocketHandler, TLSOptions } from "bun";
import { readAnswer } from "./answers.ts";
import type { LoadReport } from "./load.ts";
import { medianOf, quantileOf } from "./measure.ts";
import { anyHost, makeGet, serverName } from "./messages.ts";
import { targetBytes } from "./requests.ts";
import type { Handshake } from "./workloads.ts";

/** What one run does. */
export interface HandshakePlan extends Handshake {
  readonly port: number;
  readonly target: string;
  /** How many are under way at once. */
  readonly connections: number;
  readonly seconds: number;
}

/** The suites that are offered below TLS 1.3, which has its own; each means AES-128-GCM with either kind of key. */
const suites = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"];
const suite13 = "TLS_AES_128_GCM_SHA256";
/** A handshake or an answer that takes longer is counted as timed out. */
const patienceMs = 5000;

interface Attempt {
  readonly startedAt: number;
  /** The first connection of a run of resumed ones, which brings the session, doesn't count. */
  readonly isCounted: boolean;
  readonly settle: () => void;
  isRight: boolean;
  hasAnswer: boolean;
  received: Buffer | undefined;
}

// Bun's types leave out what a client needs to resume sessions.
type ResumingSocket = Socket<Attempt> & { setSession(session: Uint8Array): void };
interface ResumingHandlers extends SocketHandler<Attempt> {
  session(socket: Socket<Attempt>, session: Uint8Array): void;
}

/** Makes handshakes for the plan's seconds, waits for those under way, and says what it counted. */
export async function makeHandshakes(plan: HandshakePlan): Promise<LoadReport> {
  const version = `TLSv${plan.version}` as const;
  const { context } = createSecureContext({
    ciphers: suites.join(":"),
    // The order of the key shares, too: every proxy has X25519, and P-256 is there for the certificate's key.
    ecdhCurve: "X25519:P-256",
    minVersion: version,
    maxVersion: version,
  });
  const tls = { rejectUnauthorized: false, serverName, secureContext: context } as TLSOptions;
  const request = makeGet(plan.target, anyHost);
  const bodyBytes = targetBytes.get(plan.target);
  const latenciesUs: number[] = [];
  const counts = { requests: 0, bytes: 0, connectErrors: 0, readErrors: 0, statusErrors: 0, wrongHandshakes: 0 };
  let underWay = 0;
  let session: Uint8Array | undefined;

  const isWanted = (socket: Socket<Attempt>, wantsResumed: boolean): boolean => {
    const suite = socket.getCipher()?.name ?? "";
    const isSuite = plan.version === "1.3" ? suite === suite13 : suites.includes(suite);
    return isSuite && socket.getTLSVersion() === version && socket.isSessionReused() === wantsResumed;
  };
  const answered = (attempt: Attempt, isWhole: boolean, length: number): void => {
    attempt.hasAnswer = true;
    if (!attempt.isCounted) return;
    if (!attempt.isRight) counts.wrongHandshakes += 1;
    else if (!isWhole) counts.statusErrors += 1;
    else {
      counts.requests += 1;
      counts.bytes += length;
      latenciesUs.push((performance.now() - attempt.startedAt) * 1000);
    }
  };
  const handlers: ResumingHandlers = {
    open(socket) {
      if (!plan.hasNoDelay) socket.setNoDelay(false);
      if (plan.isResumed && session !== undefined) (socket as ResumingSocket).setSession(session);
    },
    session(_socket, given) {
      session = given;
    },
    handshake(socket, isDone) {
      const attempt = socket.data;
      if (!isDone) return;
      attempt.isRight = isWanted(socket, plan.isResumed && attempt.isCounted);
      // Without TCP_NODELAY the request is to be a write of its own behind the client's Finished, as most clients send it.
      if (plan.hasNoDelay) socket.write(request);
      else setImmediate(() => socket.write(request));
    },
    data(socket, chunk) {
      const attempt = socket.data;
      if (attempt.hasAnswer) return;
      attempt.received = attempt.received === undefined ? chunk : Buffer.concat([attempt.received, chunk]);
      try {
        const answer = readAnswer(attempt.received, 0);
        if (answer === undefined) return;
        answered(attempt, answer.status === 200 && answer.body.length === bodyBytes, attempt.received.length);
      } catch {
        answered(attempt, false, 0);
      }
      socket.end();
      attempt.settle();
    },
    close(socket) {
      const attempt = socket.data;
      if (attempt.hasAnswer) return;
      attempt.hasAnswer = true;
      counts.readErrors += 1;
      attempt.settle();
    },
    error(socket) {
      socket.terminate();
    },
  };
  const connectOnce = (isCounted: boolean): Promise<void> =>
    new Promise((resolve) => {
      underWay += 1;
      const settle = () => {
        underWay -= 1;
        resolve();
      };
      const data: Attempt = {
        ...{ startedAt: performance.now(), isCounted, settle },
        ...{ isRight: false, hasAnswer: false, received: undefined },
      };
      Bun.connect({ hostname: "127.0.0.1", port: plan.port, tls, data, socket: handlers }).catch(() => {
        if (data.hasAnswer) return;
        data.hasAnswer = true;
        counts.connectErrors += 1;
        settle();
      });
    });

  const longestMs = plan.seconds * 1000 + patienceMs;
  const patience = Promise.withResolvers<void>();
  const timer = setTimeout(patience.resolve, longestMs);
  const startedAt = performance.now();
  const stopAt = startedAt + plan.seconds * 1000;
  const repeat = async () => {
    do await connectOnce(true);
    while (performance.now() < stopAt);
  };
  const runAll = async () => {
    if (plan.isResumed) await connectOnce(false);
    await Promise.all(Array.from({ length: plan.connections }, repeat));
  };
  await Promise.race([runAll(), patience.promise]);
  clearTimeout(timer);
  return {
    ...counts,
    durationUs: (performance.now() - startedAt) * 1000,
    p50Us: medianOf(latenciesUs),
    p99Us: quantileOf(latenciesUs, 0.99),
    writeErrors: 0,
    timeouts: underWay,
  };
}

if (import.meta.main) {
  const report = await makeHandshakes(JSON.parse(Bun.argv[2] ?? "{}") as HandshakePlan);
  process.stdout.write(`report ${JSON.stringify(report)}\n`);
  process.exit(0);
}

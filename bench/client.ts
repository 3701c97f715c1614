// The bench's own client: opens a loopback connection, sends what it is told at once, reads the answers and leaves the
// connection open. It proves that a proxy is ready and answers rightly, and makes the idle connections. It is never the
// load: wrk is.
import type { Socket } from "bun";
import { type ReadAnswer, readAnswer } from "./answers.ts";
import { anyHost, makeGet, serverName } from "./messages.ts";

/** A listener on loopback. */
export interface Address {
  readonly port: number;
  /** Whether it speaks TLS. */
  readonly isSecure: boolean;
}

/** A connection after its answers. */
export interface Exchanged {
  readonly answers: ReadonlyArray<ReadAnswer>;
  /** Whether the other side has closed it since. */
  readonly isClosed: () => boolean;
  readonly close: () => void;
}

const timeoutMs = 5000;

/** Connects to a listener, sends the bytes and resolves when `count` answers are whole; rejects after 5 s. */
export function exchange(address: Address, request: Uint8Array, count = 1): Promise<Exchanged> {
  const { port, isSecure } = address;
  return new Promise((resolve, reject) => {
    const answers: ReadAnswer[] = [];
    let received = Buffer.alloc(0);
    let isSettled = false;
    let isClosed = false;
    let opened: Socket | undefined;
    const fail = (reason: string) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      opened?.terminate();
      reject(new Error(`127.0.0.1:${port}, ${answers.length} of ${count} answers: ${reason}`));
    };
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`), timeoutMs);
    const read = (socket: Socket) => {
      let at = answers.at(-1)?.end ?? 0;
      for (let answer = readAnswer(received, at); answer !== undefined; answer = readAnswer(received, at)) {
        answers.push(answer);
        at = answer.end;
      }
      if (answers.length < count) return;
      if (answers.length > count || received.length > at) return fail("more bytes than were asked for");
      isSettled = true;
      clearTimeout(timer);
      resolve({ answers, isClosed: () => isClosed, close: () => socket.end() });
    };
    const send = (socket: Socket) => {
      // All that the bench sends fits into a fresh socket's buffer.
      if (socket.write(request) < request.byteLength) fail("the request was not taken whole");
    };
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      ...(isSecure ? { tls: { rejectUnauthorized: false, serverName } } : {}),
      socket: {
        open(socket) {
          opened = socket;
          if (!isSecure) send(socket);
        },
        handshake(socket, isDone, error) {
          if (isDone) send(socket);
          else fail(`no TLS: ${error?.message}`);
        },
        data(socket, chunk) {
          if (isSettled) return;
          received = received.length === 0 ? Buffer.from(chunk) : Buffer.concat([received, chunk]);
          try {
            read(socket);
          } catch (error) {
            fail((error as Error).message);
          }
        },
        close() {
          isClosed = true;
          fail("closed before the answer was whole");
        },
        error(_socket, error) {
          fail(error.message);
        },
        connectError() {
          fail("connection refused");
        },
      },
    }).catch(() => fail("connection refused"));
  });
}

/** The same with one GET. */
export const exchangeOnce = (address: Address, target: string): Promise<Exchanged> =>
  exchange(address, makeGet(target, anyHost));

/** Opens connections that made one exchange each, a few at a time; on a failure closes those that it opened. */
export async function openIdle(address: Address, target: string, count: number): Promise<Exchanged[]> {
  const opened: Exchanged[] = [];
  const batch = 50;
  try {
    while (opened.length < count) {
      const wanted = Math.min(batch, count - opened.length);
      const results = await Promise.allSettled(Array.from({ length: wanted }, () => exchangeOnce(address, target)));
      for (const result of results) if (result.status === "fulfilled") opened.push(result.value);
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    }
    return opened;
  } catch (error) {
    for (const connection of opened) connection.close();
    throw error;
  }
}

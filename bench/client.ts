// The bench's own client: opens a loopback connection, makes one exchange and leaves the connection open. It proves that
// a proxy is ready and answers rightly, and makes the idle connections. It is never the load: wrk is.
import type { Socket } from "bun";

/** A connection after its one exchange. */
export interface Exchanged {
  readonly status: number;
  readonly body: string;
  /** Whether the other side has closed it since. */
  readonly isClosed: () => boolean;
  readonly close: () => void;
}

const timeoutMs = 5000;

/** Connects to a loopback port, sends one GET and resolves when its answer is whole; rejects after 5 s. */
export function exchangeOnce(port: number, target: string): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let isClosed = false;
    let opened: Socket | undefined;
    const fail = (reason: string) => {
      clearTimeout(timer);
      opened?.terminate();
      reject(new Error(`127.0.0.1:${port} ${target}: ${reason}`));
    };
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`), timeoutMs);
    const read = (socket: Socket) => {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = received.toString("latin1", 0, end);
      const length = Number(/\r\ncontent-length:\s*(\d+)/i.exec(head)?.[1] ?? Number.NaN);
      if (Number.isNaN(length)) return fail("an answer without Content-Length");
      if (received.length < end + 4 + length) return;
      clearTimeout(timer);
      const status = Number(head.slice(9, 12));
      const body = received.toString("latin1", end + 4);
      resolve({ status, body, isClosed: () => isClosed, close: () => socket.end() });
    };
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open(socket) {
          opened = socket;
          socket.write(`GET ${target} HTTP/1.1\r\nHost: bench\r\n\r\n`);
        },
        data(socket, chunk) {
          received = received.length === 0 ? Buffer.from(chunk) : Buffer.concat([received, chunk]);
          read(socket);
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

/** Opens connections that made one exchange each, a few at a time; on a failure closes those that it opened. */
export async function openIdle(port: number, target: string, count: number): Promise<Exchanged[]> {
  const opened: Exchanged[] = [];
  const batch = 50;
  try {
    while (opened.length < count) {
      const wanted = Math.min(batch, count - opened.length);
      const results = await Promise.allSettled(Array.from({ length: wanted }, () => exchangeOnce(port, target)));
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

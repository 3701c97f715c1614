// The instance behind every proxy of the bench: a raw Bun server of its own process, with canned answers by target
// (bench/requests.ts). It owns the sockets and back-pressure, prints its ports as the first line of output (the second
// one with TLS, when it is told a certificate's and a key's file), and ends when its input closes, so it can't outlive
// the bench. It never buffers more than one unsent answer per connection.
import { readFileSync } from "node:fs";
import type { Socket } from "bun";
import { readProxyHeader } from "../src/parse/proxy-protocol/header-reader.ts";
import { type Answer, RequestReader } from "./requests.ts";

interface Connection {
  readonly reader: RequestReader;
  /** A PROXY header is yet to come. */
  isAwaitingHeader: boolean;
  unsent: Uint8Array | undefined;
  isLast: boolean;
}

function send(socket: Socket<Connection>, answer: Answer): boolean {
  const written = socket.write(answer.bytes);
  if (written === answer.bytes.byteLength) {
    if (answer.isLast) socket.end();
    return !answer.isLast;
  }
  if (written < 0) return false;
  socket.data.unsent = answer.bytes.subarray(written);
  socket.data.isLast = answer.isLast;
  // Requests that follow wait in the kernel until this answer is out.
  socket.pause();
  return false;
}

function answerAll(socket: Socket<Connection>): void {
  for (let answer = socket.data.reader.next(); answer !== undefined; answer = socket.data.reader.next()) {
    if (!send(socket, answer)) return;
  }
}

// What lies behind the header; it always comes in one piece, being the first thing on its connection.
function skipHeader(socket: Socket<Connection>, chunk: Buffer): Buffer | undefined {
  const header = readProxyHeader(chunk);
  if (typeof header === "string") {
    socket.terminate();
    return undefined;
  }
  socket.data.isAwaitingHeader = false;
  return chunk.subarray(header.bytesTaken);
}

/** Where and how the back end listens: on 127.0.0.1 and in clear, unless it says otherwise. */
export interface BackendTerms {
  /** An address of loopback. */
  readonly hostname?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Connections begin with a PROXY header, which is skipped; one without is reset. */
  readonly isIntroduced?: boolean;
}

/** Starts the back end on a loopback port (0 chooses one) and returns the listener. */
export function startBackend(port: number, { hostname = "127.0.0.1", tls, isIntroduced = false }: BackendTerms = {}) {
  return Bun.listen<Connection>({
    hostname,
    port,
    ...(tls === undefined ? {} : { tls }),
    socket: {
      open(socket) {
        socket.data = {
          ...{ reader: new RequestReader(), isAwaitingHeader: isIntroduced },
          ...{ unsent: undefined, isLast: false },
        };
      },
      data(socket, chunk) {
        const rest = socket.data.isAwaitingHeader ? skipHeader(socket, chunk) : chunk;
        if (rest === undefined) return;
        socket.data.reader.push(rest);
        if (socket.data.unsent === undefined) answerAll(socket);
      },
      drain(socket) {
        // Bun may call this without need, so it must do nothing when nothing waits.
        const connection = socket.data;
        if (connection.unsent === undefined) return;
        const written = socket.write(connection.unsent);
        if (written < 0) return;
        if (written < connection.unsent.byteLength) {
          connection.unsent = connection.unsent.subarray(written);
          return;
        }
        connection.unsent = undefined;
        if (connection.isLast) {
          socket.end();
          return;
        }
        socket.resume();
        answerAll(socket);
      },
      error(socket) {
        socket.terminate();
      },
    },
  });
}

if (import.meta.main) {
  const [cert, key] = Bun.argv.slice(2).map((file) => readFileSync(file, "utf8"));
  const listeners = [startBackend(0)];
  if (cert !== undefined && key !== undefined) listeners.push(startBackend(0, { tls: { cert, key } }));
  process.stdout.write(`${listeners.map((listener) => listener.port).join(" ")}\n`);
  process.stdin.on("end", () => process.exit(0));
  process.stdin.resume();
}

// One instance of demo mode: a small HTTP server on a free loopback port that names itself and echoes what reached it,
// so that a newcomer sees the balancing and the headers that elbow adds. It stands where the user's own servers will
// stand, and is reached only over its socket. It never keeps a body: it counts its bytes.

import { createServer, type IncomingMessage, type Server } from "node:http";
import { Effect, type Scope } from "effect";

/** A running demo instance. */
export interface DemoInstance {
  readonly id: string;
  readonly port: number;
}

/** Longer than elbow keeps an idle connection that has served. One that hasn't yet is closed sooner, and elbow opens another. */
const keepAliveTimeoutMs = 75_000;

/** What a demo instance answers: who it is, the request line, the headers as received, the size of the body. */
export const describeRequest = (
  id: string,
  request: Pick<IncomingMessage, "method" | "url" | "httpVersion" | "rawHeaders">,
  bodyBytes: number,
): string => {
  const lines = [
    `Hello from ${id}. This reached me:`,
    "",
    `  ${request.method} ${request.url} HTTP/${request.httpVersion}`,
  ];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    lines.push(`  ${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
  }
  lines.push("", `and a body of ${bodyBytes} ${bodyBytes === 1 ? "byte" : "bytes"}.`, "");
  return lines.join("\n");
};

const startInstance = (id: string): Promise<Server> => {
  const server = createServer({ keepAliveTimeout: keepAliveTimeoutMs }, (request, response) => {
    let bodyBytes = 0;
    request.on("data", (chunk: Uint8Array) => {
      bodyBytes += chunk.byteLength;
    });
    request.on("error", () => response.destroy());
    request.on("end", () => {
      const body = describeRequest(id, request, bodyBytes);
      response.writeHead(200, {
        "content-type": "text/plain; charset=utf-8",
        "content-length": Buffer.byteLength(body),
      });
      response.end(body);
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
};

/** Runs a demo instance until the scope closes; a machine without one free loopback port is beyond help. */
export const acquireDemoInstance = Effect.fnUntraced(function* (
  id: string,
): Effect.fn.Return<DemoInstance, never, Scope.Scope> {
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => startInstance(id)),
    (server) =>
      Effect.sync(() => {
        server.close();
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  // A server that listens on a TCP port has an address object; null and a path are for closed servers and pipes.
  return { id, port: typeof address === "object" && address !== null ? address.port : 0 };
});

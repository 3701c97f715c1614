// An instance made of Bun.serve, in the test's own process: the paths of node-server.mjs but `/cut`: Bun
// prints what a stream fails with.
import type { Server } from "bun";

/** Starts it on a free port; `stop(true)` ends it. */
export const startBunServer = (): Server<undefined> => {
  let release = (): void => {};
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      const { pathname, search, searchParams } = new URL(request.url);
      switch (pathname) {
        case "/echo": {
          const body = await request.bytes();
          return Response.json({
            method: request.method,
            url: pathname + search,
            bytes: body.length,
            sha256: new Bun.CryptoHasher("sha256").update(body).digest("hex"),
            rawHeaders: [...request.headers].flat(),
          });
        }
        case "/length":
          return new Response("x".repeat(Number(searchParams.get("bytes"))));
        case "/chunked":
          return new Response(
            new ReadableStream({
              async pull(controller) {
                for (let index = 0; index < 20; index++) {
                  controller.enqueue(`${index},`);
                  await Bun.sleep(0);
                }
                controller.enqueue("end");
                controller.close();
              },
            }),
          );
        case "/none":
          return new Response(null, { status: 204 });
        case "/not-modified":
          return new Response(null, { status: 304, headers: { ETag: '"tag"' } });
        case "/events":
          return new Response(
            new ReadableStream({
              start(controller) {
                controller.enqueue("data: 1\n\n");
                release = () => {
                  controller.enqueue("data: 2\n\n");
                  controller.close();
                };
              },
            }),
            { headers: { "Content-Type": "text/event-stream" } },
          );
        case "/release":
          release();
          return new Response("released");
        default:
          return new Response("not here", { status: 404 });
      }
    },
    error: () => new Response("failed", { status: 500 }),
  });
};

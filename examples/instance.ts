// A small HTTP instance to try a load balancer with: it says its name, and becomes slow or unwell when it is told so.
//
//   bun run examples/instance.ts i-web1 3001
//
// GET /ping            200, or 500 when it is unwell: what a health check asks
// GET /slow?ms=2000    from now on answers take two seconds
// GET /unwell, /well   fails its checks, or passes them again; other requests are answered all the same
// anything else        its name, what was asked, and how long the body was
//
// SIGTERM ends it when it has answered what it had been asked. It listens on loopback only.
const [name = "i-web1", port = "0"] = process.argv.slice(2);
let delayMs = 0;
let isWell = true;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  // Longer than the load balancer keeps an idle connection (55 s): who closes first must not be the instance.
  idleTimeout: 120,
  async fetch(request) {
    const { pathname, search, searchParams } = new URL(request.url);
    const sizeBytes = (await request.bytes()).length;
    switch (pathname) {
      case "/ping":
        return new Response("", { status: isWell ? 200 : 500 });
      case "/slow":
        delayMs = Number(searchParams.get("ms") ?? 1000);
        return new Response(`${name} takes ${delayMs} ms from now on\n`);
      case "/well":
      case "/unwell":
        isWell = pathname === "/well";
        return new Response(`${name} is ${isWell ? "well" : "unwell"} from now on\n`);
      default:
        if (delayMs > 0) await Bun.sleep(delayMs);
        return new Response(`${name}: ${request.method} ${pathname}${search}, ${sizeBytes} bytes\n`);
    }
  },
});
process.once("SIGTERM", async () => {
  await server.stop();
  process.exit();
});
process.stdout.write(`${name} listens on 127.0.0.1:${server.port}\n`);

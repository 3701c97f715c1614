// Dialling without the system's own calls, as on a machine where they can't be had: connections come, refusals are told.
// In a process of its own, since the switch is the process's.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";

setDefaultTimeout(30_000);

const source = (file: string): string => JSON.stringify(join(import.meta.dir, "../../src/net", file));

const program = `
  import { dial, dialWithoutSystemCalls } from ${source("dial.ts")};
  import { Endpoint } from ${source("endpoint.ts")};
  import { listenUnsafe } from ${source("listener.ts")};
  dialWithoutSystemCalls();
  const server = listenUnsafe("127.0.0.1", 0, (transport) => {
    transport.receiver = { onBytes: (chunk) => transport.write(chunk), onWritable() {}, onEnd: () => transport.shutdown(), onClosed() {} };
  });
  const connect = (port) => new Promise((resolve) => {
    dial(new Endpoint("127.0.0.1", port), 2000, {
      onDialFailed: (failure, code) => resolve(failure + " " + code),
      onDialled: (transport) => {
        let text = "";
        transport.receiver = {
          onBytes: (chunk) => { text += new TextDecoder().decode(chunk); },
          onWritable() {}, onEnd() {}, onClosed: () => resolve("echoed " + text),
        };
        transport.write(new TextEncoder().encode("hello"));
        transport.shutdown();
      },
    });
  });
  console.log(await connect(server.port));
  const { port } = server;
  server.stop();
  console.log(await connect(port));
`;

test("bytes flow both ways, a refusal is one, and nothing keeps the process alive", async () => {
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "pipe" });
  const [said, complained, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect([said, complained, code]).toEqual(["echoed hello\nrefused ECONNREFUSED\n", "", 0]);
});

// docs/http.md shows a request twice: as a client sends it and as an instance gets it. This is what stands on the wire.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { formatResponse, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const page = readFileSync(join(import.meta.dir, "../../docs/http.md"), "utf8");

/** The two columns of the page's first example, an arrow between them, each as bytes on the wire. */
const readExample = (): readonly [sent: string, received: string] => {
  const block = /^## In short\n\n((?: {4}.*\n|\n)+)/m.exec(page)?.[1]?.replaceAll("→", " ") ?? "";
  const lines = block.trimEnd().split("\n");
  const middle = (lines[0] ?? "").indexOf("POST", 5);
  const column = (from: number, to?: number) =>
    lines
      .map((line) => line.slice(from, to).trimEnd())
      .join("\r\n")
      .trimEnd();
  return [column(4, middle), column(middle)];
};

test("the example of docs/http.md is true", async () => {
  const [sent, received] = readExample();
  expect(sent).toMatch(/^POST .*\r\n\r\n\{\}$/s);
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const arrived = received.replace("203.0.113.7", "127.0.0.1").replace("-Port: 80", `-Port: ${elbow.port()}`);
  instance.become(async (connection) => {
    expect((await connection.takeBytes(arrived.length)).toString("latin1")).toBe(arrived);
    await connection.send(formatResponse("ok"));
  });
  await client.send(sent);
  expect((await readResponse(client)).status).toBe(200);
  expect(instance.scriptErrors).toEqual([]);
  expect(instance.connections[0]?.availableBytes).toBe(0);
});

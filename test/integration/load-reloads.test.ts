// A hundred reloads under load: a policy module, its helper, attributes and listeners change while requests go on over
// connections that are kept and new ones, and not one of them fails.
import { expect, setDefaultTimeout, test } from "bun:test";
import { reapply, startConfigured, writeWeb } from "../support/configured-elbow.ts";
import { eventually } from "../support/eventually.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange, header } from "../support/http-message.ts";
import { Load } from "../support/load.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(60_000);

const rounds = 100;

const stamp = (round: number) => `import { definePolicy, Schema } from "elbow";
import { helper } from "./helper.ts";
export const since = ${round - (round % 2)};
export default definePolicy({
  type: "Stamp",
  attributes: Schema.Struct({ label: Schema.String }),
  state: () => ({ edit: undefined as object | undefined }),
  requestHead: () => ({ set: { "X-Helper": String(helper) } }),
  responseHead: ({ label }, _, state) => (state.edit ??= { set: { "X-Stamp": \`\${since} \${helper} \${label}\` } }),
});
`;

test("a hundred reloads under load: no request fails, and each sees a policy that was in force", async () => {
  const instance = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) =>
      new Response(
        `one: ${request.method} ${new URL(request.url).pathname}, ${(await request.bytes()).length} bytes\n`,
      ),
  });
  const [port, changing, ...others] = Array.from({ length: 6 }, freePort) as [number, number, ...Array<number>];
  using folder = makeFolder();
  /** A third of them changes the module, a third what it imports, and the rest attributes; listeners come, change and go. */
  const write = (round: number): string => {
    const listener = { protocol: "HTTP", instancePort: 80 };
    folder.write("stamp.ts", stamp(round));
    folder.write("helper.ts", `export const helper = ${round - (round % 3)};\n`);
    return folder.write(
      "elbow.json",
      writeWeb({
        listeners: [
          { ...listener, port, policies: ["stamp"] },
          { ...listener, port: changing, policies: round % 2 === 0 ? [] : ["stamp"] },
          ...others.filter((_, index) => (round + index) % 3 === 0).map((other) => ({ ...listener, port: other })),
        ],
        instances: [`127.0.0.1:${instance.port}`],
        policies: { stamp: { module: "stamp.ts", attributes: { label: `l${round - (round % 5)}` } } },
        attributes: { minIdleConnections: 0, idleTimeout: 60 + (round % 7) },
      }),
    );
  };
  try {
    await using elbow = await startConfigured(write(0));
    await using load = new Load({ port, perSecond: 400, postEvery: 3 });
    await using onChanging = new Load({ port: changing, perSecond: 100 });
    await load.answers(50);
    for (let round = 1; round <= rounds; round++) {
      await reapply(elbow, write(round));
      await load.answers(5);
      using client = await RawClient.connect(port);
      const answer = await exchange(client, "/1");
      expect(header(answer, "x-stamp")).toBe(`${round - (round % 2)} ${round - (round % 3)} l${round - (round % 5)}`);
    }
    await load.stop();
    await onChanging.stop();
    expect([load.failed, onChanging.failed]).toEqual([[], []]);
    expect([load.answeredCount, onChanging.answeredCount]).toEqual([load.sentCount, onChanging.sentCount]);
    expect(load.answeredCount).toBeGreaterThan(5 * rounds);
    await eventually(() => elbow.outstanding() === 0 && elbow.openConnections() === 0);
  } finally {
    instance.stop(true);
  }
});

// When a policy ends what it keeps: not before the last that is in progress under it has asked it for the last time.
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { reapply, startConfigured, writeWeb } from "../support/configured-elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { type Folder, makeFolder } from "../support/folder.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** What the modules of these tests have done, in order. */
const life: Array<string> = [];
Object.assign(globalThis, { policyDispose: life });
afterEach(() => {
  life.length = 0;
});

const keeper = (version: string, more = "") => `import { definePolicy, Schema } from "elbow";
const tell = (what, state) => { globalThis.policyDispose.push(what + " ${version}" + (state.isOver ? ", too late" : "")); };
export default definePolicy({
  type: "Keeper",
  attributes: Schema.Struct({}),
  state: () => ({ isOver: false }),
  dispose: (_, state) => { tell("end", state); state.isOver = true; },
  ${more}
  log: (_, outcome, state) => { tell("log", state); return {}; },
});
`;

const answering = (version: string) =>
  keeper(
    version,
    `responseHead: (_, response, state) => { tell("answer", state); return { set: { "X-Keeper": "${version}" } }; },`,
  );

const write = (folder: Folder, instance: FakeInstance, listener: Readonly<Record<string, unknown>>): string =>
  folder.write(
    "elbow.json",
    writeWeb(
      {
        instances: [`127.0.0.1:${instance.port}`],
        policies: { keeper: { module: "./keeper.ts" } },
        attributes: {
          minIdleConnections: 0,
          accessLog: { enabled: true, file: `${folder.path}/access.log`, format: "json" },
        },
      },
      listener,
    ),
  );

test("a request in progress is answered and logged by the policy that it began under, which ends then", async () => {
  let answer = (): void => {};
  using instance = FakeInstance.start(async (connection) => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    await answerText("late")(connection);
  });
  using folder = makeFolder({ "keeper.ts": answering("one") });
  const file = write(folder, instance, { policies: ["keeper"] });
  await using elbow = await startConfigured(file);
  const slow = fetch(`http://127.0.0.1:${elbow.port()}/`);
  await eventually(() => instance.connections.length === 1);
  folder.write("keeper.ts", answering("two"));
  await reapply(elbow, file);
  expect(life).toEqual([]);
  answer();
  const answered = await slow;
  expect([answered.status, answered.headers.get("x-keeper")]).toEqual([200, "one"]);
  await eventually(() => life.length >= 3);
  expect(life).toEqual(["answer one", "log one", "end one"]);
});

test.each([true, false])("a layer-4 connection holds its policy, also when its listener goes (%p)", async (goes) => {
  using instance = FakeInstance.start(echo);
  using folder = makeFolder({ "keeper.ts": keeper("one") });
  const file = write(folder, instance, { protocol: "TCP", policies: ["keeper"] });
  await using elbow = await startConfigured(file);
  const client = await RawClient.connect(elbow.port());
  await client.send("one");
  await client.takeUntil("one");
  folder.write("keeper.ts", keeper("two"));
  if (goes) write(folder, instance, { protocol: "HTTP", policies: [] });
  await reapply(elbow, file);
  expect(life).toEqual([]);
  await client.halfClose();
  await eventually(() => life.length >= 2);
  expect(life).toEqual(["log one", "end one"]);
});

test("with elbow all ends, whoever is there still", async () => {
  using instance = FakeInstance.start(echo);
  using folder = makeFolder({ "keeper.ts": keeper("one") });
  const file = write(folder, instance, { protocol: "TCP", policies: ["keeper"] });
  const elbow = await startConfigured(file);
  const client = await RawClient.connect(elbow.port());
  await client.send("one");
  await client.takeUntil("one");
  folder.write("keeper.ts", keeper("two"));
  await reapply(elbow, file);
  await elbow.stop();
  expect(life).toEqual(["log one", "end one", "end two"]);
});

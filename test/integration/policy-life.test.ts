// The life of a user's policy over reloads: when its state is made, kept and ended, and what becomes of errors in that.
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { reapply, startConfigured, writeWeb } from "../support/configured-elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { type Folder, makeFolder } from "../support/folder.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** What the modules of these tests have done, in order. */
const life: Array<string> = [];
Object.assign(globalThis, { policyLife: life });
const takeLife = (): ReadonlyArray<string> => life.splice(0);
afterEach(() => {
  takeLife();
});

const counter = (members = "") => `import { answer, definePolicy, Schema } from "elbow";
let made = 0;
export default definePolicy({
  type: "Counter",
  attributes: Schema.Struct({ from: Schema.NumberFromString }),
  state: ({ from }) => {
    globalThis.policyLife.push(\`begins at \${from}\`);
    return { count: from, number: ++made };
  },
  dispose: (_, state) => {
    globalThis.policyLife.push(\`ends at \${state.count}\`);
  },
  admit: (_, context, state) => (context.kind === "request" ? answer(200, String(++state.count)) : undefined),
  ${members}
});
`;

const write = (folder: Folder, instance: FakeInstance, loadBalancer: object = {}, listener: object = {}): string => {
  const policies = { counter: { module: "./counter.ts", attributes: { from: "10" } } };
  const instances = [`127.0.0.1:${instance.port}`];
  return folder.write(
    "elbow.json",
    writeWeb({ policies, instances, ...loadBalancer }, { policies: ["counter"], ...listener }),
  );
};

const count = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();

test("a state lives over reloads that change neither module nor attributes, and ends with its last use", async () => {
  using instance = FakeInstance.start(answerText("instance"));
  using folder = makeFolder({ "counter.ts": counter() });
  await using elbow = await startConfigured(write(folder, instance));
  expect([await count(elbow.port()), await count(elbow.port())]).toEqual(["11", "12"]);
  expect(takeLife()).toEqual(["begins at 10"]);

  await reapply(elbow, write(folder, instance, { attributes: { minIdleConnections: 0, idleTimeout: 30 } }));
  expect([await count(elbow.port()), takeLife()]).toEqual(["13", []]);

  await reapply(
    elbow,
    write(folder, instance, { policies: { counter: { module: "counter.ts", attributes: { from: "20" } } } }),
  );
  expect([await count(elbow.port()), takeLife()]).toEqual(["21", ["begins at 20", "ends at 13"]]);

  folder.write("counter.ts", counter("onFault: () => {},"));
  await reapply(elbow, write(folder, instance));
  expect([await count(elbow.port()), takeLife()]).toEqual(["11", ["begins at 10", "ends at 21"]]);

  // Defined, and used by no listener.
  await reapply(elbow, write(folder, instance, {}, { policies: [] }));
  expect([await count(elbow.port()), takeLife()]).toEqual(["instance", ["ends at 11"]]);
});

test("one policy of a load balancer has one state, whatever listeners use it; others have their own", async () => {
  using instance = FakeInstance.start(answerText("instance"));
  using folder = makeFolder({ "counter.ts": counter() });
  const policies = {
    counter: { module: "counter.ts", attributes: { from: "10" } },
    other: { module: "counter.ts", attributes: { from: "50" } },
  };
  const listener = (name: string) => ({ protocol: "HTTP", port: 0, instancePort: 80, policies: [name] });
  const listeners = [listener("counter"), listener("counter"), listener("other")];
  await using elbow = await startConfigured(write(folder, instance, { policies, listeners }));
  expect(await Promise.all([count(elbow.port(2)), count(elbow.port(2))])).toEqual(["51", "52"]);
  expect([await count(elbow.port(0)), await count(elbow.port(1))]).toEqual(["11", "12"]);
  expect(takeLife().toSorted()).toEqual(["begins at 10", "begins at 50"]);
});

test("all end with elbow", async () => {
  using instance = FakeInstance.start(answerText("instance"));
  using folder = makeFolder({ "counter.ts": counter() });
  const elbow = await startConfigured(write(folder, instance));
  await elbow.stop();
  expect(takeLife()).toEqual(["begins at 10", "ends at 10"]);
});

test("a state that can't begin refuses the reload, and what was begun for it ends again", async () => {
  using instance = FakeInstance.start(answerText("instance"));
  const broken = counter().replace("return {", 'if (from === 66) throw new Error("no such number");\n    return {');
  using folder = makeFolder({ "counter.ts": counter(), "broken.ts": broken });
  const file = write(folder, instance);
  await using elbow = await startConfigured(file);
  await count(elbow.port());
  takeLife();
  const policies = {
    counter: { module: "counter.ts", attributes: { from: "30" } },
    broken: { module: "broken.ts", attributes: { from: "66" } },
  };
  write(folder, instance, { policies }, { policies: ["counter", "broken"] });
  await expect(reapply(elbow, file)).rejects.toThrow(
    `loadBalancers.web.policies.broken: ${folder.path}/broken.ts:8:32: it can't begin: no such number`,
  );
  expect(takeLife()).toEqual(["begins at 30", "begins at 66", "ends at 30"]);
  expect(await count(elbow.port())).toBe("12");
});

test("a policy that can't end is told, and stands in nobody's way", async () => {
  using instance = FakeInstance.start(answerText("instance"));
  using folder = makeFolder({
    "counter.ts": counter().replace("globalThis.policyLife.push(`ends", "throw Error(`ends"),
  });
  await using elbow = await startConfigured(write(folder, instance));
  await reapply(elbow, write(folder, instance, {}, { policies: [] }));
  expect(await count(elbow.port())).toBe("instance");
});

test.each(["Object.create(null)", "{ toString() { throw 1; } }"])(
  "a state that throws what can't be told refuses the change all the same: %s",
  async (thrown) => {
    using instance = FakeInstance.start(answerText("instance"));
    const broken = counter().replace("return {", `throw ${thrown};\n    return {`);
    using folder = makeFolder({ "counter.ts": broken });
    await expect(startConfigured(write(folder, instance))).rejects.toThrow(
      "it can't begin: something that can't be told",
    );
  },
);

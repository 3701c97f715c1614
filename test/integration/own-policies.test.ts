// Modules of the user's in the places of the built-in policies: what balances, keeps clients with their instances,
// negotiates TLS, and faces instances.
import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:tls";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { observeNotices } from "../../src/observe/notices.ts";
import { issueTestCertificate, writeCertificate } from "../support/certificates.ts";
import { reapply, startConfigured, writeWeb } from "../support/configured-elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo } from "../support/scripts.ts";
import { TlsInstance } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const ask = async (port: number, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/`, { headers, keepalive: false });

const text = async (port: number): Promise<string> => (await ask(port)).text();

/** How often a policy has failed in this phase. */
const failures = (policy: string, phase: string): number =>
  collectMetrics()
    .filter(({ name }) => name === "elbow_policy_errors_total")
    .flatMap(({ samples }) => samples)
    .filter(({ labels }) => labels.policy === policy && labels.phase === phase)
    .reduce((sum, { value }) => sum + value, 0);

const balancer = (pick: string) => `import { defineBalancer } from "elbow";
export default defineBalancer({
  name: "own",
  make: () => {
    const members = [];
    return {
      add: (member) => { members.push(member); members.sort((a, b) => a.id < b.id ? -1 : 1); },
      remove: (member) => { members.splice(members.indexOf(member), 1); },
      pick: (key, exclude) => ${pick},
      leased() {}, returned() {}, reweighed() {},
    };
  },
});
`;

test("a balancing policy of one's own chooses, is changed by a reload, and may fail", async () => {
  using a = FakeInstance.start(answerText("a"));
  using b = FakeInstance.start(answerText("b"));
  const [first, last] = [a, b].toSorted((one, other) => (`127.0.0.1:${one.port}` < `127.0.0.1:${other.port}` ? -1 : 1));
  const nameOf = (instance: FakeInstance | undefined) => (instance === a ? "a" : "b");
  using folder = makeFolder({ "own.ts": balancer("members.find((one) => !exclude?.has(one))") });
  const file = folder.write(
    "elbow.json",
    writeWeb(
      { instances: [`127.0.0.1:${a.port}`, `127.0.0.1:${b.port}`], policies: { mine: { module: "own.ts" } } },
      { policies: ["mine"] },
    ),
  );
  await using elbow = await startConfigured(file);
  const port = elbow.port();
  expect([await text(port), await text(port), await text(port)]).toEqual(Array(3).fill(nameOf(first)));
  folder.write("own.ts", balancer("members.findLast((one) => !exclude?.has(one))"));
  await reapply(elbow, file);
  expect([await text(port), await text(port)]).toEqual(Array(2).fill(nameOf(last)));

  folder.write("own.ts", balancer('{ throw new Error("no idea"); }'));
  await reapply(elbow, file);
  expect(new Set([await text(port), await text(port)])).toEqual(new Set(["a", "b"]));
  folder.write("own.ts", balancer("({ id: 'nobody' })"));
  await reapply(elbow, file);
  expect(new Set([await text(port), await text(port)])).toEqual(new Set(["a", "b"]));
  expect(failures("mine", "balance")).toBe(4);

  folder.write("own.ts", balancer("undefined").replace("returned() {},", ""));
  await expect(reapply(elbow, file)).rejects.toThrow("`make` gave a balancer without `returned`");
});

test("a balancer that can't be told of its members, or be made again, is one that takes turns", async () => {
  using a = FakeInstance.start(answerText("a"));
  using b = FakeInstance.start(answerText("b"));
  const own = balancer("members[0]");
  using folder = makeFolder({ "own.ts": own.replace("add: (member) => {", '$& throw new Error("nobody");') });
  const instances = [`127.0.0.1:${a.port}`, `127.0.0.1:${b.port}`];
  const policies = { deaf: { module: "own.ts" } };
  const file = folder.write("elbow.json", writeWeb({ instances, policies }, { policies: ["deaf"] }));
  await using elbow = await startConfigured(file);
  const port = elbow.port();
  expect(new Set([await text(port), await text(port)])).toEqual(new Set(["a", "b"]));
  expect(failures("deaf", "balance")).toBe(1);

  const once = `let made = 0;\n${own.replace("const members", "if (++made > 1) throw Error(); $&")}`;
  folder.write("own.ts", once.replace(/^(.*)\n(import.*)\n/, "$2\n$1\n"));
  await reapply(elbow, file);
  expect(new Set([await text(port), await text(port)])).toEqual(new Set(["a", "b"]));
  expect(failures("deaf", "balance")).toBe(2);
});

const sticky = (hooks: string) => `import { definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "OwnStickiness",
  attributes: Schema.Struct({ seconds: Schema.Number }),
  stick: ({ seconds }) => ({ ${hooks} }),
});
`;

test("a stickiness policy of one's own keeps clients, and may fail", async () => {
  using a = FakeInstance.start(answerText("a"));
  using b = FakeInstance.start(answerText("b"));
  using folder = makeFolder({
    "own.ts": sticky("follows: ({ hasSession }) => hasSession, renew: () => 'PATH=/;MAX-AGE=' + seconds"),
  });
  const policies = { mine: { module: "own.ts", attributes: { seconds: 77 } } };
  const instances = [`127.0.0.1:${a.port}`, `127.0.0.1:${b.port}`];
  const file = folder.write("elbow.json", writeWeb({ instances, policies }, { policies: ["mine"] }));
  await using elbow = await startConfigured(file);
  const first = await ask(elbow.port());
  const name = await first.text();
  const cookie = first.headers.get("set-cookie") as string;
  expect(cookie).toContain(";PATH=/;MAX-AGE=77");
  for (let n = 0; n < 4; n++) {
    expect(await (await ask(elbow.port(), { Cookie: cookie.split(";", 1)[0] as string })).text()).toBe(name);
  }
  folder.write("own.ts", sticky('follows: () => { throw new Error(); }, renew: () => "PATH=/\\r\\nX-Evil: 1"'));
  await reapply(elbow, file);
  const answer = await ask(elbow.port(), { Cookie: cookie.split(";", 1)[0] as string });
  expect([answer.status, answer.headers.get("set-cookie"), answer.headers.get("x-evil")]).toEqual([200, null, null]);
  expect(failures("mine", "stick")).toBe(2);

  // It goes well while it is tried, and never again.
  const once = sticky("follows: () => true, renew: () => 'PATH=/'").replace("({ follows", "once() && ({ follows");
  folder.write("own.ts", `${once}\nlet made = 0;\nconst once = () => { if (++made > 1) throw 1; return true; };\n`);
  await reapply(elbow, file);
  expect((await ask(elbow.port())).headers.get("set-cookie")).toBeNull();
  expect(failures("mine", "stick")).toBe(3);
});

const preamble = (hook: string) => `import { definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "OwnPreamble",
  attributes: Schema.Struct({ mark: Schema.String }),
  backendPreamble: ${hook},
});
`;

test("what instances are told first; nothing is relayed without it", async () => {
  using instance = FakeInstance.start(echo);
  using folder = makeFolder({
    "own.ts": preamble(
      "({ mark }, connection) => new TextEncoder().encode(mark + ' ' + connection.clientAddress + '\\n')",
    ),
  });
  const file = folder.write(
    "elbow.json",
    writeWeb(
      {
        instances: [`127.0.0.1:${instance.port}`],
        policies: { mine: { module: "own.ts", attributes: { mark: "FROM" } } },
        backendPolicies: { 80: ["mine"] },
      },
      { protocol: "TCP" },
    ),
  );
  await using elbow = await startConfigured(file);
  using client = await RawClient.connect(elbow.port());
  await client.send("hello");
  expect((await client.takeBytes("FROM 127.0.0.1\nhello".length)).toString()).toBe("FROM 127.0.0.1\nhello");

  folder.write("own.ts", preamble('() => { throw new Error("no"); }'));
  await reapply(elbow, file);
  const before = instance.connections.length;
  using refused = await RawClient.connect(elbow.port());
  await refused.send("hello");
  await eventually(() => refused.ending !== "open");
  expect([instance.connections.length - before, failures("mine", "backendPreamble")]).toEqual([0, 1]);
});

const pinned = (decision: string) => `import { definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "OwnProof",
  attributes: Schema.Struct({ pin: Schema.String }),
  authenticateBackend: (trusted, offered) => ${decision},
});
`;

test("who is trusted as an instance", async () => {
  const certificate = await issueTestCertificate({});
  using instance = await TlsInstance.secure(answerText("trusted"), { certificate });
  using folder = makeFolder({ "own.ts": pinned("trusted.length === 0 && offered.pin.length === 44") });
  const file = folder.write(
    "elbow.json",
    writeWeb(
      {
        instances: [`127.0.0.1:${instance.port}`],
        policies: { mine: { module: "own.ts", attributes: { pin: "x" } } },
        backendPolicies: { 443: ["mine"] },
      },
      { instanceProtocol: "HTTPS", instancePort: 443 },
    ),
  );
  await using elbow = await startConfigured(file);
  expect(await text(elbow.port())).toBe("trusted");
  folder.write("own.ts", pinned("false"));
  await reapply(elbow, file);
  expect((await ask(elbow.port())).status).toBe(502);
  folder.write("own.ts", pinned('{ throw new Error("no"); }'));
  await reapply(elbow, file);
  expect((await ask(elbow.port())).status).toBe(502);
  expect(failures("mine", "authenticateBackend")).toBeGreaterThan(0);
});

const negotiated = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(String(socket.getProtocol()));
      socket.destroy();
    });
    socket.on("error", reject);
  });

test("what is negotiated with clients: a security policy, and a policy that makes one of its attributes", async () => {
  using instance = FakeInstance.start(answerText("secure"));
  using folder = makeFolder({
    "security.ts": `import { defineSecurityPolicy } from "elbow";
export default defineSecurityPolicy({
  name: "old", protocols: ["TLSv1.2"], hasServerOrder: true, ciphers: ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
});
`,
    "policy.ts": `import { definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "Newest",
  attributes: Schema.Struct({ protocol: Schema.Literals(["TLSv1.3"]) }),
  negotiate: ({ protocol }) => ({ protocols: [protocol], hasServerOrder: false, ciphers: [] }),
});
`,
  });
  const source = writeCertificate(folder.path, "site", await issueTestCertificate({}));
  const listener = (name: string) => ({
    protocol: "HTTPS",
    port: 0,
    instanceProtocol: "HTTP",
    instancePort: 80,
    certificate: { cert: "site.pem", key: "site.key" },
    policies: [name],
  });
  expect(source).toBeDefined();
  const file = folder.write(
    "elbow.json",
    writeWeb({
      listeners: [listener("old"), listener("new")],
      instances: [`127.0.0.1:${instance.port}`],
      policies: { old: { module: "security.ts" }, new: { module: "policy.ts", attributes: { protocol: "TLSv1.3" } } },
    }),
  );
  await using elbow = await startConfigured(file);
  expect([await negotiated(elbow.port(0)), await negotiated(elbow.port(1))]).toEqual(["TLSv1.2", "TLSv1.3"]);
});

test("an answer that is none is told with the place of its hook, and a promise that is late", async () => {
  using a = FakeInstance.start(answerText("a"));
  using folder = makeFolder({
    "own.ts": `import { definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "own",
  attributes: Schema.Struct({}),
  deadlineMs: 1,
  onError: "open",
  // admit: asked first
  async admit() {
    await new Promise(() => {});
  },
  requestHead: () => ({ sets: {} }) as never,
});
`,
  });
  const file = folder.write(
    "elbow.json",
    writeWeb({ instances: [`127.0.0.1:${a.port}`], policies: { mine: { module: "own.ts" } } }, { policies: ["mine"] }),
  );
  await using elbow = await startConfigured(file);
  const told: Array<string> = [];
  const stop = observeNotices((notice) => void told.push(notice));
  expect(await text(elbow.port())).toBe("a");
  stop();
  expect(told.map((notice) => /(admit|requestHead): .*(\/own\.ts.*)\)$/.exec(notice)?.slice(1))).toEqual([
    ["admit", "/own.ts:8:3"],
    ["requestHead", "/own.ts:11:3"],
  ]);
});

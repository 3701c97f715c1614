// What is said of policy modules that can't be used: the place in the configuration, and the file with line and column.
import { expect, setDefaultTimeout, test } from "bun:test";
import { findProblems, writeWeb } from "../support/configured-elbow.ts";
import { makeFolder } from "../support/folder.ts";

setDefaultTimeout(30_000);

const policy = (members: string) => `import { definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "Own",
  attributes: Schema.Struct({}),
  ${members}
});
`;

const at = "loadBalancers.web.policies.own.module: ";

test.each([
  [
    "a syntax error",
    "export default {};\nexport const one = ;\n",
    (file: string) => [`${at}${file}:2:20: syntax error: Unexpected ; (expected valid TypeScript)`],
  ],
  [
    "an error while it is loaded",
    'const one = 1;\nthrow new Error("not today");\nexport default {};\n',
    (file: string) => [`${at}${file}:2:11: failed while it was loaded: not today (expected a module that loads)`],
  ],
  [
    "no default export",
    "export const one = 1;\n",
    (file: string) => [`${at}${file}: has no default export (expected export default definePolicy({ … }))`],
  ],
  [
    "a default export that is no policy",
    "// A comment.\nexport default 3;\n",
    (file: string) => [
      `${at}${file}:2:1: the default export is 3, not a policy (expected export default definePolicy({ … }), defineBalancer({ … }) or defineSecurityPolicy({ … }))`,
    ],
  ],
  [
    "a hook that is no function",
    policy('requestHead: "no"'),
    (file: string) => [`${at}${file}:5:3: \`requestHead\` is "no" (expected a function)`],
  ],
  [
    "a hook that nobody knows",
    policy("reqestHead() {}"),
    (file: string) => [
      `${at}${file}:5:3: unknown hook \`reqestHead\`; did you mean \`requestHead\`? (expected one of \`negotiate\`, \`stick\`, \`authenticateBackend\`, \`backendPreamble\`, \`admit\`, \`pick\`, \`requestHead\`, \`responseHead\`, \`onFault\`, \`log\`)`,
    ],
  ],
  [
    "no hook at all",
    policy("").replace("type:", "onError: 'open', type:"),
    (file: string) => [
      `${at}${file}:2:1: the policy has no hook (expected one of \`negotiate\`, \`stick\`, \`authenticateBackend\`, \`backendPreamble\`, \`admit\`, \`pick\`, \`requestHead\`, \`responseHead\`, \`onFault\`, \`log\`)`,
    ],
  ],
  [
    "an async admit without a deadline",
    policy("async admit() { return undefined; }"),
    (file: string) => [
      `${at}${file}:5:3: \`admit\` is async, and no \`deadlineMs\` says how long it may take (expected one such as \`deadlineMs: 200\`)`,
    ],
  ],
  [
    "an async hook whose answer is needed at once",
    policy("deadlineMs: 100, responseHead: async () => undefined,"),
    (file: string) => [
      `${at}${file}:2:1: \`responseHead\` is async, and its answer is needed at once (expected a function that isn't async; only \`admit\` and \`pick\` may be)`,
    ],
  ],
  [
    "settings that make no sense",
    policy('onError: "maybe", admit() {},').replace('"Own"', '"my own"'),
    (file: string) => [
      `${at}${file}:3:3: \`type\` is "my own" (expected a name of letters, digits and hyphens)`,
      `${at}${file}:5:3: \`onError\` is "maybe" (expected "open" or "closed")`,
    ],
  ],
  [
    "a security policy with a suite that nobody has",
    'import { defineSecurityPolicy } from "elbow";\nexport default defineSecurityPolicy({ name: "x", protocols: ["TLSv1.2"], hasServerOrder: true, ciphers: ["NONE"] });\n',
    (file: string) => [
      `${at}${file}: \`ciphers[0]\` "NONE" is not a cipher suite (expected OpenSSL's name of one, such as ECDHE-RSA-AES128-GCM-SHA256)`,
    ],
  ],
] as const)("%s", async (_, text, lines) => {
  using folder = makeFolder({ "own.ts": text });
  const policies = { own: { module: "./own.ts" } };
  const file = folder.write("elbow.json", writeWeb({ policies }, { policies: ["own"] }));
  expect(await findProblems(file)).toEqual([...lines(`${folder.path}/own.ts`)]);
});

// What a module throws, or exports, need not be of any sound kind.
test.each([
  ["throw Object.create(null);", ": failed while it was loaded: something that can't be told (expected"],
  ['const e = new Error("self"); e.errors = [e]; throw e;', ":1:15: failed while it was loaded: self (expected"],
  [
    'const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw e; } }); throw e;',
    ": failed while it was loaded: x (expected",
  ],
  [
    'export default { get type() { throw new Error("no"); } };',
    ":1:1: the default export can't be looked at: no (expected",
  ],
  [
    "export default new Proxy({}, { getOwnPropertyDescriptor() { throw Object.create(null); } });",
    ":1:1: the default export can't be looked at: something that can't be told (expected",
  ],
])("refused, and no more than that: %s", async (text, words) => {
  using folder = makeFolder({ "own.ts": `${text}\nexport const one = 1;\n` });
  const file = folder.write("elbow.json", writeWeb({ policies: { own: { module: "./own.ts" } } }));
  const problems = await findProblems(file);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toStartWith(`${at}${folder.path}/own.ts${words}`);
});

test.each([
  "export default { get loadBalancers() { throw new Error('no'); } };",
  "export default { loadBalancers: { web: { get listeners() { throw new Error('no'); }, instances: [] } } };",
  "export default new Proxy({}, { ownKeys() { throw new Error('no'); } });",
])("a configuration that can't be looked at is refused: %s", async (text) => {
  using folder = makeFolder({});
  const file = folder.write("elbow.config.ts", `${text}\n`);
  const problems = await findProblems(file);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/elbow\.config\.ts: can't be looked at: Error: no \(.*elbow\.config\.ts:1:\d+\)/);
});

test("a Schema's own code that throws is told in its words", async () => {
  const broken = policy("admit: () => undefined").replace(
    "Schema.Struct({})",
    'Schema.Struct({}).check(Schema.makeFilter(() => { throw new TypeError("no such thing"); }))',
  );
  using folder = makeFolder({ "own.ts": broken });
  const file = folder.write("elbow.json", writeWeb({ policies: { own: { module: "./own.ts" } } }));
  expect(await findProblems(file)).toEqual([
    `loadBalancers.web.policies.own.attributes: ${folder.path}/own.ts can't read them: no such thing (expected other attributes)`,
  ]);
});

test("an import that names what isn't there, mended and imported again", async () => {
  using folder = makeFolder({
    "own.ts": policy("admit: gone").replace("\n", '\nimport { gone } from "./part.ts";\n'),
    "part.ts": "export const here = () => undefined;\n",
  });
  const file = folder.write("elbow.json", writeWeb({ policies: { own: { module: "own.ts" } } }));
  expect(await findProblems(file)).toEqual([
    `${at}${folder.path}/own.ts: failed while it was loaded: Export named 'gone' not found in module '${folder.path}/part.ts'. (expected a module that loads)`,
  ]);
  folder.write("part.ts", "export const gone = () => undefined;\n");
  expect(await findProblems(file)).toEqual([]);
});

test("a module that isn't there, and one that is no module", async () => {
  using folder = makeFolder({ "own.txt": "no" });
  const policies = { gone: { module: "./gone.ts" }, text: { module: "./own.txt" }, empty: { module: "" } };
  expect(await findProblems(folder.write("elbow.json", writeWeb({ policies })))).toEqual([
    `loadBalancers.web.policies.gone.module: ${folder.path}/gone.ts is not there (expected the path of a module, relative to the configuration's folder)`,
    `loadBalancers.web.policies.text.module: ${folder.path}/own.txt has the extension .txt (expected .ts, .mts, .js or .mjs)`,
    'loadBalancers.web.policies.empty.module: "" is not the path of a policy module (expected a path such as "./policies/geo.ts")',
  ]);
});

test("attributes are refused at their places, in the words of the module's Schema", async () => {
  using folder = makeFolder({
    "own.ts": `import { definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "Own",
  attributes: Schema.Struct({
    share: Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 100 })),
    mode: Schema.Literals(["soft", "hard"]),
    lists: Schema.Struct({ allow: Schema.Array(Schema.String) }),
    prefix: Schema.String.annotate({ title: "a prefix", expected: "one such as /api" }),
  }),
  admit: () => undefined,
});
`,
  });
  const problemsOf = (attributes: object) =>
    findProblems(folder.write("elbow.json", writeWeb({ policies: { own: { module: "own.ts", attributes } } })));
  const place = "loadBalancers.web.policies.own.attributes";
  expect(await problemsOf({ share: 5, mode: "soft", lists: { allow: ["10.0.0.0/8"] }, prefix: "/" })).toEqual([]);
  expect(await problemsOf({ share: 101, mode: "sotf", lists: { allow: [1] }, prefix: 4, shares: 1 })).toEqual([
    `${place}.share: 101 is not a legal value (expected a value between 0 and 100)`,
    `${place}.mode: "sotf" is not a legal value (expected "soft" or "hard")`,
    `${place}.lists.allow[0]: 1 is not a legal value (expected a text)`,
    `${place}.prefix: 4 is not a prefix (expected one such as /api)`,
    `${place}.shares: unknown key \`shares\`; did you mean \`share\`? (expected one of \`share\`, \`mode\`, \`lists\`, \`prefix\`)`,
  ]);
  expect(await problemsOf({})).toContain(`${place}.share: is missing (expected a value between 0 and 100)`);
});

test("a policy where it doesn't fit", async () => {
  using folder = makeFolder({
    "head.ts": policy("responseHead: () => undefined,"),
    "preamble.ts": policy("backendPreamble: () => undefined,"),
    "balance.ts":
      'import { defineBalancer } from "elbow";\nexport default defineBalancer({ name: "own", make: () => { throw new Error(); } });\n',
  });
  const policies = {
    head: { module: "head.ts" },
    preamble: { module: "preamble.ts" },
    balance: { module: "balance.ts" },
    again: { module: "balance.ts" },
    strange: { module: "balance.ts", attributes: { seed: 1 } },
  };
  const file = folder.write(
    "elbow.json",
    writeWeb(
      { policies, backendPolicies: { 80: ["head"] } },
      { protocol: "TCP", policies: ["head", "preamble", "balance", "again", "hed"] },
    ),
  );
  expect(await findProblems(file)).toEqual([
    `loadBalancers.web.listeners[0].policies[0]: "head" has the hook \`responseHead\` (${folder.path}/head.ts:5:3), and this listener speaks TCP, which has no requests (expected \`protocol: "HTTP"\`, or a policy without that hook)`,
    'loadBalancers.web.listeners[0].policies[1]: "preamble" sends instances a header, and a listener faces clients (expected the policy in `backendPolicies`, under the instance port)',
    'loadBalancers.web.listeners[0].policies[3]: "again" balances, and so does loadBalancers.web.listeners[0].policies[2] (expected one such policy at most)',
    'loadBalancers.web.listeners[0].policies[4]: "hed" is not a policy; did you mean "head"? (expected a name from the load balancer\'s `policies`, or one that `elbow policy list` prints)',
    `loadBalancers.web.policies.strange.attributes: ${folder.path}/balance.ts takes no attributes (expected no \`attributes\`, or a module with definePolicy)`,
    'loadBalancers.web.backendPolicies.80[0]: "head" is a policy of listeners, and has no hook for instances (expected a policy with `authenticateBackend` or `backendPreamble`)',
  ]);
});

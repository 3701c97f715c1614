// The pages of the configuration against the code: every key of every table, the whole shape, the messages, and what can be
// imported. Reads files, and checks the configurations that it finds.
import { expect, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Effect } from "effect";
import { examineConfiguration, spellFindings } from "../../src/control/configuration/check.ts";
import { loadConfiguration } from "../../src/control/configuration/load.ts";
import { defaultAttributes, WrittenAttributes } from "../../src/model/attributes.ts";
import { WrittenConfiguration } from "../../src/model/configuration.ts";
import { WrittenHealthCheck } from "../../src/model/health-check.ts";
import { WrittenInventoryMember } from "../../src/model/instance.ts";
import { WrittenListener } from "../../src/model/listener.ts";
import { WrittenLoadBalancer } from "../../src/model/load-balancer.ts";
import { WrittenManagement } from "../../src/model/management.ts";
import { defaultOutlierDetection } from "../../src/model/outlier-detection.ts";
import { WrittenOtlp } from "../../src/model/telemetry.ts";
import {
  WrittenCertificate,
  WrittenClientAuth,
  WrittenInstanceAuthority,
  WrittenSecurityPolicy,
} from "../../src/model/written-security.ts";
import { issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { codeBlocksOf, codeSpansOf, proseOf, tableRowsOf } from "../support/documents.ts";
import { type Folder, makeFolder } from "../support/folder.ts";

const root = resolve(import.meta.dir, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const codeOf = (text: string): string | undefined => /^`([^`]+)`$/.exec(text)?.[1];

test("the configuration page has every attribute with its default, and no other", () => {
  const stated = tableRowsOf(read("docs/configuration.md"))
    .map(([name = "", , value = ""]) => [codeOf(name) ?? "", value] as const)
    .filter(([name]) => Object.hasOwn(defaultAttributes, name))
    .map(([name, value]) => [name, value.replaceAll(/^"|"$/g, "")]);
  const spell = (value: unknown) =>
    typeof value === "object" ? Bun.inspect(value, { compact: true }).replaceAll(/\s+/g, " ") : String(value);
  const actual = Object.entries(defaultAttributes).map(([name, value]) => [name, spell(value)]);
  expect(stated.length).toBe(actual.length);
  expect(Object.fromEntries(stated)).toEqual(Object.fromEntries(actual));
});

/** A folder with the certificates and keys that the configuration page's examples name. */
const makeDocumentedFolder = async (): Promise<Folder> => {
  const [site, rsa, other, authority] = await Promise.all([
    issueTestCertificate(),
    issueTestCertificate({ keyType: "RSA" }),
    issueTestCertificate({ names: ["other.test"] }),
    testAuthority(),
  ]);
  const lockedKey = createPrivateKey(other.keyPem).export({
    ...{ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "correct horse" },
  });
  return makeFolder({
    "certs/site.pem": site.certPem,
    "certs/site.key": site.keyPem,
    "certs/chain.pem": authority.certPem,
    "certs/site-rsa.pem": rsa.certPem,
    "certs/site-rsa.key": rsa.keyPem,
    "certs/other.pem": other.certPem,
    "certs/other.key": lockedKey.toString(),
    "certs/clients.pem": authority.certPem,
    "certs/ca.pem": authority.certPem,
  });
};

/** The names in the first column of every table with a heading `key` or `member` under `## heading` of a page. */
const keysUnder = (page: string, heading: string): ReadonlyArray<string> => {
  const section =
    proseOf(page)
      .split(/^#{2,3} /m)
      .find((one) => one.startsWith(`${heading}\n`)) ?? "";
  const tables = section.split(/^(?!\|)/m).filter((one) => /^\s*\| (?:key|member) /.test(one));
  return tables.flatMap((table) => tableRowsOf(table).slice(2)).flatMap(([cell = ""]) => codeSpansOf(cell));
};

test.each<readonly [string, string, object]>([
  ["configuration", "Load balancers", WrittenLoadBalancer.fields],
  ["configuration", "Listeners", WrittenListener.fields],
  ["configuration", "Instances", WrittenInventoryMember.fields],
  ["configuration", "Attributes", defaultAttributes],
  ["configuration", "Certificates", WrittenCertificate.fields],
  ["configuration", "Policies", WrittenSecurityPolicy.fields],
  ["configuration", "What instances must prove", WrittenInstanceAuthority.fields],
  ["configuration", "Client certificates", WrittenClientAuth.fields],
  ["health-checks", "Health checks", WrittenHealthCheck.fields],
  ["health-checks", "Outlier detection", defaultOutlierDetection],
  ["draining", "Draining", defaultAttributes.connectionDraining],
  ["metrics", "Push", WrittenOtlp.fields],
])("the page %s has every key under %s, and no other", (name, heading, fields) => {
  const page = read(`docs/${name}.md`).replace(/^# /, "## ");
  expect([...keysUnder(page, heading)].sort()).toEqual(Object.keys(fields).sort());
});

test("the configuration page has every key of the top level, and no other", () => {
  const { management, ...others } = WrittenConfiguration.fields;
  const nested = Object.keys(WrittenManagement.fields).map((key) => `management.${key}`);
  expect(management).toBeDefined();
  expect([...keysUnder(read("docs/configuration.md"), "Top level")].sort()).toEqual(
    [...Object.keys(others), ...nested].sort(),
  );
});

test("the configuration page's whole shape has every key, and the defaults of attributes", async () => {
  const whole = codeBlocksOf(read("docs/configuration.md")).find(({ code }) => code.trimStart().startsWith("{"));
  using folder = await makeDocumentedFolder();
  const file = folder.write("whole.ts", `export default ${whole?.code}`);
  const { loadBalancers } = await Effect.runPromise(loadConfiguration(file));
  expect(loadBalancers[0]?.attributes).toEqual(defaultAttributes);

  const written: WrittenConfiguration = (await import(file)).default;
  const { web } = written.loadBalancers;
  const { listeners = [], policies = {}, backendPolicies = {}, attributes = {}, healthCheck = {} } = web ?? {};
  const shown = (...parts: ReadonlyArray<unknown>) =>
    [...new Set(parts.filter((part) => typeof part === "object").flatMap((part) => Object.keys(part ?? {})))].sort();
  const known = (schema: { readonly fields: object }) => Object.keys(schema.fields).sort();
  expect(shown(written)).toEqual(known(WrittenConfiguration));
  // One of the two tokens is enough, and both are refused.
  expect(shown(written.management, { tokenFile: "" })).toEqual(known(WrittenManagement));
  expect(shown(...Object.values(written.instances ?? {}))).toEqual(known(WrittenInventoryMember));
  expect(shown(web)).toEqual(known(WrittenLoadBalancer));
  expect(shown(...listeners)).toEqual(known(WrittenListener));
  expect(shown(...listeners.flatMap(({ certificates = [] }) => certificates))).toEqual(known(WrittenCertificate));
  expect(shown(...listeners.map(({ clientAuth }) => clientAuth))).toEqual(known(WrittenClientAuth));
  expect(shown(attributes)).toEqual(known(WrittenAttributes));
  expect(shown(healthCheck)).toEqual(known(WrittenHealthCheck));
  expect(shown(...Object.values(policies))).toEqual(["attributes", "type"]);
  expect(shown(...Object.values(backendPolicies).flat())).toEqual(known(WrittenInstanceAuthority));
});

test("the configuration page's sample messages are those of a check", () => {
  const web = (members: object) => ({ loadBalancers: { web: { listeners: [], instances: [], ...members } } });
  const written = [
    web({ listners: [] }),
    web({ listeners: [{ protocol: "HTTP", port: 70000, instancePort: 80 }] }),
    { instances: { "i-web2": "10.0.0.4" }, ...web({ instances: ["10.0.0.5", "i-wbe2"] }) },
  ];
  const page = read("docs/configuration.md");
  for (const one of written) {
    const problems = spellFindings(examineConfiguration(one).findings, one);
    const lines = problems.map(({ path, problem, expected }) => `    ${path}: ${problem} (expected ${expected})\n`);
    expect(lines.filter((line) => page.includes(line))).toHaveLength(1);
  }
});

test("the configuration page has everything that the module `elbow` exports, and no other", async () => {
  const [, sentence = ""] = /^The module `elbow` exports ([^.]*)\.$/m.exec(read("docs/configuration.md")) ?? [];
  const source = read("src/policy/index.ts");
  const lists = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = ""]) => list.split(","));
  const own = [...source.matchAll(/^export (?:const|type) (\w+)/gm)].map(([, name = ""]) => name);
  const exported = [...lists.map((name) => name.replace("type ", "").trim()).filter((name) => name !== ""), ...own];
  expect([...codeSpansOf(sentence)].sort()).toEqual(exported.sort());
});

test("configurations in the documentation are sound", async () => {
  const blocks = codeBlocksOf(read("docs/configuration.md")).filter(({ language }) => language === "ts");
  expect(blocks.length).toBeGreaterThan(1);
  using folder = await makeDocumentedFolder();
  const files = blocks.map(({ code }, index) =>
    folder.write(`${index}.ts`, code.trimStart().startsWith("{") ? `export default ${code}` : code),
  );
  for (const file of [...files, join(root, "examples/elbow.config.ts")]) {
    const { loadBalancers } = await Effect.runPromise(loadConfiguration(file));
    expect(loadBalancers.map(({ name }) => name)).toEqual(["web"]);
  }
});

// The promise: a configuration is sound only with its certificates, keys and authorities, wherever it lies; what is wrong
// with them is told at their place, with everything else that is wrong, and never with a word of a key.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { chmodSync } from "node:fs";
import { resolve } from "node:path";
import { Effect, Result } from "effect";
import { issueDevelopmentCertificate } from "../../certs/development.ts";
import { loadConfiguration } from "../../src/control/configuration/load.ts";
import { issueTestCertificate, writeCertificate } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { type Folder, makeFolder } from "../support/folder.ts";

setDefaultTimeout(30_000);

const load = (path: string, options: Parameters<typeof loadConfiguration>[1] = {}) =>
  Effect.runPromise(Effect.result(loadConfiguration(path, options)));

const problemsOf = async (folder: Folder, path: string, options?: Parameters<typeof loadConfiguration>[1]) => {
  const result = await load(path, options);
  return Result.isFailure(result) ? result.failure.message.replaceAll(`${folder.path}/`, "").split("\n") : [];
};

const certificate = (name: string) => ({ cert: `${name}.pem`, key: `${name}.key` });
const listening = (...listeners: ReadonlyArray<object>) => ({
  loadBalancers: {
    web: { listeners: listeners.map((one, index) => ({ ...https, port: 8443 + index, ...one })), instances: [] },
  },
});
const https = { protocol: "HTTPS", instanceProtocol: "HTTP", instancePort: 80 };
const place = "loadBalancers.web.listeners";

/** A folder with a good certificate (`site`), one that has ended (`old`) and one that hasn't begun (`new`). */
const makeCertificates = async (): Promise<Folder> => {
  const folder = makeFolder();
  const year = new Date().getUTCFullYear();
  writeCertificate(folder.path, "site", await issueTestCertificate());
  writeCertificate(folder.path, "rsa", await issueTestCertificate({ keyType: "RSA" }));
  writeCertificate(folder.path, "old", await issueTestCertificate({ notBefore: new Date("2020-01-01"), days: 30 }));
  writeCertificate(folder.path, "new", await issueTestCertificate({ notBefore: new Date(`${year + 2}-01-01`) }));
  return folder;
};

describe("certificates are found", () => {
  test("from the folder of the file, whatever kind of file it is and wherever the process is", async () => {
    using folder = await makeCertificates();
    const written = JSON.stringify(listening({ certificate: { cert: "../site.pem", key: "../site.key" } }));
    for (const [name, text] of [
      ["a/elbow.json", written],
      ["a/elbow.yaml", written],
      ["a/elbow.ts", `import { defineConfig } from "elbow"; export default defineConfig(${written});`],
    ] as const) {
      const loaded = Result.getOrThrow(await load(folder.write(name, text)));
      const [source] = loaded.loadBalancers[0]?.listeners[0]?.security?.certificates ?? [];
      expect(source?.cert).toEqual({ file: "../site.pem", path: `${folder.path}/site.pem` });
    }
  });

  test("in the text itself", async () => {
    using folder = makeFolder();
    const { certPem, keyPem } = await issueTestCertificate();
    const indent = (text: string) => text.trimEnd().replaceAll(/^/gm, "            ");
    const path = folder.write(
      "elbow.yaml",
      `loadBalancers:
  web:
    instances: []
    listeners:
      - protocol: SSL
        port: 8443
        instancePort: 80
        instanceProtocol: TCP
        certificate:
          cert: |
${indent(certPem)}
          key: |
${indent(keyPem)}
`,
    );
    expect(await problemsOf(folder, path, { refuseExpired: true })).toEqual([]);
  });
});

test("a copy of a module in policies/tls/ is a security policy of one's own, and so is the same in JSON or YAML", async () => {
  using folder = await makeCertificates();
  const name = "elb-security-policy-tls13-1-3-2021-06.ts";
  folder.write(name, await Bun.file(resolve(import.meta.dir, "../../policies/tls", name)).text());
  const policy = { protocols: ["TLSv1.3"], hasServerOrder: true, ciphers: [] } as const;
  const { web } = listening({ certificate: certificate("site"), policies: ["mine"] }).loadBalancers;
  const written = JSON.stringify({ loadBalancers: { web: { ...web, policies: { mine: policy } } } });
  for (const [file, text] of [
    [
      "elbow.ts",
      `import { defineConfig } from "elbow";
       import mine from "./${name}";
       export default defineConfig({ loadBalancers: { web: { ...${JSON.stringify(web)}, policies: { mine } } } });`,
    ],
    ["elbow.json", written],
    [
      "elbow.yaml",
      written.replace(JSON.stringify(policy), "{ protocols: [TLSv1.3], hasServerOrder: true, ciphers: [] }"),
    ],
  ] as const) {
    const [loadBalancer] = Result.getOrThrow(await load(folder.write(file, text))).loadBalancers;
    expect([file, loadBalancer?.listeners[0]?.security?.policy]).toEqual([file, { ...policy, name: "mine" }]);
    expect(loadBalancer?.securityPolicies).toEqual([{ ...policy, name: "mine" }]);
  }
});

describe("a key that was pasted without its first and last line is in no message", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ type: "sec1", format: "der" }).toString("base64");
  const name = key.replaceAll(/[+/=]/g, "");
  const whole = { ...https, port: 8443 };
  test.each<readonly [string, string, string | object]>([
    ["for a key's path", "elbow.json", listening({ ...whole, certificate: { cert: "a.pem", key } })],
    ["for an authority's path", "elbow.json", listening({ ...whole, clientAuth: { ca: key, mode: "require" } })],
    ["twice in JSON", "elbow.json", `{ "${key}": 1, "${key}": 2 }`],
    ["behind YAML's mark for an alias", "elbow.yaml", `key: *${key}\n`],
    ["without quotes", "elbow.ts", `export default { key: ${name} };\n`],
    ["in an error of the module's own", "elbow.ts", `throw new Error("no use for ${key}");\n`],
    ["in the name of a module", "elbow.ts", `export { default } from "${key}";\n`],
    [
      "in the name of a module, with a slash early",
      "elbow.ts",
      `export { default } from "${key.slice(0, 16)}/${key}";\n`,
    ],
  ])("%s", async (_, file, content) => {
    using folder = makeFolder();
    const path = folder.write(file, content);
    const [run, check] = await Promise.all(
      ["run", "check"].map((command) => ElbowCommand.run([command, "--config", path])),
    );
    expect([run?.exitCode, check?.exitCode]).toEqual([1, 1]);
    const said = [run?.stdout, run?.stderr, check?.stdout, check?.stderr].join("\n");
    expect(said).toMatch(/what looks like a key|the value is not a PEM file/);
    for (const piece of name.match(/.{12}/g) ?? []) expect(said).not.toContain(piece);
  });

  test("for the files of `serve`", async () => {
    const files = ["--cert", key, "--key", key];
    for (const from of ["https://127.0.0.1:8443", "http://127.0.0.1:8443"]) {
      const { exitCode, stderr } = await ElbowCommand.run(["serve", "--from", from, "--to", "127.0.0.1:1", ...files]);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^--cert.*: /m);
      expect(stderr).toMatch(/^--key.*: /m);
      expect(stderr).not.toContain(name.slice(0, 12));
    }
  });
});

describe("what is wrong with a file", () => {
  test("is told at its place, in the order of the file and with all that is wrong besides", async () => {
    using folder = await makeCertificates();
    folder.write("empty.pem", "");
    const path = folder.write("elbow.json", {
      loadBalancers: {
        web: {
          listeners: [
            { ...https, port: 1, certificate: { ...certificate("site"), key: "rsa.key" } },
            { ...https, port: 1, certificate: certificate("none") },
            { ...https, port: 2, certificates: [certificate("site"), { cert: "empty.pem", key: "site.key" }] },
            { ...https, port: 3, certificate: certificate("site"), clientAuth: { ca: "site.key", mode: "require" } },
            { ...https, port: 4, instanceProtocol: "HTTPS", instancePort: 443, certificate: certificate("rsa") },
          ],
          instances: ["i-none"],
          backendPolicies: { 443: [{ ca: "site.pem" }] },
        },
      },
    });
    const problems = await problemsOf(folder, path);
    expect(problems.map((line) => line.slice(0, line.indexOf(" (expected")))).toEqual([
      expect.stringContaining(
        `${place}[0].certificate: rsa.key: the private key (RSA 2048) doesn't belong to site.pem`,
      ),
      `${place}[1].port: 1 is already the port of ${place}[0]`,
      `${place}[1].certificate: none.pem: no such file`,
      `${place}[2].certificates[1]: empty.pem: is empty`,
      expect.stringContaining(`${place}[3].clientAuth.ca: site.key: `),
      'loadBalancers.web.instances[0]: "i-none" is not in the inventory',
      expect.stringContaining("loadBalancers.web.backendPolicies.443[0].ca: site.pem: holds no root"),
    ]);
    for (const line of problems) expect(line).toMatch(/ \(expected .+\)$/);
  });

  test("never shows a word of a key or of a passphrase", async () => {
    using folder = await makeCertificates();
    const { keyPem } = await issueTestCertificate();
    const locked = createPrivateKey(keyPem).export({
      ...{ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "right" },
    });
    const secret = "correct horse battery";
    const path = folder.write(
      "elbow.json",
      listening(
        { certificate: { cert: keyPem, key: keyPem } },
        { certificate: { cert: "site.pem", key: locked, passphrase: secret } },
        { certificate: { cert: "site.pem", key: locked } },
        { certificate: keyPem, policies: [keyPem] },
      ),
    );
    const problems = await problemsOf(folder, path);
    expect(problems.map((line) => line.slice(0, line.indexOf(": ")))).toEqual([
      `${place}[0].certificate`,
      `${place}[1].certificate`,
      `${place}[2].certificate`,
      `${place}[3].certificate`,
      `${place}[3].policies[0]`,
    ]);
    const words = keyPem.split("\n").filter((line) => line.length > 20 && !line.startsWith("-----"));
    for (const word of [secret, ...words]) expect(problems.join("\n")).not.toContain(word.slice(0, 20));
  });

  test("is told where it may not be read", async () => {
    using folder = await makeCertificates();
    chmodSync(`${folder.path}/site.key`, 0);
    const path = folder.write("elbow.json", listening({ certificate: certificate("site") }));
    const problems = await problemsOf(folder, path);
    // The superuser may read everything.
    if (process.getuid?.() === 0) expect(problems).toEqual([]);
    else expect(problems).toEqual([expect.stringContaining(`${place}[0].certificate: site.key: `)]);
  });
});

describe("a certificate out of its time", () => {
  test("is refused by check, and served at a start or a reload", async () => {
    using folder = await makeCertificates();
    const path = folder.write(
      "elbow.json",
      listening({ certificate: certificate("old") }, { certificate: certificate("new") }),
    );
    expect(await problemsOf(folder, path)).toEqual([]);
    expect(await problemsOf(folder, path, { refuseExpired: true })).toEqual([
      expect.stringMatching(
        /^loadBalancers\.web\.listeners\[0\]\.certificate: old\.pem: it ended on 2020-01-\d\d .+ ago \(/,
      ),
      expect.stringMatching(/^loadBalancers\.web\.listeners\[1\]\.certificate: new\.pem: it isn't valid before .+ \(/),
    ]);
    const { exitCode, stdout, stderr } = await ElbowCommand.run(["check", "--config", path]);
    expect(exitCode).toBe(1);
    expect(stdout.split("\n")).toHaveLength(3);
    expect(stderr).toBe(`elbow: ${path} has 2 problems\n`);
  });
});

test("check says what is worth a word and still finds the file sound", async () => {
  using folder = makeFolder();
  writeCertificate(folder.path, "site", await issueTestCertificate({ days: 20 }));
  const path = folder.write(
    "elbow.json",
    listening({ certificate: certificate("site"), policies: ["ELBSecurityPolicy-2016-08"] }),
  );
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["check", "--config", path]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  const [verdict, ...notes] = stdout.trimEnd().split("\n");
  expect(verdict).toBe(`${path} is sound: 1 load balancer, 1 listener, 0 instances`);
  expect(notes[0]).toMatch(/^note: web, HTTPS 8443: ELBSecurityPolicy-2016-08 leaves out .+ On offer: .+$/);
  expect(notes[1]).toMatch(/^note: web, HTTPS 8443: site\.pem: it ends on .+ in 1\d days$/);
  for (const note of notes) expect(note).toStartWith("note: ");
});

test("the example with TLS is sound with certificates of the development issuer", async () => {
  using folder = makeFolder();
  const directory = `${folder.path}/certs`;
  await issueDevelopmentCertificate({ directory, names: ["localhost", "site.test"], ips: ["127.0.0.1"] });
  const example = await Bun.file(resolve(import.meta.dir, "../../examples/tls.config.ts")).text();
  const path = folder.write("examples/tls.config.ts", example);
  expect(await problemsOf(folder, path, { refuseExpired: true })).toEqual([]);
});

// `elbow policy` as a person uses it: the list, a predefined policy, one of a configuration's own, and a name that is none.
import { expect, setDefaultTimeout, test } from "bun:test";
import { issueTestCertificate, writeCertificate } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { makeFolder } from "../support/folder.ts";
import { matrixPolicies } from "../support/security-policy-matrix.ts";

setDefaultTimeout(30_000);

test("list: every name, aliases behind it", async () => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["policy", "list"]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  const names = Object.entries(matrixPolicies).map(([name, { aliases = [] }]) => [name, ...aliases].join(" "));
  expect(stdout.trimEnd().split("\n").sort()).toEqual(names.sort());
});

test("show: protocols, order and suites that are on offer, and what is left out", async () => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run([
    "policy",
    "show",
    "ELBSample-OpenSSLDefaultNegotiationPolicy",
  ]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout.split("\n")).toEqual([
    "policy      ELBSample-OpenSSLDefaultCipherPolicy",
    "alias       ELBSample-OpenSSLDefaultNegotiationPolicy",
    "protocols   TLSv1",
    "order       the client's",
    "suites      AES128-SHA    up to TLSv1.2  RSA key",
    "            AES256-SHA    up to TLSv1.2  RSA key",
    "            DES-CBC3-SHA  up to TLSv1.2  RSA key",
    "left out    the TLS library has no SSL any more:",
    "              SSLv3",
    "            the TLS library has no RC4:",
    "              RC4-SHA",
    "              RC4-MD5",
    "",
  ]);
});

test("show: the suites of TLS 1.3 come first, and the client's order is told", async () => {
  const { stdout } = await ElbowCommand.run(["policy", "show", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"]);
  expect(stdout.split("\n").slice(1, 5)).toEqual([
    "protocols   TLSv1.2 TLSv1.3",
    "order       the server's; in TLS 1.3 always the client's",
    "suites      TLS_AES_128_GCM_SHA256         TLSv1.3        any key",
    "            TLS_AES_256_GCM_SHA384         TLSv1.3        any key",
  ]);
  expect(stdout).not.toContain("left out");
});

test("show: a policy that a listener of a configuration uses", async () => {
  using folder = makeFolder();
  writeCertificate(folder.path, "site", await issueTestCertificate({ keyType: "RSA" }));
  const listener = {
    protocol: "HTTPS",
    port: 8443,
    instanceProtocol: "HTTP",
    instancePort: 80,
    certificate: { cert: "site.pem", key: "site.key" },
    policies: ["mine"],
  };
  const attributes = { "Protocol-TLSv1.2": "true", "AES128-SHA": true, "RC4-SHA": true };
  const mine = { type: "SSLNegotiationPolicyType", attributes };
  const web = { listeners: [listener], instances: [], policies: { mine } };
  const file = folder.write("elbow.json", { loadBalancers: { web } });
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["policy", "show", "mine", "--config", file]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout.split("\n")).toEqual([
    "policy      mine",
    "protocols   TLSv1.2",
    "order       the client's",
    "suites      AES128-SHA  up to TLSv1.2  RSA key",
    "left out    the TLS library has no RC4:",
    "              RC4-SHA",
    "",
  ]);
  const other = await ElbowCommand.run(["policy", "show", "yours", "-c", file]);
  expect([other.exitCode, other.stdout]).toEqual([1, ""]);
  expect(other.stderr).toStartWith(
    `elbow: there is no security policy "yours", neither predefined nor among the policies of ${file}\n${file} has:\n  mine\n`,
  );
});

test("show: a policy that no listener uses, even one of which nothing is left", async () => {
  using folder = makeFolder();
  const old = { protocols: ["SSLv3"], hasServerOrder: true, ciphers: ["AES128-SHA"] };
  const listeners = [{ protocol: "HTTP", port: 8080, instancePort: 80 }];
  const file = folder.write("elbow.json", { loadBalancers: { web: { listeners, instances: [], policies: { old } } } });
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["policy", "show", "old", "--config", file]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toStartWith("policy      old\nprotocols   none\n");
  const nearly = await ElbowCommand.run(["policy", "show", "odl", "--config", file]);
  expect(nearly.stderr).toContain(`among the policies of ${file}; did you mean old?\n`);
});

test("show: policies of one name, each with its load balancer", async () => {
  using folder = makeFolder();
  const having = (port: number, attributes: object) => ({
    listeners: [{ protocol: "HTTP", port, instancePort: 80 }],
    instances: [],
    policies: { mine: { type: "SSLNegotiationPolicyType", attributes } },
  });
  const web = having(8080, { "Protocol-TLSv1.3": true });
  const api = having(8081, { "Protocol-TLSv1.2": true, "AES128-SHA": true });
  const file = folder.write("elbow.json", { loadBalancers: { web, api } });
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["policy", "show", "mine", "--config", file]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  const [first = "", second = "", ...others] = stdout.split("\n\n");
  expect(first).toStartWith("policy      mine of load balancer web\nprotocols   TLSv1.3\n");
  expect(second).toStartWith("policy      mine of load balancer api\nprotocols   TLSv1.2\n");
  expect(others).toEqual([]);
  const json = await ElbowCommand.run(["policy", "show", "mine", "--config", file, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject([
    { kind: "security", name: "mine", loadBalancer: "web", protocols: ["TLSv1.3"], order: "client", leftOut: [] },
    { loadBalancer: "api", protocols: ["TLSv1.2"], suites: ["AES128-SHA"] },
  ]);
});

test("show --json: a list with what is known of each policy of that name", async () => {
  const show = async (name: string) => {
    const { exitCode, stdout, stderr } = await ElbowCommand.run(["policy", "show", name, "--json"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout);
  };
  const [policy, ...others] = await show("ELBSample-OpenSSLDefaultCipherPolicy");
  expect([Object.keys(policy), others]).toEqual([
    ["kind", "name", "aliases", "protocols", "order", "suites", "leftOut"],
    [],
  ]);
  expect(policy.leftOut[0]).toEqual({ names: expect.arrayContaining([]), reason: expect.any(String) });
  expect(await show("ProxyProtocolPolicyType")).toMatchObject([
    { kind: "policy", name: "ProxyProtocolPolicyType", hooks: ["backendPreamble"] },
  ]);
});

test("show: a name that is none, with the nearest and the list", async () => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["policy", "show", "ELBSecurityPolicy-2016-8"]);
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toStartWith(
    'elbow: there is no security policy "ELBSecurityPolicy-2016-8"; did you mean ELBSecurityPolicy-2016-08?\n',
  );
  for (const name of Object.keys(matrixPolicies)) expect(stderr).toContain(`\n  ${name}\n`);
});

test("show: a configuration with problems is told, and nothing shown", async () => {
  using folder = makeFolder({ "bad.json": { loadBalancers: { web: { listeners: [] } } } });
  const file = `${folder.path}/bad.json`;
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["policy", "show", "mine", "--config", file]);
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("loadBalancers.web");
});

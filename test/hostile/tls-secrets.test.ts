// What elbow says of itself never holds a private key or the words that unlock one: not its management server, not what
// it prints, not what it says of a configuration that it can't take.

import { expect, setDefaultTimeout, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { issueTestCertificate } from "../support/certificates.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/port.ts";
import { SecureClient } from "../support/secure-client.ts";

setDefaultTimeout(30_000);

const passphrase = "the-words-that-unlock-it";

const managementPaths = ["/", "/healthz", "/metrics", "/api/v1/load-balancers", "/api/v1/version", "/no-such-page"];

/** Some of the key's own characters, wherever they are put. */
const bodyOf = (pem: string): string => pem.split("\n")[1] as string;

test("a key that is written into the configuration stays there, encrypted or not", async () => {
  const certificate = await issueTestCertificate();
  const other = await issueTestCertificate({ tag: "another key" });
  const encrypted = createPrivateKey(certificate.keyPem)
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase })
    .toString();
  const port = freePort();
  const listenerOf = (key: string, words?: string) => ({
    protocol: "HTTPS",
    port,
    instanceProtocol: "HTTP",
    instancePort: 9,
    certificate: { cert: certificate.chainPem, key, ...(words === undefined ? {} : { passphrase: words }) },
  });
  const fileOf = (listener: unknown) => ({
    loadBalancers: { test: { address: "127.0.0.1", listeners: [listener], instances: ["127.0.0.1"] } },
  });
  for (const [key, words] of [
    [certificate.keyPem, undefined],
    [encrypted, passphrase],
  ] as const) {
    await using elbow = await ElbowProcess.start(fileOf(listenerOf(key, words)));
    using client = await SecureClient.connect(port);
    expect(client.version).toBe("TLSv1.3");
    const secrets = ["PRIVATE KEY", bodyOf(key), bodyOf(certificate.keyPem), passphrase];
    const saysNone = (where: string, text: string): void => {
      for (const secret of secrets) expect([where, secret, text.includes(secret)]).toEqual([where, secret, false]);
    };
    for (const path of managementPaths) {
      saysNone(path, await (await fetch(`http://127.0.0.1:${elbow.managementPort}${path}`)).text());
    }
    // What can't be taken: the wrong key, the wrong words, what is no key at all.
    for (const [at, listener] of [
      listenerOf(other.keyPem),
      listenerOf(encrypted, `${passphrase}!`),
      listenerOf(certificate.keyPem.replace(/^./gm, "x")),
      { ...listenerOf(key, words), certificate: { cert: certificate.chainPem, key, passphrase: 7, extra: key } },
    ].entries()) {
      const saidBytes = elbow.output.length;
      elbow.reload(fileOf(listener));
      await eventually(() => elbow.output.length > saidBytes, { what: `a word on configuration ${at}` });
    }
    saysNone("its output", elbow.output.replaceAll(/BEGIN [A-Z ]*PRIVATE KEY/g, "BEGIN"));
    expect(elbow.output).not.toContain(bodyOf(other.keyPem));
  }
});

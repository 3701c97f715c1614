// The flags of `serve`: the configuration that they mean, and their problems in their own terms.
import { describe, expect, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { Effect, Result } from "effect";
import { type Flags, fromFlags } from "../../../../src/control/configuration/flags.ts";
import { defaultAttributes } from "../../../../src/model/attributes.ts";
import { issueTestCertificate } from "../../../support/certificates.ts";
import { makeFolder } from "../../../support/folder.ts";

const read = (from: ReadonlyArray<string>, to: ReadonlyArray<string>, rest: Partial<Flags> = {}) =>
  Effect.runSync(Effect.result(fromFlags({ from, to, ...rest })));

const decode = (...flags: Parameters<typeof read>) => Result.getOrThrow(read(...flags));

const refuse = (...flags: Parameters<typeof read>): ReadonlyArray<string> => {
  const result = read(...flags);
  return Result.isFailure(result) ? result.failure.message.split("\n") : [];
};

describe("a configuration without a file", () => {
  test("one listener and two instances, each with its own port", () => {
    expect(decode(["http://127.0.0.1:8080"], ["127.0.0.1:3001", "127.0.0.1:3002"])).toEqual({
      management: { address: "127.0.0.1", port: 9090 },
      shutdownGrace: 30,
      loadBalancers: [
        {
          name: "serve",
          address: "127.0.0.1",
          listeners: [{ protocol: "HTTP", port: 8080, instanceProtocol: "HTTP", instancePort: 3001 }],
          instances: [
            { id: "127.0.0.1:3001", host: "127.0.0.1", port: 3001 },
            { id: "127.0.0.1:3002", host: "127.0.0.1", port: 3002 },
          ],
          attributes: defaultAttributes,
        },
      ],
    });
  });

  test("each bind address is a load balancer of its own", () => {
    const { loadBalancers } = decode(
      ["http://localhost:8080", "tcp://[::1]:5432", "TCP://127.0.0.1:81", "http://*:82/", "tcp://:83"],
      ["[::1]:3001", "App.internal:90"],
    );
    expect(
      loadBalancers.map(({ name, address, listeners }) => [
        name,
        address,
        ...listeners.map(({ protocol, port }) => `${protocol} ${port}`),
      ]),
    ).toEqual([
      ["serve-1", "127.0.0.1", "HTTP 8080", "TCP 81"],
      ["serve-2", "::1", "TCP 5432"],
      ["serve-3", undefined, "HTTP 82", "TCP 83"],
    ]);
    for (const { instances } of loadBalancers) {
      expect(instances.map(({ host, port }) => [host, port])).toEqual([
        ["::1", 3001],
        ["app.internal", 90],
      ]);
    }
  });

  test("HTTP is port 80 on both sides where none is written", () => {
    const [loadBalancer] = decode(["http://127.0.0.1"], ["app"]).loadBalancers;
    expect(loadBalancer?.listeners[0]?.port).toBe(80);
    expect(loadBalancer?.instances[0]?.port).toBe(80);
  });

  test("https and ssl are in clear behind, with one certificate for all", async () => {
    const certificate = await issueTestCertificate();
    using folder = makeFolder({ "site.pem": certificate.chainPem, "site.key": certificate.keyPem });
    const [cert, key] = [`${folder.path}/site.pem`, `${folder.path}/site.key`];
    const [loadBalancer] = (
      await Effect.runPromise(
        fromFlags({
          from: ["https://127.0.0.1", "ssl://127.0.0.1:8444", "http://127.0.0.1"],
          to: ["app:1"],
          cert,
          key,
        }),
      )
    ).loadBalancers;
    expect(
      loadBalancer?.listeners.map((one) => [one.protocol, one.port, one.instanceProtocol, one.security?.certificates]),
    ).toEqual([
      ["HTTPS", 443, "HTTP", [{ cert: { file: cert, path: cert }, key: { file: key, path: key } }]],
      ["SSL", 8444, "TCP", [{ cert: { file: cert, path: cert }, key: { file: key, path: key } }]],
      ["HTTP", 80, "HTTP", undefined],
    ]);
  });

  test("the management port moves, and makes way", () => {
    expect(decode(["http://:9090"], ["app"], { managementPort: 9091 }).management.port).toBe(9091);
  });
});

const from = "(expected one such as http://127.0.0.1:8080, https://:8443 or tcp://[::1]:5432)";
const to = "(expected one such as 127.0.0.1:3001, [::1]:3001 or app.internal:3001)";

describe("refused, in terms of the flags", () => {
  test.each<readonly [ReadonlyArray<string>, ReadonlyArray<string>, ReadonlyArray<string>]>([
    [[], [], [`--from: is missing ${from}`, `--to: is missing ${to}`]],
    [
      ["127.0.0.1:8080"],
      ["app"],
      [`--from 127.0.0.1:8080: has no scheme ${from}`, "--to app: has no port (expected app:5432 with your port)"],
    ],
    [
      ["ssl://127.0.0.1"],
      ["app:1"],
      [
        "--from ssl://127.0.0.1: has no port (expected ssl://127.0.0.1:5432 with your port)",
        "--cert: is missing, and ssl://127.0.0.1 needs it (expected the file of a certificate in PEM)",
        "--key: is missing, and ssl://127.0.0.1 needs it (expected the file of the certificate's private key)",
      ],
    ],
    [
      ["http://:80", "https://:443"],
      ["app:1"],
      [
        "--cert: is missing, and https://:443 needs it (expected the file of a certificate in PEM)",
        "--key: is missing, and https://:443 needs it (expected the file of the certificate's private key)",
      ],
    ],
    [["udp://:53"], ["app:1"], ["--from udp://:53: udp is not a scheme (expected http, https, tcp or ssl)"]],
    [
      ["http://app:80"],
      ["app:1"],
      ["--from http://app:80: app is not an IP address (expected 127.0.0.1, [::1], another one or * for all)"],
    ],
    [
      ["tcp://127.0.0.1"],
      ["app:1"],
      ["--from tcp://127.0.0.1: has no port (expected tcp://127.0.0.1:5432 with your port)"],
    ],
    [["http://:0"], ["app:1"], ["--from http://:0: 0 is not a port (expected a whole number from 1 to 65535)"]],
    [
      ["http://:80/api"],
      ["app:1"],
      ["--from http://:80/api: /api can't be told apart by a listener (expected http://:80)"],
    ],
    [["http://:80"], ["http://app:1/"], ["--to http://app:1/: has a scheme, which --from decides (expected app:1)"]],
    [
      ["http://:80"],
      ["10.0.0.300:1"],
      [`--to 10.0.0.300:1: 10.0.0.300:1 is not an address or host name with a port ${to}`],
    ],
    [
      ["http://:80"],
      ["i-web1:1"],
      [`--to i-web1:1: is an instance id, and flags have no inventory to find it in ${to}`],
    ],
    [["tcp://:80"], ["app"], ["--to app: has no port (expected app:5432 with your port)"]],
    [
      ["http://127.0.0.1:80", "tcp://127.0.0.1:80"],
      ["app:1"],
      [
        "--from tcp://127.0.0.1:80: 80 is already the port of --from http://127.0.0.1:80 (expected a different port for each listener)",
      ],
    ],
    [
      ["http://127.0.0.1:80", "tcp://:80"],
      ["app:1"],
      [
        "--from tcp://:80: 80 on every address clashes with --from http://127.0.0.1:80 on 127.0.0.1 (expected another port, or an `address` for each that doesn't overlap)",
      ],
    ],
    [
      ["http://:9090"],
      ["app:1"],
      [
        "--from http://:9090: 9090 on every address clashes with --management-port (its default) on 127.0.0.1 (expected another port, or an `address` for each that doesn't overlap)",
      ],
    ],
    [
      ["http://127.0.0.1:80", "http://[::1]:80"],
      ["app:1", "app:1"],
      ['--to app:1: "app:1" is already --to app:1 (expected each instance once)'],
    ],
  ])("--from %j --to %j", (fronts, servers, lines) => {
    expect(refuse(fronts, servers)).toEqual([...lines]);
  });

  const certificateOf = async (flags: Partial<Flags>, from = ["https://:443", "ssl://:444"]) => {
    const result = await Effect.runPromise(Effect.result(fromFlags({ from, to: ["app"], ...flags })));
    return Result.isFailure(result) ? result.failure.message.split("\n") : [];
  };

  test("a certificate that can't be read, once for all listeners, beside what else is wrong", async () => {
    expect(await certificateOf({ cert: "/nowhere.pem", key: "/nowhere.key" })).toEqual([
      "--to app: has no port (expected app:5432 with your port)",
      expect.stringMatching(/^--cert: \/nowhere\.pem: no such file \(expected .+\)$/),
    ]);
  });

  test("what is wrong with the key's file, of --key; an encrypted one has no flag for its passphrase", async () => {
    const { certPem, keyPem } = await issueTestCertificate();
    const locked = createPrivateKey(keyPem).export({
      ...{ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "secret" },
    });
    using folder = makeFolder({ "a.pem": certPem, "a.key": locked.toString(), "b.key": certPem });
    const [cert, key, both] = ["a.pem", "a.key", "both.pem"].map((name) => `${folder.path}/${name}`);
    expect(await certificateOf({ cert, key, to: ["app:1"] })).toEqual([
      `--key: ${key}: the private key is encrypted (expected a key that isn't encrypted; \`passphrase\` in a configuration file opens one that is)`,
    ]);
    expect(await certificateOf({ cert, key: `${folder.path}/b.key`, to: ["app:1"] })).toEqual([
      expect.stringMatching(/^--key: \S+\/b\.key: holds a CERTIFICATE only \(expected a PEM block/),
    ]);
    expect(await certificateOf({ cert: both, key: both, to: ["app:1"] })).toEqual([
      expect.stringMatching(/^--cert: \S+\/both\.pem: no such file /),
    ]);
    folder.write("both.pem", certPem + locked);
    expect(await certificateOf({ cert: both, key: both, to: ["app:1"] })).toEqual([
      expect.stringMatching(
        /^--key: \S+\/both\.pem: the private key is encrypted \(expected a key that isn't encrypted; /,
      ),
    ]);
  });

  test("a certificate without its key, or with nobody to show it to", async () => {
    expect(await certificateOf({ cert: "a.pem", to: ["app:1"] })).toEqual([
      "--key: is missing, and https://:443 needs it (expected the file of the certificate's private key)",
    ]);
    expect(await certificateOf({ cert: "a.pem", key: "a.key" }, ["http://:80"])).toEqual([
      "--cert a.pem: is for https and ssl, and no --from has one of them (expected a --from such as https://:8443)",
      "--key a.key: is for https and ssl, and no --from has one of them (expected a --from such as https://:8443)",
    ]);
    expect(await certificateOf({ key: "a.key", to: ["app:1"] }, ["http://:80"])).toEqual([
      "--key a.key: is for https and ssl, and no --from has one of them (expected a --from such as https://:8443)",
    ]);
  });
});

// The management server's settings: what is good, what is refused and in which words, and files that hold a token.

import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { examineConfiguration, spellFindings } from "../../../../src/control/configuration/check.ts";
import { formatProblems } from "../../../../src/control/configuration/configuration-error.ts";
import { loadConfiguration } from "../../../../src/control/configuration/load.ts";
import { issueTestCertificate } from "../../../support/certificates.ts";
import { makeFolder } from "../../../support/folder.ts";

const token = "0123456789abcdef0123456789ABCDEF+/=";
const web = { loadBalancers: { web: { listeners: [{ protocol: "TCP", port: 1, instancePort: 2 }], instances: [] } } };
const tls = { cert: "site.pem", key: "site.key" };

const examine = (management: unknown) => {
  const written = { management, ...web };
  const examined = examineConfiguration(written, { directory: "/srv" });
  const lines = formatProblems({ problems: spellFindings(examined.findings, written) })
    .split("\n")
    .filter(Boolean);
  return { lines, examined };
};

test("all of it, paths relative to the configuration's folder", () => {
  const { lines, examined } = examine({ address: "0.0.0.0", port: 9443, socket: "run/m.sock", tls, token });
  expect(lines).toEqual([]);
  expect(examined.configuration().management).toEqual({
    address: "0.0.0.0",
    port: 9443,
    socket: "/srv/run/m.sock",
    tls: { cert: { file: "site.pem", path: "/srv/site.pem" }, key: { file: "site.key", path: "/srv/site.key" } },
    token,
  });
  expect(examined.sources.map(({ place }) => place.join("."))).toEqual(["management.tls"]);
});

test("nothing of it: loopback, in clear, for everybody on this machine", () => {
  expect(examine(undefined).examined.configuration().management).toEqual({ address: "127.0.0.1", port: 9090 });
});

describe("refused", () => {
  test.each<readonly [string, object, string]>([
    [
      "open in clear",
      { address: "10.0.0.1", token },
      "management.address: 10.0.0.1 can be reached from other machines, and there is no `tls` (expected `tls` beside it, or a loopback address such as 127.0.0.1 or ::1)",
    ],
    [
      "open to everybody",
      { address: "::", tls },
      "management.address: :: can be reached from other machines, and there is no `token` or `tokenFile` (expected `token` or `tokenFile` beside it, or a loopback address such as 127.0.0.1 or ::1)",
    ],
    ["two tokens", { token, tokenFile: "t" }, "management.tokenFile: stands beside `token` (expected one of the two)"],
    [
      "a mistyped variable",
      { token: undefined },
      "management.token: is undefined (expected a value, or no `token` at all)",
    ],
    [
      "a short token",
      { token: "secret" },
      "management.token: the value is not a token (expected one line of at least 32 letters, digits and -._~+/=, such as `openssl rand -base64 32` prints)",
    ],
    [
      "a token that no header can carry",
      { token: `${token} ${token}` },
      "management.token: the value is not a token (expected one line of at least 32 letters, digits and -._~+/=, such as `openssl rand -base64 32` prints)",
    ],
    [
      "a long path",
      { socket: `/${"x".repeat(107)}` },
      `management.socket: "/${"x".repeat(56)}..." is not the path of a Unix socket (expected one such as "/run/elbow/management.sock", of at most 107 bytes)`,
    ],
    [
      "a path that is long from the configuration's folder",
      { socket: "x".repeat(103) },
      `management.socket: the path from here, /srv/${"x".repeat(103)}, has 108 bytes (expected one of at most 107 bytes, such as "/run/elbow/management.sock")`,
    ],
    [
      "half a certificate",
      { tls: { cert: "site.pem" } },
      'management.tls.key: is missing (expected a PEM file: a path such as "certs/site.pem", or PEM text, which contains -----BEGIN)',
    ],
  ])("%s", (_, management, line) => {
    expect(examine(management).lines).toEqual([line]);
  });
});

describe("a token's file", () => {
  const load = async (content: string | undefined, mode = 0o600) => {
    using folder = makeFolder();
    folder.write("elbow.json", { management: { tokenFile: "token" }, ...web });
    if (content !== undefined) chmodSync(folder.write("token", content), mode);
    return await Effect.runPromise(
      Effect.match(loadConfiguration(join(folder.path, "elbow.json")), {
        onFailure: ({ message }) => message,
        onSuccess: ({ management }) => management.token,
      }),
    );
  };

  test("holds the token, blanks around it apart; owner and group may read it", async () => {
    expect(await load(`${token}\n`)).toBe(token);
    expect(await load(token, 0o440)).toBe(token);
  });

  test("is refused where it isn't there, is everybody's or holds none", async () => {
    const at = "management.tokenFile: token: ";
    expect(await load(undefined)).toBe(`${at}no such file (expected a file that elbow may read)`);
    expect(await load(token, 0o644)).toBe(
      `${at}everybody on this machine may use it (mode 0644) (expected mode 0600 or 0640)`,
    );
    const none = await load("hunter2");
    expect(none).toStartWith(`${at}does not hold a token (expected one line of at least 32`);
    expect(none).not.toContain("hunter2");
    expect(await load(token.repeat(300))).toStartWith(`${at}has ${token.length * 300} bytes (`);
  });
});

test("a certificate that can't be used is told at its place", async () => {
  using folder = makeFolder();
  const { certPem } = await issueTestCertificate();
  const { keyPem } = await issueTestCertificate({ tag: "another" });
  folder.write("site.pem", certPem);
  folder.write("site.key", keyPem);
  const file = folder.write("elbow.json", { management: { tls }, ...web });
  const error = await Effect.runPromise(Effect.flip(loadConfiguration(file)));
  expect(error.message).toStartWith(
    "management.tls: site.key: the private key (ECDSA P-256) doesn't belong to site.pem",
  );
});

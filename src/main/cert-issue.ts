// The work of `elbow cert issue`: has the development issuer write its files, and tells what was written and how clients
// come to trust it. Owns the text only: certs/ makes the certificates and the files. It never runs the commands it names.

import { basename, dirname, relative, resolve } from "node:path";
import { Effect } from "effect";
import {
  type DevelopmentIssue,
  type DevelopmentTerms,
  IssueError,
  issueDevelopmentCertificate,
} from "../../certs/development.ts";
import { CommandFailure } from "./command-failure.ts";
import { spellSystemError } from "./system-error.ts";

/** Issues a certificate; fails with exit code 1 and the reason. */
export const issueFiles = Effect.fnUntraced(function* (
  terms: DevelopmentTerms,
): Effect.fn.Return<void, CommandFailure> {
  const issue = yield* Effect.tryPromise({
    try: () => issueDevelopmentCertificate(terms),
    catch: (cause) => new CommandFailure({ text: `elbow: ${explain(terms, cause)}`, exitCode: 1 }),
  });
  process.stdout.write(`${describeIssue(terms, issue).join("\n")}\n`);
});

const explain = (terms: DevelopmentTerms, cause: unknown): string => {
  if (cause instanceof IssueError) return cause.message;
  if (!(cause instanceof Error && "code" in cause)) throw cause;
  const error: NodeJS.ErrnoException = cause as Error;
  const { path = terms.directory, syscall } = error;
  // What is being written has a name of its own until it is whole.
  const place = basename(path).startsWith(".") ? dirname(path) : path;
  const { directory, authorityDirectory = directory } = terms;
  const isAuthority = authorityDirectory !== directory && isWithin(place, authorityDirectory);
  const flag = isAuthority ? "--authority" : "--out";
  const expected =
    syscall === "mkdir"
      ? `a folder, or a path where this user can make one; ${flag} names it`
      : `a folder where this user may read and write; ${flag} names another`;
  return `nothing was issued: ${spellPath(resolve(place))}: ${spellSystemError(error)} (expected ${expected})`;
};

const isWithin = (path: string, folder: string): boolean => `${resolve(path)}/`.startsWith(`${resolve(folder)}/`);

/** A path as a person would write it from here. */
const spellPath = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
};

/** What was written, the lines of a configuration, and how to trust it or skip it. */
const describeIssue = (terms: DevelopmentTerms, issue: DevelopmentIssue): ReadonlyArray<string> => {
  const [certFile, keyFile, caFile, caKeyFile] = [issue.certFile, issue.keyFile, issue.caFile, issue.caKeyFile].map(
    spellPath,
  ) as [string, string, string, string];
  const width = 2 + Math.max(certFile.length, keyFile.length, caFile.length);
  const { certificate, keyType } = issue.issued;
  const until = certificate.notAfter.toISOString().slice(0, 10);
  const host = terms.names.find((name) => !name.startsWith("*.")) ?? terms.ips[0] ?? "localhost";
  const url = `https://${host.includes(":") ? `[${host}]` : host}:8443/`;
  return [
    `${certFile.padEnd(width)}${keyType} certificate for ${[...terms.names, ...terms.ips].join(", ")}; until ${until}`,
    `${keyFile.padEnd(width)}its private key${issue.isNewKey ? "" : ", used again"}`,
    `${caFile.padEnd(width)}the authority that signed it${issue.isNewAuthority ? ", made just now" : ", used again"}`,
    ...terms.names
      .filter((name) => /^\*\.[^.]+$/.test(name))
      .map(
        (name) => `Browsers and curl don't accept ${name}: a wildcard needs two labels behind it, as in *.app.test.`,
      ),
    ...issue.remarks.map((text) => `Note: ${text}.`),
    "",
    "In a configuration:",
    `  certificate: { cert: ${JSON.stringify(certFile)}, key: ${JSON.stringify(keyFile)} }`,
    "",
    "To trust it (once, for everything that this authority signs):",
    `  curl            curl --cacert ${caFile} ${url}`,
    `  Node.js         NODE_EXTRA_CA_CERTS=${caFile}`,
    `  Debian, Ubuntu  sudo cp ${caFile} /usr/local/share/ca-certificates/elbow.crt && sudo update-ca-certificates`,
    `  Fedora          sudo trust anchor ${caFile}`,
    `  macOS           sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${caFile}`,
    `Or don't check, for one call: curl -k ${url}`,
    "",
    `Keep ${caKeyFile} to yourself: with it, anybody can be any site to whoever trusts the authority.`,
  ];
};

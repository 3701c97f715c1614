// The work of `elbow cert show`: reads PEM files and prints what the certificates and keys in them are. What was asked for
// goes to standard output, what is wrong with a file to standard error. It never prints a private key.

import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { resolve } from "node:path";
import { Effect, Result } from "effect";
import { type ChainLink, readLinkUnsafe } from "../tls/certificate-chain.ts";
import { CertificateError } from "../tls/certificate-error.ts";
import { readNames } from "../tls/certificate-names.ts";
import { describeUnservedCurve, findUnservedCurve } from "../tls/elliptic-curve.ts";
import { describeOtherContent, type PemBlock } from "../tls/pem.ts";
import { type PemText, readPem } from "../tls/pem-file.ts";
import { describeKey } from "../tls/private-key.ts";
import { x509 } from "../tls/x509.ts";
import { CommandFailure } from "./command-failure.ts";

/** Prints each file, as text or as one JSON list; fails with exit code 1 after the last when one couldn't be shown. */
export const showFiles = Effect.fnUntraced(function* (
  files: ReadonlyArray<string>,
  isJson: boolean,
): Effect.fn.Return<void, CommandFailure> {
  const problems: Array<string> = [];
  const all: Array<unknown> = [];
  for (const file of files) {
    const read = yield* Effect.result(readPem({ file, path: resolve(file) }, "certificate"));
    const shown = Result.isFailure(read) ? read.failure : readBlocks(read.success, Date.now());
    if (shown instanceof CertificateError) problems.push(`elbow: ${shown.message}`);
    else if (isJson) all.push(...shown.map(({ facts }) => ({ file, ...facts })));
    else process.stdout.write(spellBlocks(shown));
  }
  if (isJson) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
  if (problems.length > 0) return yield* new CommandFailure({ text: problems.join("\n"), exitCode: 1 });
});

/** A certificate or key of a file: for people, and for scripts. */
interface ShownBlock {
  /** The file, and which of several it is. */
  readonly title: string;
  readonly fields: Fields;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Blocks as people read them. */
export const spellBlocks = (blocks: ReadonlyArray<ShownBlock>): string =>
  blocks
    .map(({ title, fields }) => {
      const lines = fields.map(([name, value]) => `  ${name.padEnd(12)} ${value}\n`);
      return `${title}\n${lines.join("")}\n`;
    })
    .join("");

/** Everything in a PEM text; or why there is nothing to show. */
export const readBlocks = (pem: PemText, nowMs: number): ReadonlyArray<ShownBlock> | CertificateError => {
  const known = pem.blocks.filter(({ label }) => /^(?:X509 )?CERTIFICATE$|KEY$/.test(label));
  if (known.length === 0) {
    return new CertificateError({
      label: pem.label,
      problem: describeOtherContent(pem.bytes, pem.blocks),
      expected: "certificates or a key in PEM, with -----BEGIN",
    });
  }
  const parts: Array<ShownBlock> = [];
  for (const [index, block] of known.entries()) {
    const which = known.length === 1 ? "" : ` (${index + 1} of ${known.length})`;
    try {
      const shown = block.label.endsWith("KEY")
        ? describeKeyBlock(block)
        : describeCertificate(readLinkUnsafe(block.der ?? new Uint8Array(), pem.label), nowMs);
      parts.push({ title: `${pem.label}${which}`, ...shown });
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? ` (${cause.code})` : "";
      const curve = findUnservedCurve(block.der ?? new Uint8Array());
      return new CertificateError({
        label: `${pem.label}${which}`,
        problem:
          curve === undefined
            ? `the ${block.label} is damaged, or of a kind that the TLS library doesn't know${code}`
            : `the key ${describeUnservedCurve(curve)}`,
        expected: "X.509 certificates and keys, RSA, ECDSA or Ed25519",
      });
    }
  }
  return parts;
};

type Fields = ReadonlyArray<readonly [name: string, value: string]>;

const describeCertificate = ({ uses, native }: ChainLink, nowMs: number): Omit<ShownBlock, "title"> => {
  const { names } = readNames(uses);
  const { isAuthority } = uses;
  const parsed = new x509.X509Certificate(new Uint8Array(native.raw));
  const publicKey = describePublicKey(native.publicKey);
  return {
    fields: [
      ["certificate", isAuthority ? "of an authority" : "of a server or client"],
      ["subject", parsed.subject || "none"],
      // An authority's common name isn't a name that it serves.
      ["names", isAuthority || names.length === 0 ? "none" : names.join(", ")],
      ["issuer", parsed.issuer === parsed.subject ? `${parsed.issuer} (itself)` : parsed.issuer],
      ["valid", spellValidity(native, nowMs)],
      ["key", describeKey(native.publicKey)],
      ["signature", native.signatureAlgorithm ?? "unknown"],
      ["serial", parsed.serialNumber],
      ["SHA-256", native.fingerprint256],
      ...publicKey.fields,
    ],
    facts: {
      kind: "certificate",
      isAuthority,
      subject: parsed.subject,
      names: isAuthority ? [] : names,
      issuer: parsed.issuer,
      notBefore: toIsoTime(native.validFromDate),
      notAfter: toIsoTime(native.validToDate),
      isValidNow: native.validFromDate.getTime() <= nowMs && nowMs <= native.validToDate.getTime(),
      key: describeKey(native.publicKey),
      signature: native.signatureAlgorithm ?? null,
      serial: parsed.serialNumber,
      sha256: native.fingerprint256,
      ...publicKey.facts,
    },
  };
};

const describeKeyBlock = (block: PemBlock): Omit<ShownBlock, "title"> => {
  if (block.label === "PUBLIC KEY") return describeAnyKey("public key", createPublicKey(block.text));
  if (block.hasEncryptionHeader || block.label === "ENCRYPTED PRIVATE KEY") {
    return {
      fields: [["private key", "encrypted; only whoever has its passphrase can say more"]],
      facts: { kind: "private key", isEncrypted: true },
    };
  }
  return describeAnyKey("private key", createPublicKey(createPrivateKey(block.text)));
};

const describeAnyKey = (kind: string, key: KeyObject): Omit<ShownBlock, "title"> => {
  const publicKey = describePublicKey(key);
  return {
    fields: [[kind, describeKey(key)], ...publicKey.fields],
    facts: { kind, key: describeKey(key), ...publicKey.facts },
  };
};

/** The pin of RFC 7469 §2.4, and what a PublicKeyPolicyType policy wants in its PublicKey attribute. */
const describePublicKey = (key: KeyObject): Omit<ShownBlock, "title"> => {
  const spki = key.export({ type: "spki", format: "der" });
  const pin = createHash("sha256").update(spki).digest("base64");
  const publicKey = spki.toString("base64");
  return {
    fields: [
      ["SPKI pin", pin],
      ["PublicKey", publicKey],
    ],
    facts: { spkiPin: pin, publicKey },
  };
};

/** ISO 8601; null for a time that the library can't read. */
const toIsoTime = (time: Date): string | null => (Number.isNaN(time.getTime()) ? null : time.toISOString());

/** The library's reading of the times, since it is what counts; one that it can't read has no number. */
const spellValidity = ({ validFromDate, validToDate }: ChainLink["native"], nowMs: number): string =>
  `${spellTime(validFromDate)} to ${spellTime(validToDate)} UTC, ${spellRest(validFromDate.getTime(), validToDate.getTime(), nowMs)}`;

const spellTime = (time: Date): string =>
  Number.isNaN(time.getTime()) ? "an unreadable time" : time.toISOString().slice(0, 16).replace("T", " ");

const spellRest = (notBeforeMs: number, notAfterMs: number, nowMs: number): string => {
  const count = (ms: number): string => {
    const days = Math.floor(ms / 86_400_000);
    return `${days} day${days === 1 ? "" : "s"}`;
  };
  if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs)) return "which can't be served";
  if (nowMs > notAfterMs) return `ended ${count(nowMs - notAfterMs)} ago`;
  if (nowMs < notBeforeMs) return `begins in ${count(notBeforeMs - nowMs)}`;
  return `${count(notAfterMs - nowMs)} left`;
};

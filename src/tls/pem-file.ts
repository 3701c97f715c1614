/**
 * PEM text read from where the configuration says, and the signature by which a change of a file is noticed.
 * The way in for certificates, keys and authorities; owns what can go wrong with a file.
 * Never waits for a pipe or a device, and never quotes what a file holds.
 */
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { Effect, Predicate } from "effect";
import type { CertificateSource, PemSource } from "../model/certificate-source.ts";
import { CertificateError } from "./certificate-error.ts";
import { FileTimeout, fileLimitMs, withinFileLimit } from "./file-limit.ts";
import { findPemBlocks, type PemBlock } from "./pem.ts";

/** The largest PEM file that is read; the bundle of every public authority has about 230 KiB. */
export const maxPemSizeBytes = 1_048_576;

/** What a PEM source says. */
export interface PemText {
  /** What messages call it: the file, or `the inline certificate` and the like. */
  readonly label: string;
  readonly bytes: Uint8Array;
  readonly blocks: ReadonlyArray<PemBlock>;
}

/** Reads a source; `role` (such as `certificate`) tells inline texts apart in messages. */
export const readPem = (source: PemSource, role: string): Effect.Effect<PemText, CertificateError> => {
  if ("text" in source) return Effect.succeed(parsePem(`the inline ${role}`, new TextEncoder().encode(source.text)));
  const fail = (problem: string, expected = `a PEM file with the ${role} that elbow may read`) =>
    new CertificateError({ label: source.file, problem, expected });
  return Effect.tryPromise({
    try: () => withinFileLimit(source.path, () => readRegularFile(source.path)),
    catch: (cause) => {
      if (cause instanceof FileTimeout) return fail(`can't be read in ${fileLimitMs / 1000} s`);
      const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : "unknown error";
      return fail(code === "ENOENT" ? "no such file" : `can't be read (${code})`);
    },
  }).pipe(
    Effect.flatMap((read) => {
      if (read === "directory") return Effect.fail(fail("is a directory"));
      if (read === "special") return Effect.fail(fail("is not a file"));
      if (read === "large") return Effect.fail(fail("is too large", `at most ${maxPemSizeBytes} bytes`));
      return Effect.succeed(parsePem(source.file, read));
    }),
  );
};

/** Reading never blocks and makes no terminal ours, should something else lie there by now than what was looked at. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** The bytes of a regular file, or what it is instead. Its size is what can be read: some files of `/proc` have none. */
const readRegularFile = async (path: string): Promise<Uint8Array | "directory" | "special" | "large"> => {
  // Looked at before it is opened, since opening a device may already do something.
  const found = await stat(path);
  if (!found.isFile()) return found.isDirectory() ? "directory" : "special";
  if (found.size > maxPemSizeBytes) return "large";
  const file = await open(path, openFlags);
  try {
    // Another file may have taken its place in between.
    if (!(await file.stat()).isFile()) return "special";
    let bytes = new Uint8Array(Math.max(found.size, 4095) + 1);
    let length = 0;
    while (true) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
      if (bytesRead === 0) return bytes.subarray(0, length);
      length += bytesRead;
      if (length > maxPemSizeBytes) return "large";
      if (length < bytes.length) continue;
      const larger = new Uint8Array(Math.min(2 * length, maxPemSizeBytes + 1));
      larger.set(bytes);
      bytes = larger;
    }
  } finally {
    await file.close();
  }
};

const parsePem = (label: string, bytes: Uint8Array): PemText => ({
  label,
  bytes,
  blocks: findPemBlocks(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")),
});

/**
 * A text that changes when a file of the source may have changed: it is written, replaced, linked elsewhere, gone or there
 * again. Reads no file and never fails. Take it before loading, so that a change in between is seen the next time.
 */
export const signatureOf = (source: CertificateSource | PemSource): Effect.Effect<string> => {
  const parts = "cert" in source ? [source.cert, source.key, ...(source.chain ? [source.chain] : [])] : [source];
  return Effect.promise(async () => (await Promise.all(parts.map(signFile))).join(" "));
};

const signFile = async (source: PemSource): Promise<string> => {
  if (!("path" in source)) return "inline";
  try {
    // `stat` follows links: certbot and Kubernetes renew by pointing a link elsewhere.
    const { dev, ino, size, mtimeNs, ctimeNs } = await withinFileLimit(source.path, () =>
      stat(source.path, { bigint: true }),
    );
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (cause) {
    return Predicate.hasProperty(cause, "code") ? String(cause.code) : "unreadable";
  }
};

/**
 * Development certificates in files: a local authority, kept and used again, and leaves that it signs.
 * Behind `elbow cert issue` and demo mode; owns the files' names and when one is renewed.
 * Never writes over a key, nor over a certificate that its own authority didn't sign, and uses nothing that other users
 * could have put there.
 */
import { createPrivateKey, X509Certificate as NodeCertificate, webcrypto } from "node:crypto";
import { join, resolve } from "node:path";
import { parseAddress } from "../src/model/address.ts";
import {
  type Issued,
  type IssuedAuthority,
  type IssuedKeyType,
  issueCertificate,
  makeAuthority,
  makeKeys,
  restoreAuthorityUnsafe,
  restoreKeysUnsafe,
} from "./issuer.ts";
import {
  createFile,
  createPrivateFolder,
  isReadableByOthers,
  NotPrivateError,
  readOwnFile,
  replaceFile,
} from "./private-file.ts";

/** Why nothing was issued, in words for the person who asked. */
export class IssueError extends Error {
  override readonly name = "IssueError";
}

/** What is to be issued. */
export interface DevelopmentTerms {
  /** Where the certificate and its key go. */
  readonly directory: string;
  /** Where the authority is, or will be; default `directory`. */
  readonly authorityDirectory?: string | undefined;
  readonly names: ReadonlyArray<string>;
  readonly ips: ReadonlyArray<string>;
  /** Default ECDSA. */
  readonly keyType?: IssuedKeyType | undefined;
  /** Default 365. */
  readonly days?: number | undefined;
  readonly usages?: ReadonlyArray<"server" | "client"> | undefined;
}

/** The files of a certificate. */
export interface DevelopmentFiles {
  /** The certificate, its authority's behind it. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The authority's certificate: what clients have to trust. */
  readonly caFile: string;
}

/** What was issued. */
export interface DevelopmentIssue extends DevelopmentFiles {
  /** The authority's private key. */
  readonly caKeyFile: string;
  readonly isNewAuthority: boolean;
  readonly isNewKey: boolean;
  readonly issued: Issued;
  /** What is odd about the files, one line each. */
  readonly remarks: ReadonlyArray<string>;
}

const dayMs = 86_400_000;

/** A certificate with less time left is renewed, and an authority isn't used any more. */
export const renewalMs = 30 * dayMs;

const authorityName = "authority";

/** The name of a certificate's files, without the ending; RSA and ECDSA ones stand side by side. */
export const fileNameOf = ({ names, ips, keyType }: Pick<DevelopmentTerms, "names" | "ips" | "keyType">): string => {
  const name = (names[0] ?? ips[0] ?? "elbow").toLowerCase().replace(/^\*\./, "wildcard.").replaceAll(":", "_");
  // No name that a certificate can have leads out of the folder.
  const safe = name.replaceAll(/[^a-z0-9._-]/g, "_").replace(/^\.+/, "_");
  return `${safe === authorityName ? `${safe}-leaf` : safe}${keyType === "RSA" ? "-rsa" : ""}`;
};

/**
 * Issues a certificate into `<name>.pem` and `<name>.key`, signed by the authority in `authority.pem` and `authority.key`,
 * which is made where there is none. A key that is there is used again. Rejects with an IssueError, or the system's error.
 */
export const issueDevelopmentCertificate = async (
  terms: DevelopmentTerms,
  nowMs = Date.now(),
): Promise<DevelopmentIssue> => {
  const directory = resolve(terms.directory);
  const authorityDirectory = resolve(terms.authorityDirectory ?? terms.directory);
  makeFolder(directory);
  makeFolder(authorityDirectory);
  const { authority, isNew: isNewAuthority } = await openAuthority(authorityDirectory, nowMs);
  const certFile = join(directory, `${fileNameOf(terms)}.pem`);
  const keyFile = join(directory, `${fileNameOf(terms)}.key`);
  const present = readIfThere(certFile);
  if (present !== undefined && !isWorkOf(present, authority)) {
    throw new IssueError(`${certFile} is there and isn't this authority's work: move it away, or issue elsewhere`);
  }
  const { keys, isNew: isNewKey } = await openKeys(keyFile, terms.keyType ?? "ECDSA");
  const notBefore = new Date(nowMs - 300_000);
  const days = Math.min(terms.days ?? 365, (authority.certificate.notAfter.getTime() - notBefore.getTime()) / dayMs);
  const issued = await issueCertificate({ ...terms, keys, notBefore, days }, authority);
  replaceFile(certFile, issued.certPem + authority.certPem);
  const caFile = join(authorityDirectory, `${authorityName}.pem`);
  const caKeyFile = join(authorityDirectory, `${authorityName}.key`);
  const remarks = [keyFile, caKeyFile]
    .filter(isReadableByOthers)
    .map((file) => `other users may read ${file} (chmod 600 would end that): a key that others know proves nothing`);
  return { certFile, keyFile, caFile, caKeyFile, isNewAuthority, isNewKey, issued, remarks };
};

/**
 * The files of a certificate for these names in a folder: those that are there, or new ones when there are none, the names
 * have changed, or less than 30 days are left. Rejects with an IssueError, or the system's error.
 */
export const ensureDevelopmentCertificate = async (
  directory: string,
  names: ReadonlyArray<string>,
  ips: ReadonlyArray<string>,
  nowMs = Date.now(),
): Promise<DevelopmentFiles> => {
  makeFolder(resolve(directory));
  const base = join(resolve(directory), fileNameOf({ names, ips }));
  const files = {
    certFile: `${base}.pem`,
    keyFile: `${base}.key`,
    caFile: join(resolve(directory), `${authorityName}.pem`),
  };
  if (isCurrent(files, [...names, ...ips], nowMs)) return files;
  const { certFile, keyFile, caFile } = await issueDevelopmentCertificate({ directory, names, ips }, nowMs);
  return { certFile, keyFile, caFile };
};

const isCurrent = (files: DevelopmentFiles, names: ReadonlyArray<string>, nowMs: number): boolean => {
  const [cert, key, ca] = [files.certFile, files.keyFile, files.caFile].map(readIfThere);
  if (cert === undefined || key === undefined || ca === undefined) return false;
  try {
    const [leaf, authority] = [new NodeCertificate(cert), new NodeCertificate(ca)];
    return (
      leaf.checkPrivateKey(createPrivateKey(key)) &&
      leaf.verify(authority.publicKey) &&
      Date.parse(leaf.validFrom) <= nowMs &&
      Date.parse(leaf.validTo) - nowMs >= renewalMs &&
      names.every((name) => isFor(leaf, name)) &&
      (leaf.subjectAltName ?? "").split(", ").length === names.length
    );
  } catch {
    return false;
  }
};

const isFor = (certificate: NodeCertificate, name: string): boolean =>
  parseAddress(name) !== undefined
    ? certificate.checkIP(name) !== undefined
    : (certificate.subjectAltName ?? "").toLowerCase().split(", ").includes(`dns:${name.toLowerCase()}`);

/** Whether this authority, or an earlier one of the same name, issued it. */
const isWorkOf = (pem: string, authority: IssuedAuthority): boolean => {
  try {
    return new NodeCertificate(pem).issuer === new NodeCertificate(authority.certPem).subject;
  } catch {
    return false;
  }
};

const openAuthority = async (directory: string, nowMs: number) => {
  const keyFile = join(directory, `${authorityName}.key`);
  const certFile = join(directory, `${authorityName}.pem`);
  let isNew = false;
  if (readIfThere(keyFile) === undefined) {
    if (readIfThere(certFile) !== undefined) {
      throw new IssueError(`${certFile} is there without its key, ${keyFile}: bring it back, or move ${certFile} away`);
    }
    const made = await makeAuthority({ notBefore: new Date(nowMs - 300_000) });
    // The certificate stands in the key's file too: of two processes that make an authority at once, one pair survives.
    isNew = createFile(keyFile, made.keyPem + made.certPem);
  }
  const text = readIfThere(keyFile) ?? "";
  const authority = await restoreAuthority(keyFile, text, readIfThere(certFile) ?? text);
  if (authority.certificate.notAfter.getTime() - nowMs < renewalMs) {
    const day = authority.certificate.notAfter.toISOString().slice(0, 10);
    throw new IssueError(
      `the authority in ${certFile} ends on ${day}: move ${certFile} and ${keyFile} away for a new one`,
    );
  }
  createFile(certFile, authority.certPem);
  return { authority, isNew };
};

const restoreAuthority = async (keyFile: string, keyText: string, certText: string): Promise<IssuedAuthority> => {
  try {
    const key = createPrivateKey(keyText);
    const certificate = new NodeCertificate(certText);
    const isDated = Number.isFinite(certificate.validToDate.getTime());
    if (isDated && certificate.ca && certificate.checkPrivateKey(key))
      return await restoreAuthorityUnsafe(certificate.toString(), key);
  } catch {
    // Said below: what was thrown may quote the file.
  }
  throw new IssueError(
    `${keyFile} isn't the private key (RSA, P-256 or P-384, not encrypted) of the authority beside it`,
  );
};

const openKeys = async (keyFile: string, keyType: IssuedKeyType) => {
  let isNew = false;
  if (readIfThere(keyFile) === undefined) {
    const { privateKey } = await makeKeys(keyType);
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", privateKey));
    const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    isNew = createFile(keyFile, key.export({ type: "pkcs8", format: "pem" }).toString());
  }
  const text = readIfThere(keyFile) ?? "";
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType !== (keyType === "RSA" ? "rsa" : "ec")) throw new TypeError("another type");
    return { keys: await restoreKeysUnsafe(key), isNew };
  } catch {
    throw new IssueError(
      `${keyFile} is there and isn't an unencrypted ${keyType} key: move it away, or issue elsewhere`,
    );
  }
};

/** Text of a file that nobody else can have written; undefined where there is none. */
const readIfThere = (path: string): string | undefined => {
  try {
    return readOwnFile(path);
  } catch (cause) {
    throw toIssueError(cause);
  }
};

const makeFolder = (path: string): void => {
  try {
    createPrivateFolder(path);
  } catch (cause) {
    throw toIssueError(cause);
  }
};

const toIssueError = (cause: unknown): unknown =>
  cause instanceof NotPrivateError ? new IssueError(`${cause.message}: move it away, or issue elsewhere`) : cause;

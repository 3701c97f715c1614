/**
 * Where certificates, keys and authorities are, as absolute paths or PEM text, and where in the configuration they stand.
 * Made by the rules and handed to load.ts, which opens them; owns what a relative path is relative to.
 * Never opens a file.
 */
import { resolve } from "node:path";
import type { CertificateSource, PemSource } from "../../model/certificate-source.ts";
import { isPemText } from "../../model/written-security.ts";
import type { Place } from "./problem.ts";
import type { SoundCertificate } from "./sift-security.ts";

/** A certificate or an authority that must be loaded before a configuration is known to be sound. */
export type PlacedSource =
  | { readonly place: Place; readonly certificate: CertificateSource }
  | { readonly place: Place; readonly authority: PemSource };

/** PEM text, or the path of a file, relative to `directory`. */
export const toPemSource = (text: string, directory: string): PemSource =>
  isPemText(text) ? { text } : { file: text, path: resolve(directory, text) };

/** A certificate as written, with its sources resolved. */
export const toCertificateSource = (written: SoundCertificate, directory: string): CertificateSource => ({
  cert: toPemSource(written.cert, directory),
  key: toPemSource(written.key, directory),
  ...(written.chain === undefined ? {} : { chain: toPemSource(written.chain, directory) }),
  ...(written.passphrase === undefined ? {} : { passphrase: written.passphrase }),
});

/**
 * Where certificates, keys and authorities come from: files, or PEM text in the configuration itself.
 * Named by listeners and back-end policies; owns the shape.
 * Never holds what was read: `tls/certificate.ts` does.
 */

/** PEM text, or the file that has it. */
export type PemSource =
  | {
      /** The path as it was written, for messages. */
      readonly file: string;
      /** The same, absolute. */
      readonly path: string;
    }
  | { readonly text: string };

/** A certificate with its private key. */
export interface CertificateSource {
  /** The certificate, and any intermediates behind it. */
  readonly cert: PemSource;
  readonly key: PemSource;
  /** Further intermediates. */
  readonly chain?: PemSource;
  /** Decrypts the key. */
  readonly passphrase?: string;
}

/** What a message calls a source. */
export const spellSource = (source: PemSource): string => ("file" in source ? source.file : "the inline PEM");

// The management server's settings with what had to be read for them: the certificate as it is now.
//
// Between the configuration and server.ts. Owns what is read; the file of the certificate is looked at like those of
// listeners, by the same keychain.
import { Effect } from "effect";
import { type Keys, loadOneKey, refreshKeys } from "../control/keychain.ts";
import type { Management } from "../model/management.ts";
import type { Certificate } from "../tls/certificate.ts";
import type { CertificateError } from "../tls/certificate-error.ts";
import { anyAddress } from "./host-guard.ts";
import { makeServerTlsUnsafe, type ServerTls } from "./http-server.ts";
import { type Access, digestToken } from "./request-guard.ts";

/** Settings, ready to be followed. */
export interface ManagementTerms extends Pick<Management, "address" | "port" | "tls"> {
  readonly socket: string | undefined;
  readonly tokenDigest: Uint8Array | undefined;
  /** What is shown; undefined in clear. */
  readonly certificate: Certificate | undefined;
  readonly keys: Keys | undefined;
  /** The same certificate as connections use it. */
  readonly serverTls: ServerTls | undefined;
}

/** Reads what settings need. *Fails with*: what is wrong with the certificate. */
export const loadTerms = Effect.fnUntraced(function* (
  management: Management,
): Effect.fn.Return<ManagementTerms, CertificateError> {
  const { address, port, socket, tls, token } = management;
  const keys = tls && (yield* loadOneKey(tls));
  const certificate = tls && keys?.certificate(tls);
  return {
    ...{ address, port, socket, keys, certificate },
    ...(tls === undefined ? {} : { tls }),
    tokenDigest: token === undefined ? undefined : digestToken(token),
    serverTls: toServerTls(certificate),
  };
});

/** The same with a certificate that was renewed; undefined where there is nothing new. */
export const refreshTerms = (terms: ManagementTerms): Effect.Effect<ManagementTerms | undefined> => {
  const { keys, tls } = terms;
  if (keys === undefined || tls === undefined) return Effect.succeed(undefined);
  return Effect.map(refreshKeys(keys), (renewed) => {
    if (renewed === undefined) return undefined;
    const certificate = renewed.certificate(tls);
    return { ...terms, keys: renewed, certificate, serverTls: toServerTls(certificate) };
  });
};

const toServerTls = (certificate: Certificate | undefined): ServerTls | undefined =>
  certificate && makeServerTlsUnsafe(certificate.certPem, certificate.keyPem);

/** Who may ask at the address. Whoever asks by address, where all are listened on, has not been led here by a name. */
export const accessOf = ({ address, certificate, tokenDigest }: ManagementTerms): Access => ({
  scheme: certificate === undefined ? "http" : "https",
  hosts: [address === "0.0.0.0" || address === "::" ? anyAddress : address, ...(certificate?.names ?? [])],
  tokenDigest,
});

/** Who may ask at the Unix socket: whoever may open it, since its mode says who that is. */
export const socketAccess: Access = { scheme: "http", hosts: [], tokenDigest: undefined };

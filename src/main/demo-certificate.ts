// The certificate of demo mode's HTTPS and SSL listeners: made at the first start, kept in the state directory.
// Between main/demo.ts and the development issuer in certs/; owns where the files lie, and what happens when they can't.
// It never keeps demo mode from starting: where nothing can be kept, the certificate lives and ends with the process.

import { join } from "node:path";
import { Effect } from "effect";
import { ensureDevelopmentCertificate } from "../../certs/development.ts";
import { issueCertificate, makeAuthority } from "../../certs/issuer.ts";
import type { CertificateSource } from "../model/certificate-source.ts";
import { ensureStateDirectory, type StateEnvironment } from "./state-directory.ts";

/** What the certificate is for: the addresses that demo mode listens on, and their usual name. */
const names = ["localhost"];
const ips = ["127.0.0.1"];

/** A certificate for demo mode. */
export interface DemoCertificate {
  readonly source: CertificateSource;
  /** The authority that signed it, for those who want to trust it; none when it isn't kept. */
  readonly authorityFile?: string;
  /** Why it isn't kept, in one line. */
  readonly remark?: string;
}

/** The certificate that is kept, made or renewed where it has to be; or one of this process alone. */
export const ensureDemoCertificate = (environment?: StateEnvironment): Effect.Effect<DemoCertificate> =>
  ensureStateDirectory(environment).pipe(
    Effect.flatMap((directory) => Effect.tryPromise(() => keepCertificate(join(directory, "demo")))),
    Effect.catch((error) =>
      Effect.promise(async () => ({
        source: await makeCertificate(),
        remark: `demo mode's certificate is new at each start: ${spellProblem(error)}`,
      })),
    ),
  );

const keepCertificate = async (directory: string): Promise<DemoCertificate> => {
  const { certFile, keyFile, caFile } = await ensureDevelopmentCertificate(directory, names, ips);
  const from = (path: string) => ({ file: path, path });
  return { source: { cert: from(certFile), key: from(keyFile) }, authorityFile: caFile };
};

const makeCertificate = async (): Promise<CertificateSource> => {
  const authority = await makeAuthority();
  const { certPem, keyPem } = await issueCertificate({ names, ips }, authority);
  return { cert: { text: certPem + authority.certPem }, key: { text: keyPem } };
};

const spellProblem = (error: Error): string => (error.cause instanceof Error ? error.cause : error).message;

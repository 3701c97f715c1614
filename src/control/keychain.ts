// Certificates, keys and authorities of the configuration in force, as they were last read.
//
// A reload reads them all anew, or is refused. Between reloads the files are looked at every few seconds: what has changed,
// and then stayed as it is for one look, is read again and takes the old one's place. One that can't be used leaves the
// old one where it is, and is told once. Owns what was read; whoever serves it is told that it has changed.
import { Clock, Effect } from "effect";
import { type CertificateSource, type PemSource, spellSource } from "../model/certificate-source.ts";
import type { Configuration } from "../model/configuration.ts";
import { tellEvent } from "../observe/events.ts";
import { tellNotice } from "../observe/notices.ts";
import {
  type Authority,
  type Certificate,
  expiryProblem,
  loadAuthority,
  loadCertificate,
  remarksAt,
} from "../tls/certificate.ts";
import { CertificateError } from "../tls/certificate-error.ts";
import { signatureOf } from "../tls/pem-file.ts";

/** How often the files are looked at, in milliseconds. */
export const lookEveryMs = 2000;

/** Something that was read, and what its files looked like then. */
interface Held<Source, Loaded> {
  readonly source: Source;
  readonly loaded: Loaded;
  /** The files' signature when they were read, or when they were last found useless. */
  readSignature: string;
  /** The files' signature at the last look. */
  seenSignature: string;
  /** What the files hold now can't be used. */
  isStale: boolean;
}

type HeldCertificate = Held<CertificateSource, Certificate>;
type HeldAuthority = Held<PemSource, Authority>;

/** What a configuration needs, read at one time; never changed but by {@link Keychain}. */
export class Keys {
  constructor(
    /** @internal */ readonly certificates: ReadonlyMap<string, HeldCertificate>,
    /** @internal */ readonly authorities: ReadonlyMap<string, HeldAuthority>,
  ) {}

  /** The certificate of a source that the configuration names. */
  certificate(source: CertificateSource): Certificate {
    return (this.certificates.get(keyOf(source)) as HeldCertificate).loaded;
  }

  /** The authority of a source that the configuration names. */
  authority(source: PemSource): Authority {
    return (this.authorities.get(keyOf(source)) as HeldAuthority).loaded;
  }

  /** What `newer` would have brought can't be served: these are served on, and known to be stale. */
  refuse(newer: Keys): void {
    for (const [key, held] of this.certificates) {
      if (newer.certificates.get(key)?.loaded !== held.loaded) held.isStale = true;
    }
    for (const [key, held] of this.authorities) {
      if (newer.authorities.get(key)?.loaded !== held.loaded) held.isStale = true;
    }
  }

  /** How many certificates and authorities are served though their files hold something else that can't be used. */
  get staleCount(): number {
    return [...this.certificates.values(), ...this.authorities.values()].filter(({ isStale }) => isStale).length;
  }
}

/** Reads everything that a configuration's listeners name. *Fails with*: the first fault; nothing was changed. */
export const loadKeys = (configuration: Configuration): Effect.Effect<Keys, CertificateError> =>
  loadSources(sourcesOf(configuration));

/** Reads one certificate, to be looked at again by itself. *Fails with*: what is wrong with it. */
export const loadOneKey = (source: CertificateSource): Effect.Effect<Keys, CertificateError> =>
  loadSources({ certificates: new Map([[keyOf(source), source]]), authorities: new Map() });

const loadSources = Effect.fnUntraced(function* ({
  certificates,
  authorities,
}: ReturnType<typeof sourcesOf>): Effect.fn.Return<Keys, CertificateError> {
  return new Keys(
    new Map(yield* loadAll(certificates, loadCertificate)),
    new Map(yield* loadAll(authorities, loadAuthority)),
  );
});

const loadAll = <Source extends CertificateSource | PemSource, Loaded>(
  sources: ReadonlyMap<string, Source>,
  read: (source: Source) => Effect.Effect<Loaded, CertificateError>,
) =>
  Effect.forEach(
    sources,
    Effect.fnUntraced(function* ([key, source]: readonly [string, Source]) {
      // Before it is read: what changes meanwhile is then seen as changed.
      const signature = yield* signatureOf(source);
      const loaded = yield* read(source);
      const held: Held<Source, Loaded> = {
        source,
        loaded,
        readSignature: signature,
        seenSignature: signature,
        isStale: false,
      };
      return [key, held] as const;
    }),
    { concurrency: 8 },
  );

/**
 * Looks at the files of `keys` once: the same keys with what has changed in them, or undefined when nothing has.
 *
 * *Details*: tells of what was renewed and of what can't be used. Never fails.
 */
export const refreshKeys = Effect.fnUntraced(function* (keys: Keys): Effect.fn.Return<Keys | undefined> {
  const nowMs = yield* Clock.currentTimeMillis;
  const loadBetter = (source: CertificateSource, before: Certificate) =>
    Effect.flatMap(loadCertificate(source), (certificate) => {
      const problem = expiryProblem(certificate, nowMs);
      // What is good for nobody doesn't take the place of what is.
      const isWorse = problem !== undefined && expiryProblem(before, nowMs) === undefined;
      const { label } = certificate;
      return isWorse
        ? Effect.fail(new CertificateError({ label, problem, expected: "a certificate that is valid now" }))
        : Effect.succeed(certificate);
    });
  const certificates = yield* refreshAll(keys.certificates, loadBetter, describeRenewed);
  const authorities = yield* refreshAll(keys.authorities, loadAuthority, ({ label }) => `${label}: read again`);
  if (certificates === undefined && authorities === undefined) return undefined;
  return new Keys(certificates ?? keys.certificates, authorities ?? keys.authorities);
});

const refreshAll = Effect.fnUntraced(function* <
  Source extends CertificateSource | PemSource,
  Loaded extends Certificate | Authority,
>(
  all: ReadonlyMap<string, Held<Source, Loaded>>,
  read: (source: Source, before: Loaded) => Effect.Effect<Loaded, CertificateError>,
  describe: (loaded: Loaded) => string,
): Effect.fn.Return<ReadonlyMap<string, Held<Source, Loaded>> | undefined> {
  let changed: Map<string, Held<Source, Loaded>> | undefined;
  for (const [key, held] of all) {
    const signature = yield* signatureOf(held.source);
    // Certificate and key are two files: while they are being written, they don't belong together.
    const isSettled = signature === held.seenSignature;
    held.seenSignature = signature;
    if (!isSettled || signature === held.readSignature) continue;
    held.readSignature = signature;
    const loaded = yield* Effect.catch(read(held.source, held.loaded), (error) =>
      Effect.sync(() => {
        held.isStale = true;
        tellOfCertificate(`${error.message}; the one that was read before is served on`);
      }),
    );
    if (loaded === undefined) continue;
    const wasStale = held.isStale;
    held.isStale = false;
    if (loaded.fingerprint === held.loaded.fingerprint) {
      if (wasStale) tellOfCertificate(`${loaded.label}: can be used again; it is what is served`);
      continue;
    }
    tellOfCertificate(describe(loaded));
    changed ??= new Map(all);
    changed.set(key, { ...held, loaded });
  }
  return changed;
});

/** In the log, and to whoever observes events. */
const tellOfCertificate = (message: string): void => {
  tellNotice(message);
  tellEvent({ type: "certificate", message });
};

const describeRenewed = (certificate: Certificate): string => {
  const until = new Date(certificate.notAfterMs).toISOString().slice(0, 10);
  const remarks = remarksAt(certificate, Date.now());
  return [`${certificate.label}: renewed, for ${certificate.names.join(", ")}, until ${until}`, ...remarks].join("; ");
};

/** Every source that a configuration names, once. */
const sourcesOf = ({ loadBalancers }: Configuration) => {
  const certificates = new Map<string, CertificateSource>();
  const authorities = new Map<string, PemSource>();
  for (const { security, instanceSecurity } of loadBalancers.flatMap(({ listeners }) => listeners)) {
    for (const source of security?.certificates ?? []) certificates.set(keyOf(source), source);
    for (const ca of [security?.clientAuth?.ca, instanceSecurity?.authority?.ca]) {
      if (ca !== undefined) authorities.set(keyOf(ca), ca);
    }
  }
  return { certificates, authorities };
};

const keyOf = (source: CertificateSource | PemSource): string => {
  if (!("cert" in source)) return pemKeyOf(source);
  const { cert, key, chain, passphrase } = source;
  return JSON.stringify([pemKeyOf(cert), pemKeyOf(key), chain && pemKeyOf(chain), passphrase]);
};

const pemKeyOf = (source: PemSource): string =>
  "path" in source ? `file ${source.path} ${spellSource(source)}` : source.text;

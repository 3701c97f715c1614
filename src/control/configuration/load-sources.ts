/**
 * Opens the certificates, keys and authorities that a configuration names, to tell what is wrong with them at their place.
 * The last step of a check, after the pure ones; owns nothing of what it reads, which control/ loads anew when it applies.
 * Never decides what is wrong with a file: tls/certificate.ts does.
 */
import { Clock, Effect } from "effect";
import type { CertificateSource } from "../../model/certificate-source.ts";
import { expiryProblem, loadAuthority, loadCertificate } from "../../tls/certificate.ts";
import { CertificateError } from "../../tls/certificate-error.ts";
import type { Finding } from "./problem.ts";
import type { PlacedSource } from "./sources.ts";

/** How strictly certificates are taken. */
export interface LoadSourcesOptions {
  /**
   * Whether a certificate past its end, or before its beginning, is a problem. Where something is to be served it
   * isn't: a restart at night must not become an outage.
   */
  readonly refuseExpired?: boolean;
}

/** Loads each source and tells what is wrong, in the order given. */
export const findSourceProblems = Effect.fnUntraced(function* (
  sources: ReadonlyArray<PlacedSource>,
  options: LoadSourcesOptions = {},
): Effect.fn.Return<ReadonlyArray<Finding>> {
  const findings: Array<Finding> = [];
  for (const source of sources) {
    const problem = yield* "certificate" in source
      ? findCertificateProblem(source.certificate, options.refuseExpired === true)
      : findFailure(loadAuthority(source.authority));
    if (problem !== undefined) findings.push({ place: source.place, ...problem });
  }
  return findings;
});

type SourceProblem = Pick<Finding, "problem" | "expected">;

const findCertificateProblem = (source: CertificateSource, isExpiryRefused: boolean) =>
  findFailure(
    loadCertificate(source).pipe(
      Effect.flatMap((certificate) =>
        Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
          const problem = isExpiryRefused ? expiryProblem(certificate, nowMs) : undefined;
          if (problem === undefined) return Effect.void;
          const expected = "a certificate that is valid now; `run` and a reload would serve this one and say so";
          return Effect.fail(new CertificateError({ label: certificate.label, problem, expected }));
        }),
      ),
    ),
  );

const findFailure = (loading: Effect.Effect<unknown, CertificateError>): Effect.Effect<SourceProblem | undefined> =>
  Effect.match(loading, {
    onSuccess: () => undefined,
    onFailure: ({ label, problem, expected }) => ({ problem: `${label}: ${problem}`, expected }),
  });

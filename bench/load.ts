// The load generators: one bounded run of wrk, of bench/handshakes.ts for the rows that count handshakes, or of
// bench/introductions.ts for those that begin with a PROXY header, pinned beside the back end, and what it counted. It owns their command lines and the reading of their reports
// (bench/report.lua), nothing else.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HandshakePlan } from "./handshakes.ts";
import type { IntroductionPlan } from "./introductions.ts";
import { type Child, endChild, hasEnded, readLogTail, startChild } from "./processes.ts";

/** What a load generator counted in one run. */
export interface LoadReport {
  readonly requests: number;
  readonly bytes: number;
  readonly durationUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly connectErrors: number;
  readonly readErrors: number;
  readonly writeErrors: number;
  readonly statusErrors: number;
  readonly timeouts: number;
  /** Handshakes that weren't of the wanted kind, answered or not; they are no requests. */
  readonly wrongHandshakes?: number;
}

/** Reads the line that report.lua or handshakes.ts prints; undefined where there is none. */
export function parseReport(output: string): LoadReport | undefined {
  const line = /^report (\{.*\})$/m.exec(output)?.[1];
  return line === undefined ? undefined : (JSON.parse(line) as LoadReport);
}

/** Everything that went wrong in a run, as one count. */
export function countErrors(report: LoadReport): number {
  const { connectErrors, readErrors, writeErrors, statusErrors, timeouts, wrongHandshakes = 0 } = report;
  return connectErrors + readErrors + writeErrors + statusErrors + timeouts + wrongHandshakes;
}

/** What wrk sends instead of its own GET: the same bytes on every connection, again and again. */
export interface WrittenRequest {
  readonly make: (host: string) => Uint8Array;
  /** Requests in those bytes: so many are under way at once, and wrk counts each answer. */
  readonly count: number;
}

// wrk follows the library's own configuration: one suite and one group, as every proxy is told to use. Left to itself, it
// would ask for AES-256 first, and each library has its own view of whose order counts in TLS 1.3.
const tlsConfiguration = `openssl_conf = bench
[bench]
ssl_conf = modules
[modules]
system_default = terms
[terms]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
`;

async function readRun(generator: Child, seconds: number): Promise<LoadReport> {
  try {
    await Promise.race([generator.process.exited, Bun.sleep(seconds * 1000 + 10_000)]);
    if (!hasEnded(generator)) throw new Error(`${generator.name} did not end in time`);
    const report = parseReport(await Bun.file(generator.logFile).text());
    if (report === undefined) throw new Error(`${generator.name} gave no report: ${readLogTail(generator)}`);
    const { requests, wrongHandshakes = 0 } = report;
    if (requests > 0) return report;
    throw new Error(
      wrongHandshakes > 0
        ? `not one of ${wrongHandshakes} handshakes was of the wanted kind`
        : "not one request was answered",
    );
  } finally {
    await endChild(generator);
  }
}

/** Runs wrk with one thread against a loopback port for whole seconds. */
export async function runLoad(options: {
  readonly port: number;
  readonly isSecure: boolean;
  readonly target: string;
  readonly connections: number;
  readonly isShort: boolean;
  readonly written?: WrittenRequest;
  readonly seconds: number;
  readonly core: number;
  readonly directory: string;
}): Promise<LoadReport> {
  const { core, directory } = options;
  const host = `127.0.0.1:${options.port}`;
  const requestFile = join(directory, "request.bin");
  if (options.written !== undefined) writeFileSync(requestFile, options.written.make(host));
  const tlsFile = join(directory, "wrk-openssl.cnf");
  if (options.isSecure) writeFileSync(tlsFile, tlsConfiguration);
  const wrk = startChild({
    ...{ name: "wrk", core, directory },
    ...(options.isSecure ? { env: { OPENSSL_CONF: tlsFile } } : {}),
    command: [
      ...["wrk", "-t1", `-c${options.connections}`, `-d${options.seconds}s`, "--timeout", "5s"],
      ...["-s", join(import.meta.dir, "report.lua")],
      ...(options.isShort ? ["-H", "Connection: close"] : []),
      `${options.isSecure ? "https" : "http"}://${host}${options.target}`,
      ...(options.written === undefined ? [] : ["--", requestFile]),
    ],
  });
  return readRun(wrk, options.seconds);
}

/** Makes handshakes at a loopback port for whole seconds. */
export async function runHandshakes(
  plan: HandshakePlan,
  place: { readonly core: number; readonly directory: string },
): Promise<LoadReport> {
  const command = [process.execPath, join(import.meta.dir, "handshakes.ts"), JSON.stringify(plan)];
  return readRun(startChild({ name: "handshakes", command, ...place }), plan.seconds);
}

/** Makes short connections to a loopback port for whole seconds. */
export async function runIntroductions(
  plan: IntroductionPlan,
  place: { readonly core: number; readonly directory: string },
): Promise<LoadReport> {
  const command = [process.execPath, join(import.meta.dir, "introductions.ts"), JSON.stringify(plan)];
  return readRun(startChild({ name: "introductions", command, ...place }), plan.seconds);
}

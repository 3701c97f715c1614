// The load of the handshake rows: a handshake counts only when it was full or resumed as asked, of the version and suite
// asked for, and its answer whole. The servers here are Bun's own; the certificates are the bench's.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { TLSOptions } from "bun";
import { startBackend } from "../../../bench/backend.ts";
import { type Certificates, makeCertificates } from "../../../bench/certificates.ts";
import { exchangeOnce } from "../../../bench/client.ts";
import { type HandshakePlan, makeHandshakes } from "../../../bench/handshakes.ts";
import { countErrors, parseReport } from "../../../bench/load.ts";
import { isSecure, workloads } from "../../../bench/workloads.ts";
import { makeFolder } from "../../support/folder.ts";

setDefaultTimeout(30_000);

const folder = makeFolder();
let certificates: Certificates;
const servers: Array<{ readonly port: number; stop(closeAll: boolean): void }> = [];

/** A back end of the bench with TLS on top of the certificate. */
function serve(kind: keyof Certificates, terms: TLSOptions & Record<string, unknown> = {}): number {
  const { cert, key } = certificates[kind];
  const pem = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  const server = startBackend(0, { tls: { ...terms, ...pem } });
  servers.push(server);
  return server.port;
}

const count = 4;
// No time at all: each of the connections makes one handshake.
const planFor = (port: number, terms: Partial<HandshakePlan> = {}): HandshakePlan => ({
  ...{ port, target: "/100", connections: count, seconds: 0 },
  ...{ version: "1.3", isResumed: false, hasNoDelay: true },
  ...terms,
});

beforeAll(async () => {
  certificates = await makeCertificates(folder.path);
});
afterAll(() => {
  for (const server of servers) server.stop(true);
  folder[Symbol.dispose]();
});

describe("makeHandshakes", () => {
  for (const kind of ["ecdsa", "rsa"] as const) {
    for (const version of ["1.2", "1.3"] as const) {
      test(`counts full handshakes: TLS ${version}, ${kind}`, async () => {
        const report = await makeHandshakes(planFor(serve(kind), { version }));
        expect([report.requests, countErrors(report)]).toEqual([count, 0]);
        expect(report.bytes).toBeGreaterThan(count * 100);
        expect(report.p50Us).toBeGreaterThan(0);
      });
    }
  }

  for (const version of ["1.2", "1.3"] as const) {
    test(`counts resumed handshakes, not the one that brings the session: TLS ${version}`, async () => {
      const report = await makeHandshakes(planFor(serve("ecdsa"), { version, isResumed: true }));
      expect([report.requests, countErrors(report)]).toEqual([count, 0]);
    });
  }

  test("a server that doesn't resume has no resumed handshakes", async () => {
    const noTicket = 0x4000; // SSL_OP_NO_TICKET
    const port = serve("ecdsa", { secureOptions: noTicket });
    const report = await makeHandshakes(planFor(port, { version: "1.2", isResumed: true }));
    expect([report.requests, report.wrongHandshakes, countErrors(report)]).toEqual([0, count, count]);
  });

  test("a server without the version or the suite has no handshakes", async () => {
    const old = await makeHandshakes(planFor(serve("ecdsa", { maxVersion: 0x303 })));
    expect([old.requests, countErrors(old)]).toEqual([0, count]);
    const other = serve("ecdsa", { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" });
    const long = await makeHandshakes(planFor(other, { version: "1.2" }));
    expect([long.requests, countErrors(long)]).toEqual([0, count]);
  });

  test("a wrong answer is no request", async () => {
    const report = await makeHandshakes(planFor(serve("ecdsa"), { target: "/unknown" }));
    expect([report.requests, report.statusErrors]).toEqual([0, count]);
  });

  test("nobody listening is an error of each connection", async () => {
    const port = serve("ecdsa");
    servers.pop()?.stop(true);
    const report = await makeHandshakes(planFor(port));
    expect([report.requests, report.connectErrors]).toEqual([0, count]);
  });

  test("sends the request by itself where the client has no TCP_NODELAY", async () => {
    const report = await makeHandshakes(planFor(serve("ecdsa"), { hasNoDelay: false, connections: 1 }));
    expect([report.requests, countErrors(report)]).toEqual([1, 0]);
  });

  test("its report is read as wrk's is", async () => {
    const report = await makeHandshakes(planFor(serve("ecdsa")));
    expect(parseReport(`report ${JSON.stringify(report)}\n`)).toEqual(report);
  });
});

describe("the certificates", () => {
  test("go with their keys, apart and in one file", () => {
    for (const { cert, key, both } of Object.values(certificates)) {
      const [certPem, keyPem, bothPem] = [cert, key, both].map((file) => readFileSync(file, "utf8"));
      createSecureContext({ cert: certPem, key: keyPem });
      expect(bothPem).toBe(`${certPem}${keyPem}`);
    }
  });

  test("the bench's client and its back end speak TLS", async () => {
    const exchanged = await exchangeOnce({ port: serve("rsa"), isSecure: true }, "/100");
    exchanged.close();
    expect(exchanged.answers.map((answer) => answer.body.length)).toEqual([100]);
  });
});

test("rows with handshakes go through listeners with TLS", () => {
  const rows = workloads.filter((each) => each.kind === "traffic" && each.handshake !== undefined);
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) expect(row.kind === "traffic" && isSecure(row.front)).toBeTrue();
});

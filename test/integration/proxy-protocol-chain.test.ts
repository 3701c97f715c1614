// PROXY headers with real programs around elbow: HAProxy and nginx as instances that want them, in clear and before TLS,
// and HAProxy in front, whose headers a listener accepts.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { parseAddressBlock } from "../../src/model/address-block.ts";
import type { Listener } from "../../src/model/listener.ts";
import { writeProxyHeader } from "../../src/parse/proxy-protocol/header-writer.ts";
import type { ByteEnd } from "../support/byte-end.ts";
import { issueTestCertificate } from "../support/certificates.ts";
import { startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { type Folder, makeFolder } from "../support/folder.ts";
import { exchange, formatResponse, header } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { findProgram, type ServingProgram, startServer, titleOf } from "../support/program.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { Wiretap } from "../support/wiretap.ts";

setDefaultTimeout(30_000);

const versions = [1, 2] as const;
const trusting = { trustedProxies: [parseAddressBlock("127.0.0.0/8")!] };
const ends = { clientAddress: "198.51.100.22", clientPort: 35646, proxyAddress: "203.0.113.7", proxyPort: 80 };

/** The ways from a client to an instance. */
const ways: ReadonlyArray<readonly [string, Pick<Listener, "protocol" | "instanceProtocol">]> = [
  ["TCP to TCP", { protocol: "TCP", instanceProtocol: "TCP" }],
  ["TCP to SSL", { protocol: "TCP", instanceProtocol: "SSL" }],
  ["SSL to TCP", { protocol: "SSL", instanceProtocol: "TCP" }],
  ["SSL to SSL", { protocol: "SSL", instanceProtocol: "SSL" }],
];

interface Ports {
  readonly clear: number;
  readonly secure: number;
}

const writePem = async (folder: Folder): Promise<string> => {
  const certificate = await issueTestCertificate();
  return folder.write("server.pem", certificate.chainPem + certificate.keyPem);
};

const startHaproxy = async (folder: Folder, { clear, secure }: Ports, front = "") => {
  const pem = await writePem(folder);
  const file = folder.write(
    "haproxy.cfg",
    `
global
  maxconn 100
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend tell
  bind 127.0.0.1:${clear} accept-proxy
  bind 127.0.0.1:${secure} accept-proxy ssl crt ${pem}
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
${front}
`,
  );
  return startServer([findProgram("haproxy") as string, "-db", "-q", "-f", file], clear);
};

const startNginx = async (folder: Folder, { clear, secure }: Ports) => {
  const pem = await writePem(folder);
  const place = folder.path;
  const file = folder.write(
    "nginx.conf",
    `
daemon off;
master_process off;
error_log stderr error;
pid ${place}/nginx.pid;
events { worker_connections 100; }
http {
  access_log off;
  client_body_temp_path ${place}/body;
  proxy_temp_path ${place}/proxy;
  fastcgi_temp_path ${place}/fastcgi;
  uwsgi_temp_path ${place}/uwsgi;
  scgi_temp_path ${place}/scgi;
  server {
    listen 127.0.0.1:${clear} proxy_protocol;
    listen 127.0.0.1:${secure} ssl proxy_protocol;
    ssl_certificate ${pem};
    ssl_certificate_key ${pem};
    location / {
      return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
    }
  }
}
`,
  );
  return startServer([findProgram("nginx") as string, "-p", place, "-c", file], clear);
};

const receivers = [
  ["haproxy", startHaproxy],
  ["nginx", startNginx],
] as const;

describe.each(receivers)("as an instance", (name, start) => {
  describe.skipIf(findProgram(name) === undefined)(titleOf(name), () => {
    const folder = makeFolder();
    const ports: Ports = { clear: freePort(), secure: freePort() };
    let program: ServingProgram;
    beforeAll(async () => {
      program = await start(folder, ports);
    });
    afterAll(async () => {
      await program?.[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    });

    describe.each(ways)("%s", (_, way) => {
      test.each(versions)("it believes version %d", async (version) => {
        const isSecure = way.protocol === "SSL";
        const own = isSecure ? await secureListener("SSL") : {};
        const instance = way.instanceProtocol === "SSL" ? ports.secure : ports.clear;
        await using elbow = await startElbow({
          listeners: [{ ...own, ...way, instancePreamble: { version } }],
          instances: [instance],
        });
        for (let round = 0; round < 3; round++) {
          using client: ByteEnd = isSecure
            ? await SecureClient.connect(elbow.port(), { serverName: "app.test" })
            : await RawClient.connect(elbow.port());
          const { status, body } = await exchange(client, "/");
          const told = `127.0.0.1 ${client.localPort} 127.0.0.1 ${elbow.port()}`;
          expect([status, body.toString()]).toEqual([200, told]);
        }
      });
    });
  });
});

describe.skipIf(findProgram("haproxy") === undefined)(`in front: ${titleOf("haproxy")}`, () => {
  const folder = makeFolder();
  // Where HAProxy listens, and where elbow does, by version and by protocol.
  const ports = { clear: freePort(), secure: freePort() };
  const ways = (["HTTP", "HTTPS"] as const).flatMap((protocol) =>
    versions.map((version) => ({ protocol, version, front: freePort(), elbow: freePort() })),
  );
  let haproxy: ServingProgram;
  beforeAll(async () => {
    const front = ways.map(
      ({ protocol, version, front, elbow }) => `
listen ${protocol}${version}
  mode tcp
  bind 127.0.0.1:${front} accept-proxy
  server elbow 127.0.0.1:${elbow} ${version === 1 ? "send-proxy" : "send-proxy-v2 proxy-v2-options crc32c"}`,
    );
    haproxy = await startHaproxy(folder, ports, front.join("\n"));
  });
  afterAll(async () => {
    await haproxy?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test.each(ways)("$protocol behind version $version", async ({ protocol, version, front, elbow: port }) => {
    using instance = FakeInstance.start(
      serveHttp((request) =>
        formatResponse(`${header(request, "x-forwarded-for")} ${header(request, "x-forwarded-port")}`),
      ),
    );
    const own = protocol === "HTTPS" ? await secureListener("HTTPS") : { protocol };
    await using elbow = await startElbow({ listeners: [{ ...own, port, ...trusting }], instances: [instance] });
    const told = `198.51.100.22 ${elbow.port()}`;
    // HAProxy is told by the test whose connection it is, and tells elbow.
    using tap = Wiretap.start(front, writeProxyHeader(version, ends));
    using client: ByteEnd =
      protocol === "HTTPS" ? await SecureClient.connect(tap.port) : await RawClient.connect(tap.port);
    for (let round = 0; round < 2; round++) expect((await exchange(client, "/")).body.toString()).toBe(told);
  });
});

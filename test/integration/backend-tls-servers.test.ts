// Other people's TLS servers as instances: nginx, node:https under Node.js and Bun, OpenSSL's test server. They serve over
// kept and resumed connections, and one whose key isn't trusted logs no request.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, seededBlocks, sendStream } from "../support/byte-stream.ts";
import { issueTestCertificate } from "../support/certificates.ts";
import { startElbow } from "../support/elbow.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { findProgram, startPrintingServer, startServer, titleOf } from "../support/program.ts";
import { RawClient } from "../support/raw-client.ts";
import { encryptTo, trustAuthority, trustKeysOf } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const own = await issueTestCertificate({ tag: "server" });
const wrong = await issueTestCertificate({ tag: "wrong" });

const nginxConfiguration = (folder: string, port: number, version: string): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  log_format tls "$connection $ssl_session_reused $ssl_protocol $uri";
  access_log ${folder}/access.log tls;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/own.pem;
    ssl_certificate_key ${folder}/own.key;
    ssl_protocols ${version};
    ssl_session_cache shared:tls:1m;
    location /big { root ${folder}; }
    location /kept { return 200 "kept"; }
    location /once { keepalive_timeout 0; return 200 "once"; }
  }
}
`;

describe.skipIf(findProgram("nginx") === undefined)(titleOf("nginx"), () => {
  test.each(["TLSv1.2", "TLSv1.3"])(
    "%s: serves over kept and resumed connections, and logs nothing when its key isn't trusted",
    async (version) => {
      using folder = makeFolder({ "own.pem": own.chainPem, "own.key": own.keyPem });
      const port = freePort();
      const writer = Bun.file(join(folder.path, "big")).writer();
      for (const block of seededBlocks(8 * MIB, 7)) writer.write(block);
      await writer.end();
      const file = folder.write("nginx.conf", nginxConfiguration(folder.path, port, version));
      await using _server = await startServer([findProgram("nginx") as string, "-p", folder.path, "-c", file], port);
      const log = () => readFileSync(join(folder.path, "access.log"), "latin1").trim().split("\n");
      {
        await using elbow = await startElbow({ listeners: [encryptTo("HTTP", trustKeysOf(wrong))], instances: [port] });
        using client = await RawClient.connect(elbow.port());
        expect((await exchange(client, "/secret")).status).toBe(502);
      }
      await using elbow = await startElbow({
        listeners: [encryptTo("HTTP", { ...trustKeysOf(own), ...trustAuthority(own.caPem) })],
        instances: [port],
      });
      using client = await RawClient.connect(elbow.port());
      for (let round = 0; round < 5; round++) expect((await exchange(client, "/kept")).body.toString()).toBe("kept");
      for (let round = 0; round < 5; round++) expect((await exchange(client, "/once")).body.toString()).toBe("once");
      await client.send("GET /big HTTP/1.1\r\nHost: test\r\n\r\n");
      await client.takeUntil("\r\n\r\n");
      expect(await client.digest(8 * MIB)).toEqual(digestOf(8 * MIB, 7));
      const lines = log();
      expect(lines.join("\n")).not.toContain("/secret");
      expect(lines.every((line) => line.includes(version))).toBe(true);
      // The first connection, with the five kept requests; what came on later ones resumed its session.
      expect(lines.filter((line) => line.includes(" . "))).toHaveLength(6);
      expect(lines.filter((line) => line.includes(" r "))).toHaveLength(5);
    },
  );
});

/** Answers each request with the hash of its body. */
const nodeServer = (cert: string, key: string): string => `
  const { createServer } = require("node:https");
  const { readFileSync } = require("node:fs");
  const server = createServer({ cert: readFileSync(${JSON.stringify(cert)}), key: readFileSync(${JSON.stringify(key)}) });
  server.on("request", (request, response) => {
    const hash = require("node:crypto").createHash("sha256");
    request.on("data", (chunk) => hash.update(chunk));
    request.on("end", () => response.end(hash.digest("hex")));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1", () => process.stdout.write(server.address().port + "\\n"));
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
`;

test.each([
  ["Bun", process.execPath],
  ...(findProgram("node") === undefined ? [] : [["Node.js", findProgram("node") as string] as const]),
])("node:https under %s takes an upload of 10 MiB and answers", async (_, runtime) => {
  using folder = makeFolder({ "own.pem": own.chainPem, "own.key": own.keyPem });
  const file = folder.write("server.cjs", nodeServer(join(folder.path, "own.pem"), join(folder.path, "own.key")));
  await using server = await startPrintingServer([runtime, file]);
  await using elbow = await startElbow({ listeners: [encryptTo("HTTP", trustKeysOf(own))], instances: [server.port] });
  using client = await RawClient.connect(elbow.port());
  await client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${10 * MIB}\r\n\r\n`);
  const { sha256 } = await sendStream(client, 10 * MIB, 1);
  const { status, body } = await readResponse(client);
  expect([status, body.toString()]).toEqual([200, sha256]);
});

describe.skipIf(findProgram("openssl") === undefined)(titleOf("openssl"), () => {
  test.each([
    ["tls1_2", "ECDHE-RSA-AES128-GCM-SHA256"],
    ["tls1_2", "AES256-SHA"],
    ["tls1_3", ""],
  ])("s_server with %s %s serves", async (version, cipher) => {
    const rsa = await issueTestCertificate({ tag: "openssl", keyType: "RSA" });
    using folder = makeFolder({ "own.pem": rsa.chainPem, "own.key": rsa.keyPem });
    const port = freePort();
    const command = ["openssl", "s_server", "-accept", `127.0.0.1:${port}`, `-${version}`, "-www", "-quiet"];
    const files = ["-cert", join(folder.path, "own.pem"), "-key", join(folder.path, "own.key")];
    await using _server = await startServer(
      [...command, ...files, ...(cipher === "" ? [] : ["-cipher", `${cipher}:@SECLEVEL=0`])],
      port,
    );
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP", trustKeysOf(rsa))], instances: [port] });
    using client = await RawClient.connect(elbow.port());
    await client.send("GET / HTTP/1.0\r\n\r\n");
    const answer = (await client.takeToEnd()).toString();
    expect(answer).toContain("200 ok");
    expect(answer).toContain(cipher);
  });
});

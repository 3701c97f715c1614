// Requests as they reach an instance: text in, text out, at every split of what came in.
import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import {
  type ClientFacts,
  joinLastLines,
  makeLastLines,
  writeRequestHead,
} from "../../../../src/parse/http1/serialise.ts";
import { withRequest } from "./readers.ts";
import { expectAtEverySplit, type Pieces, wholeText } from "./splits.ts";

const client: ClientFacts = {
  address: bytesOf("203.0.113.7"),
  lastLines: makeLastLines("http", 8080),
  nodeAddress: () => bytesOf("192.0.2.1"),
};

const write = (pieces: Pieces): string =>
  withRequest(pieces, (head, bytes) => {
    const out = new ByteWriter(1);
    out.put(bytesOf("kept"));
    writeRequestHead(head, bytes, client, out);
    return wholeText(out.view().subarray(4));
  });

const ours = (earlier = ""): string =>
  `X-Forwarded-For: ${earlier}203.0.113.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\nConnection: keep-alive\r\n\r\n`;

/** What stands between the request's Host and our own lines: the received fields, and those that go on. */
const fieldCases: ReadonlyArray<readonly [name: string, received: string, sent: string, earlier?: string]> = [
  ["no field", "", ""],
  ["order, case and blanks are kept", "b:1\r\nA:  2\r\nACCEPT-x: \t3\r\n", "b:1\r\nA:  2\r\nACCEPT-x: \t3\r\n"],
  ["an empty value is kept", "X:\r\nY: \r\n", "X:\r\nY: \r\n"],
  ["a repeated field stays repeated", "A: 1\r\nB: 2\r\nA: 3\r\n", "A: 1\r\nB: 2\r\nA: 3\r\n"],
  ["blanks behind values go", "A: 1 \r\nB:\t2\t \nC: 3\r\n", "A: 1\r\nB: 2\r\nC: 3\r\n"],
  ["obs-text goes on", "A: \xe4\xf6\r\n", "A: \xe4\xf6\r\n"],
  // Hop by hop (RFC 9110 §7.6.1).
  [
    "hop-by-hop fields go",
    "A: 1\r\nConnection: close\r\nKeep-Alive: 5\r\nB: 2\r\nProxy-Connection: x\r\nTE: gzip\r\nUpgrade: h2c\r\nC: 3\r\n",
    "A: 1\r\nB: 2\r\nC: 3\r\n",
  ],
  ["hop-by-hop fields go first and last", "te: x\r\nA: 1\r\nuPGRADE: h2c\r\n", "A: 1\r\n"],
  ["nothing but hop-by-hop fields", "Connection: keep-alive\r\nKeep-Alive: 5\r\n", ""],
  ["what Connection names goes", "X-A: 1\r\nConnection: x-A , close, x-b\r\nX-B: 2\r\nX-C: 3\r\n", "X-C: 3\r\n"],
  ["what it names goes each time", "X-A: 1\r\nB: 2\r\nX-A: 3\r\nConnection: X-A\r\n", "B: 2\r\n"],
  ["what it names wrongly stays", "X-AB: 1\r\nX: 2\r\nConnection: X-A\r\n", "X-AB: 1\r\nX: 2\r\n"],
  ["two Connections", "Connection: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nConnection: c\r\n", "B: 2\r\n"],
  [
    "what is framed by can't be named away",
    "Connection: content-length\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\n",
  ],
  [
    "nor can transfer-encoding",
    "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\n",
  ],
  ["nor Host", "Connection: host\r\nA: 1\r\n", "A: 1\r\n"],
  ["nor our own lines", "Connection: x-forwarded-for, x-forwarded-proto\r\nA: 1\r\n", "A: 1\r\n"],
  ["Expect is answered here", "Expect: 100-continue\r\nContent-Length: 5\r\n", "Content-Length: 5\r\n"],
  // Framing.
  [
    "Content-Length goes on in its place",
    "A: 1\r\ncontent-LENGTH: 5\r\nB: 2\r\n",
    "A: 1\r\ncontent-LENGTH: 5\r\nB: 2\r\n",
  ],
  [
    "the same Content-Length goes once",
    "Content-Length: 5\r\nA: 1\r\nContent-Length: 05\r\n",
    "Content-Length: 5\r\nA: 1\r\n",
  ],
  [
    "three times too",
    "Content-Length: 5\r\nContent-Length: 5\r\ncontent-length: 5\r\nA: 1\r\n",
    "Content-Length: 5\r\nA: 1\r\n",
  ],
  [
    "Transfer-Encoding is written anew",
    "A: 1\r\ntransfer-encoding:CHUNKED \r\nB: 2\r\n",
    "A: 1\r\nB: 2\r\nTransfer-Encoding: chunked\r\n",
  ],
  [
    "of both framings chunked alone goes on",
    "Content-Length: 5\r\nA: 1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "A: 1\r\nTransfer-Encoding: chunked\r\n",
  ],
  [
    "in either order",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\nA: 1\r\n",
    "A: 1\r\nTransfer-Encoding: chunked\r\n",
  ],
  // X-Forwarded-*
  ["X-Forwarded-For is continued", "X-Forwarded-For: 10.0.0.1\r\n", "", "10.0.0.1, "],
  ["a list is continued", "x-forwarded-for:10.0.0.1, 10.0.0.2 \r\nA: 1\r\n", "A: 1\r\n", "10.0.0.1, 10.0.0.2, "],
  [
    "several are joined in order",
    "X-Forwarded-For: a\r\nA: 1\r\nX-Forwarded-For: b, c\nX-FORWARDED-FOR: d\r\n",
    "A: 1\r\n",
    "a, b, c, d, ",
  ],
  ["an empty one adds nothing", "X-Forwarded-For:\r\nX-Forwarded-For: a\r\nX-Forwarded-For: \r\n", "", "a, "],
  ["nothing but empty ones", "X-Forwarded-For: \r\n", ""],
  [
    "Proto and Port are replaced",
    "X-Forwarded-Proto: https\r\nA: 1\r\nx-forwarded-port: 1\r\nX-Forwarded-Proto: x\r\n",
    "A: 1\r\n",
  ],
  [
    "other X-Forwarded fields pass",
    "X-Forwarded-Host: a\r\nForwarded: for=a\r\n",
    "X-Forwarded-Host: a\r\nForwarded: for=a\r\n",
  ],
];

describe("fields", () => {
  test.each(fieldCases.map(([name, received, sent, earlier = ""]) => [name, received, sent, earlier] as const))(
    "%s",
    (_, received, sent, earlier) => {
      const head = "GET /p?q HTTP/1.1\r\n";
      expectAtEverySplit(`${head}Host: a\r\n${received}\r\n`, write, `${head}Host: a\r\n${sent}${ours(earlier)}`);
      expectAtEverySplit(`${head}${received}hOST:a\r\n\r\nrest`, write, `${head}Host: a\r\n${sent}${ours(earlier)}`);
    },
  );
});

const lineCases: ReadonlyArray<readonly [name: string, received: string, sent: string]> = [
  ["empty lines in front", "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"],
  ["asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n"],
  ["blanks behind Host", "GET / HTTP/1.1\r\nHOST:  a:81 \t\r\n\r\n", "GET / HTTP/1.1\r\nHost: a:81\r\n"],
  ["an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\n"],
  ["HTTP/1.0 with Host", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"],
  ["HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.1\r\nHost: 192.0.2.1\r\n"],
  ["a later version", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"],
  ["absolute form", "GET http://b:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /p?q HTTP/1.1\r\nHost: b:81\r\n"],
  ["absolute form without a path", "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: b\r\n"],
  ["absolute form, query only", "GET http://b?q/r HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?q/r HTTP/1.1\r\nHost: b\r\n"],
  ["absolute form, IPv6", "GET HTTPS://[::1]/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1]\r\n"],
  ["absolute form, HTTP/1.0", "PUT http://b/c HTTP/1.0\r\n\r\n", "PUT /c HTTP/1.1\r\nHost: b\r\n"],
  ["a second slash stays", "GET //c/d HTTP/1.1\r\nHost: a\r\n\r\n", "GET //c/d HTTP/1.1\r\nHost: a\r\n"],
];

describe("lines", () => {
  test.each(lineCases)("%s", (_, received, sent) => {
    expectAtEverySplit(received, write, sent + ours());
  });

  // RFC 9112 §3.2.4: to a server that is asked directly, OPTIONS without a path means the server as a whole.
  test("OPTIONS in absolute form without a path becomes the asterisk form", () => {
    expectAtEverySplit(
      "OPTIONS http://b:81 HTTP/1.1\r\nHost: a\r\n\r\n",
      write,
      `OPTIONS * HTTP/1.1\r\nHost: b:81\r\n${ours()}`,
    );
  });
});

test("last lines name protocol and port", () => {
  expect(wholeText(makeLastLines("https", 443))).toBe(
    "X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\nConnection: keep-alive\r\n\r\n",
  );
});

describe("a client with a certificate", () => {
  const certified: ClientFacts = {
    ...client,
    lastLines: joinLastLines(makeLastLines("https", 443), bytesOf("X-Amzn-Mtls-Clientcert-Subject: CN=a\r\n")),
  };

  const writeFor = (received: string, passesUpgrade = false): string =>
    withRequest([bytesOf(received)], (head, bytes) => {
      const out = new ByteWriter();
      writeRequestHead(head, bytes, certified, out, passesUpgrade);
      return wholeText(out.view());
    });

  const lines = (connection: string): string =>
    "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n" +
    `X-Amzn-Mtls-Clientcert-Subject: CN=a\r\nConnection: ${connection}\r\n\r\n`;

  test("is told of behind what is told of every client, in place of what it says itself", () => {
    const claims = "X-Amzn-Mtls-Clientcert-Subject: CN=b\r\nx_amzn_mtls_clientcert_leaf: c\r\n";
    expect(writeFor(`GET / HTTP/1.1\r\nHost: a\r\n${claims}\r\n`)).toBe(
      `GET / HTTP/1.1\r\nHost: a\r\n${lines("keep-alive")}`,
    );
  });

  test("and with every Connection that we send; naming the line there takes nothing away", () => {
    expect(
      writeFor("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te, x-amzn-mtls-clientcert-subject\r\n\r\n"),
    ).toBe(`GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n${lines("keep-alive, TE")}`);
    expect(writeFor("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", true)).toBe(
      `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n${lines("upgrade")}`,
    );
  });
});

test("thousands of nominations leave the other fields as they are", () => {
  const fields = Array.from({ length: 92 }, (_, index) => `h${index}: 1\r\n`).join("");
  const nominations = `Connection: ${"q,".repeat(4000)}h\r\n`.repeat(7);
  const sent = write([bytesOf(`GET / HTTP/1.1\r\nHost: a\r\n${nominations}${fields}\r\n`)]);
  expect(sent).toBe(`GET / HTTP/1.1\r\nHost: a\r\n${fields}${ours()}`);
});

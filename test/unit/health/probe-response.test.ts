// The response to a check: what passes and what doesn't, in the same words however the bytes are cut.
import { describe, expect, test } from "bun:test";
import { bodyMaxBytes, ProbeResponse, searchedBytes, type Verdict } from "../../../src/health/probe-response.ts";
import { type HealthCheck, parseSuccessCodes } from "../../../src/model/health-check.ts";
import { expectAtEverySplit, type Pieces } from "../parse/http1/splits.ts";

type Terms = Pick<HealthCheck, "successCodes" | "expectBody">;

const only200: Terms = { successCodes: [{ first: 200, last: 200 }] };

const accept = (codes: string): Terms => ({ successCodes: parseSuccessCodes(codes)! });

/** Gives the pieces one by one, then the end of the connection when `isEnded`. */
const read = (terms: Terms, pieces: Pieces, isEnded = false): Verdict | undefined => {
  const response = new ProbeResponse(terms);
  for (const piece of pieces.filter(({ length }) => length > 0)) {
    const verdict = response.receive(Uint8Array.from(piece));
    if (verdict !== undefined) return verdict;
  }
  return isEnded ? response.end() : undefined;
};

const spell = (verdict: Verdict | undefined): string =>
  verdict === undefined ? "no verdict yet" : `${verdict.isHealthy ? "+" : "-"} ${verdict.reason}`;

/** What comes of a response, at every split of its bytes. */
const expectOf = (text: string, expected: string, terms = only200, isEnded = false): void =>
  expectAtEverySplit(text, (pieces) => spell(read(terms, pieces, isEnded)), expected);

const head = (...lines: ReadonlyArray<string>): string => `${lines.join("\r\n")}\r\n\r\n`;
const ok = "HTTP/1.1 200 OK";

describe("passes", () => {
  test.each([
    ["a body of a length", `${head(ok, "Content-Length: 5")}hello`],
    ["a body of no length", head(ok, "Content-Length: 0")],
    ["chunks", `${head(ok, "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`],
    ["chunks with a trailer", `${head(ok, "Transfer-Encoding: chunked")}1;a=b\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n`],
    ["chunks over another coding", `${head(ok, "Transfer-Encoding: gzip, chunked")}1\r\nx\r\n0\r\n\r\n`],
    ["HTTP/1.0", `${head("HTTP/1.0 200 OK", "Content-Length: 2")}ok`],
    ["no reason phrase", head("HTTP/1.1 200", "Content-Length: 0")],
    ["what the data path repairs: bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
    ["what the data path repairs: a fold", `${head(ok, "X-Long: a", " b", "Content-Length: 2")}ok`],
    ["interim responses first", `${head("HTTP/1.1 103 Early Hints", "Link: </a>")}${head(ok, "Content-Length: 0")}`],
    ["bytes behind the body", `${head(ok, "Content-Length: 2")}okHTTP/1.1 500 No\r\n`],
  ])("%s", (_, text) => {
    expectOf(text, "+ status 200");
  });

  test("no body and no length, when the connection ends", () => {
    expectOf(head(ok), "no verdict yet");
    expectOf(head(ok), "+ status 200", only200, true);
  });

  test.each([204, 304])("a %d that counts, whatever its head says of a body", (status) => {
    expectOf(head(`HTTP/1.1 ${status} X`, "Content-Length: 7"), `+ status ${status}`, accept("200-399"));
  });

  test("other codes that count", () => {
    expectOf(head("HTTP/1.1 404 Not Found", "Content-Length: 0"), "+ status 404", accept("200-299,404"));
    expectOf(head("HTTP/1.1 405 No", "Content-Length: 0"), "- status 405", accept("200-299,404"));
  });
});

describe("fails", () => {
  test.each([201, 204, 206, 301, 302, 304, 400, 404, 500, 503, 599, 999])("%d", (status) => {
    expectOf(head(`HTTP/1.1 ${status} X`, "Content-Length: 0"), `- status ${status}`);
  });

  test.each([
    ["a switch of protocols", head("HTTP/1.1 101 Switching", "Upgrade: x"), "status 101"],
    ["a body without a length", `${head(ok)}hello`, "a body without Content-Length or chunks"],
    [
      "a coding that ends with the connection",
      `${head(ok, "Transfer-Encoding: gzip")}hello`,
      "a body without Content-Length or chunks",
    ],
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "the answer isn't HTTP/1"],
    ["TLS", "\x15\x03\x01\x00\x02\x02\x16", "the answer isn't HTTP/1"],
    ["two lengths", head(ok, "Content-Length: 1", "Content-Length: 2"), "broken response: different content lengths"],
    ["a bad length", head(ok, "Content-Length: +1"), "broken response: bad content length"],
    ["an unknown coding", head(ok, "Transfer-Encoding: x"), "broken response: bad transfer encoding"],
    ["a bad chunk size", `${head(ok, "Transfer-Encoding: chunked")}zz\r\n`, "broken response: bad chunk size"],
    ["a bad chunk", `${head(ok, "Transfer-Encoding: chunked")}1\r\nxy\r\n`, "broken response: bad chunk end"],
    ["a bad field", head(ok, "no colon"), "broken response: bad field name"],
    ["too large a body", head(ok, `Content-Length: ${bodyMaxBytes + 1}`), "a body of more than 8 MiB"],
  ])("%s", (_, text, reason) => {
    expectOf(text, `- ${reason}`);
  });

  test.each([
    ["nothing", "", "closed without a response"],
    ["half a head", "HTTP/1.1 200 OK\r\nContent-", "closed before the response was whole"],
    ["half a body", `${head(ok, "Content-Length: 5")}hell`, "closed before the response was whole"],
    [
      "chunks without their end",
      `${head(ok, "Transfer-Encoding: chunked")}1\r\nx\r\n`,
      "closed before the response was whole",
    ],
    ["an interim response", head("HTTP/1.1 100 Continue"), "closed before the response was whole"],
  ])("%s and then the end", (_, text, reason) => {
    expectOf(text, "no verdict yet");
    expectOf(text, `- ${reason}`, only200, true);
  });

  test("too large a head", () => {
    const text = `${ok}\r\n${"X-Fill: ".concat("a".repeat(1000), "\r\n").repeat(70)}`;
    expect(read(only200, [Buffer.from(text)])).toEqual({
      isHealthy: false,
      reason: "broken response: head too large",
    });
  });

  test("interim responses without end", () => {
    const flood = Buffer.from(head("HTTP/1.1 102 Processing").repeat(200));
    expect(read(only200, [flood])).toEqual({ isHealthy: false, reason: "too many interim responses" });
  });

  test("chunks without end, at the limit", () => {
    const response = new ProbeResponse(only200);
    const start = Buffer.from(head(ok, "Transfer-Encoding: chunked"));
    expect(response.receive(start)).toBeUndefined();
    const chunk = Buffer.from(`10000\r\n${"x".repeat(65536)}\r\n`);
    let verdict: Verdict | undefined;
    let count = 0;
    for (; verdict === undefined && count < 1000; count++) verdict = response.receive(chunk.subarray());
    expect(verdict).toEqual({ isHealthy: false, reason: "a body of more than 8 MiB" });
    expect(count).toBe(bodyMaxBytes / 65536 + 1);
  });
});

describe("a text in the body", () => {
  const terms: Terms = { ...only200, expectBody: "all is well" };
  const lacks = "- status 200, but its body lacks the expected text";
  const withLength = (body: string): string => `${head(ok, `Content-Length: ${body.length}`)}${body}`;

  test.each([
    ["all of it", withLength("all is well"), "+ status 200"],
    ["in the middle", withLength("today all is well here"), "+ status 200"],
    [
      "over two chunks",
      `${head(ok, "Transfer-Encoding: chunked")}5\r\nall i\r\n6\r\ns well\r\n0\r\n\r\n`,
      "+ status 200",
    ],
    ["not there", withLength("all is lost"), lacks],
    ["no body", head(ok, "Content-Length: 0"), lacks],
    ["cut off by the body's end", `${head(ok, "Content-Length: 10")}all is well`, lacks],
  ])("%s", (_, text, outcome) => {
    expectOf(text, outcome, terms);
  });

  test("is searched for in the first 64 KiB", () => {
    const bodyAt = (at: number) => Buffer.from(withLength(`${"x".repeat(at)}all is well${"y".repeat(1000)}`));
    expect(read(terms, [bodyAt(searchedBytes - 11)])?.isHealthy).toBe(true);
    expect(read(terms, [bodyAt(searchedBytes - 10)])?.isHealthy).toBe(false);
  });

  test("in other letters than ASCII is UTF-8", () => {
    const body = Buffer.from("läuft");
    const bytes = Buffer.concat([Buffer.from(head(ok, `Content-Length: ${body.length}`)), body]);
    expect(read({ ...only200, expectBody: "läuft" }, [bytes])?.isHealthy).toBe(true);
  });
});

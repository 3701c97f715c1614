// The tricks by which two readers are made to disagree on where a request ends, each with what is to become of it.
//
// Classes and reasons are AWS's ("Configure desync mitigation mode for your Classic Load Balancer", and its open-source
// classifier http-desync-guardian); what is refused in every mode stands in docs/decisions/0004-http-framing.md.
// Long because it is a list: every trick in one place, so that a class that lacks one is seen.
import type { DesyncReason } from "../../src/parse/http1/desync.ts";

/** A trick, and what is to be seen of it. */
export interface Trick {
  readonly name: string;
  readonly wire: string;
  /**
   * The reason of its class (none: compliant); `refused` in every mode; `broken`: its head is sound and its body isn't, so
   * that the instance may see a part of it, but never the whole; `unfinished`: it never ends.
   */
  readonly verdict?: DesyncReason | "refused" | "broken" | "unfinished";
  /** Where it is served, it may also be refused: repairing it is a guess. */
  readonly isGuess?: true;
  /** The target that goes on, where it isn't `/outer`. */
  readonly target?: string;
  /** The body that goes on, where it is served. */
  readonly body?: string;
  /** The hidden request may come next, by itself: as a request of the same client. */
  readonly next?: true;
}

export const hidden = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n";

const { length } = hidden;
const hexLength = length.toString(16);
const post = (headers: string, body: string) => `POST /outer HTTP/1.1\r\nHost: test\r\n${headers}\r\n\r\n${body}`;
const line = (requestLine: string, headers = "") => `${requestLine}\r\nHost: test\r\n${headers}\r\n`;
const empty = "0\r\n\r\n";
const chunkedHidden = `${hexLength}\r\n${hidden}\r\n0\r\n\r\n`;

/** Content-Length 5 and a Transfer-Encoding in disguise, before a body that is empty to who reads chunks. */
const disguise = (name: string, headers: string, rest: Omit<Trick, "name" | "wire">): Trick => ({
  name,
  wire: post(`${headers}\r\nContent-Length: 5`, `${empty}${hidden}`),
  ...rest,
});

const bothFramings: ReadonlyArray<Trick> = [
  {
    name: "CL.TE: Content-Length before Transfer-Encoding",
    wire: post(`Content-Length: ${5 + length}\r\nTransfer-Encoding: chunked`, `${empty}${hidden}`),
    verdict: "BothTeClPresent",
    body: "",
    next: true,
  },
  {
    name: "TE.CL: Transfer-Encoding before Content-Length",
    wire: post("Transfer-Encoding: chunked\r\nContent-Length: 4", chunkedHidden),
    verdict: "BothTeClPresent",
    body: hidden,
  },
  disguise("identity and a length", "Transfer-Encoding: identity", {
    verdict: "BothTeClPresent",
    body: empty,
    next: true,
  }),
  {
    name: "gzip and a length",
    wire: post(`Transfer-Encoding: gzip\r\nContent-Length: ${length}`, hidden),
    verdict: "BothTeClPresent",
    body: hidden,
  },
  disguise("TE.TE: identity before chunked", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", {
    verdict: "BothTeClPresent",
    body: "",
    next: true,
  }),
  disguise("TE.TE: identity and chunked in one line", "Transfer-Encoding: identity, chunked", {
    verdict: "BothTeClPresent",
    body: "",
    next: true,
  }),
  disguise("TE.TE: identity behind chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", {
    verdict: "BothTeClPresent",
    isGuess: true,
    next: true,
  }),
  disguise("TE.TE: gzip behind chunked", "Transfer-Encoding: chunked, gzip", {
    verdict: "BothTeClPresent",
    isGuess: true,
    next: true,
  }),
  disguise("chunked in another case", "Transfer-Encoding: CHUNKED", {
    verdict: "BothTeClPresent",
    body: "",
    next: true,
  }),
  disguise("chunked with a parameter", "Transfer-Encoding: chunked;q=0.1", {
    verdict: "BothTeClPresent",
    body: "",
    next: true,
  }),
  disguise("no blank before chunked", "tRANSFER-eNCODING:chunked", {
    verdict: "BothTeClPresent",
    body: "",
    next: true,
  }),
  disguise("tabs around chunked", "Transfer-Encoding:\t\tchunked\t", {
    verdict: "BothTeClPresent",
    body: "",
    next: true,
  }),
  disguise("a Transfer-Encoding behind a bare LF", "X-A: b\nTransfer-Encoding: chunked", {
    verdict: "BothTeClPresent",
    body: "",
    next: true,
  }),
];

const disguises: ReadonlyArray<Trick> = [
  disguise("a blank before the colon of Transfer-Encoding", "Transfer-Encoding : chunked", {
    verdict: "SuspiciousHeader",
    body: empty,
    next: true,
  }),
  disguise("a tab before the colon of Transfer-Encoding", "Transfer-Encoding\t: chunked", {
    verdict: "SuspiciousHeader",
    body: empty,
    next: true,
  }),
  disguise("a vertical tab before the colon", "Transfer-Encoding\x0b: chunked", {
    verdict: "SuspiciousHeader",
    body: empty,
    next: true,
  }),
  disguise("a control byte before the name", "\x01Transfer-Encoding: chunked", {
    verdict: "SuspiciousHeader",
    body: empty,
    next: true,
  }),
  disguise("an underscore for the hyphen", "Transfer_Encoding: chunked", {
    verdict: "SuspiciousHeader",
    body: empty,
    next: true,
  }),
  // To AWS's classifier this is no look-alike; no token either, it is left out all the same.
  disguise("a blank for the hyphen", "Transfer Encoding: chunked", {
    verdict: "NonCompliantHeader",
    body: empty,
    next: true,
  }),
  disguise("a long s in the name", "Tran\xc5\xbffer-Encoding: chunked", {
    verdict: "SuspiciousHeader",
    body: empty,
    next: true,
  }),
  disguise("a folded line that looks like a header", "X-A: b\r\n Transfer-Encoding: chunked", {
    verdict: "MultilineHeader",
    body: empty,
    next: true,
  }),
  disguise("a line behind a tab that looks like a header", "X-A: b\r\n\tTransfer-Encoding: chunked", {
    verdict: "MultilineHeader",
    body: empty,
    next: true,
  }),
  disguise("a folded Transfer-Encoding", "Transfer-Encoding:\r\n chunked", {
    verdict: "BadTransferEncoding",
    isGuess: true,
    next: true,
  }),
  disguise("a Transfer-Encoding without colon", "Transfer-Encoding\r\nX-A: b", {
    verdict: "BadTransferEncoding",
    isGuess: true,
    next: true,
  }),
  disguise("an empty Transfer-Encoding", "Transfer-Encoding:", {
    verdict: "BadTransferEncoding",
    isGuess: true,
    next: true,
  }),
  disguise("a Transfer-Encoding behind a bare CR", "X-A: b\rTransfer-Encoding: chunked", {
    verdict: "BadHeader",
    body: empty,
    next: true,
  }),
  disguise("a NUL in Transfer-Encoding's value", "Transfer-Encoding: \0chunked", {
    verdict: "BadHeader",
    isGuess: true,
    next: true,
  }),
  disguise("a NUL in Transfer-Encoding's name", "Transfer-Encoding\0: chunked", {
    verdict: "BadHeader",
    isGuess: true,
    next: true,
  }),
  disguise("a vertical tab in Transfer-Encoding", "Transfer-Encoding:\x0bchunked", {
    verdict: "BadTransferEncoding",
    isGuess: true,
    next: true,
  }),
  disguise("quoted chunked", 'Transfer-Encoding: "chunked"', { verdict: "refused" }),
  disguise("a coding that is almost chunked", "Transfer-Encoding: xchunked", { verdict: "refused" }),
  disguise("two colons", "Transfer-Encoding:: chunked", { verdict: "refused" }),
  disguise("a list with a coding that nobody knows", "Transfer-Encoding: chunked, x", { verdict: "refused" }),
  disguise("chunked as a content coding", "Content-Encoding: chunked", { body: empty, next: true }),
  {
    name: "chunked twice",
    wire: post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", `${empty}${hidden}`),
    verdict: "MultipleTransferEncodingChunked",
    body: "",
    next: true,
  },
  {
    name: "chunked twice in one line",
    wire: post("Transfer-Encoding: chunked, chunked", `${empty}${hidden}`),
    verdict: "MultipleTransferEncodingChunked",
    body: "",
    next: true,
  },
  { name: "gzip and chunked", wire: post("Transfer-Encoding: gzip, chunked", chunkedHidden), body: hidden },
  { name: "gzip alone", wire: post("Transfer-Encoding: gzip", hidden), verdict: "refused" },
  {
    name: "chunked, then gzip, and no length",
    wire: post("Transfer-Encoding: chunked, gzip", hidden),
    verdict: "refused",
  },
];

const lengths: ReadonlyArray<Trick> = [
  {
    name: "two equal Content-Lengths",
    wire: post("Content-Length: 5\r\nContent-Length: 5", `hello${hidden}`),
    verdict: "DuplicateContentLength",
    body: "hello",
    next: true,
  },
  {
    name: "two Content-Lengths",
    wire: post(`Content-Length: 0\r\nContent-Length: ${length}`, hidden),
    verdict: "refused",
  },
  { name: "a Content-Length list", wire: post(`Content-Length: 0, ${length}`, hidden), verdict: "refused" },
  { name: "a Content-Length list of equals", wire: post("Content-Length: 5, 5", `hello${hidden}`), verdict: "refused" },
  { name: "a Content-Length with a sign", wire: post("Content-Length: +0", hidden), verdict: "refused" },
  { name: "a negative Content-Length", wire: post("Content-Length: -1", hidden), verdict: "refused" },
  {
    name: "a Content-Length in hexadecimal",
    wire: post("Content-Length: 0x5", `hello${hidden}`),
    verdict: "refused",
  },
  { name: "a Content-Length with a fraction", wire: post("Content-Length: 5.0", `hello${hidden}`), verdict: "refused" },
  { name: "a Content-Length with a blank in it", wire: post("Content-Length: 1 0", hidden), verdict: "refused" },
  {
    name: "a Content-Length behind a vertical tab",
    wire: post("Content-Length: \x0b5", `hello${hidden}`),
    verdict: "refused",
  },
  {
    name: "a Content-Length beyond 64 bits",
    wire: post(`Content-Length: ${2n ** 64n + 5n}`, `hello${hidden}`),
    verdict: "refused",
  },
  { name: "0.CL: an empty Content-Length", wire: post("Content-Length:", hidden), body: "", next: true },
  {
    name: "0.CL: a folded Content-Length",
    wire: post(`Content-Length:\r\n ${length}`, hidden),
    verdict: "MultipleContentLength",
    isGuess: true,
    body: hidden,
  },
  {
    name: "a Content-Length with zeros before it",
    wire: post("Content-Length: 0010", `0123456789${hidden}`),
    body: "0123456789",
    next: true,
  },
  {
    name: "a blank before the colon of Content-Length",
    wire: post("Content-Length : 5", `hello${hidden}`),
    verdict: "SuspiciousHeader",
    body: "",
    next: true,
  },
  {
    name: "a header name with a blank, and another length",
    wire: post("Content Length: 5\r\nContent-Length: 0", hidden),
    verdict: "NonCompliantHeader",
    body: "",
    next: true,
  },
  {
    name: "an underscore look-alike, and another length",
    wire: post("Content_Length: 0\r\nContent-Length: 5", `hello${hidden}`),
    verdict: "MultipleContentLength",
    body: "hello",
    next: true,
  },
  {
    name: "an underscore look-alike alone",
    wire: post(`Content_Length: ${length}`, hidden),
    verdict: "SuspiciousHeader",
    body: "",
    next: true,
  },
  {
    name: "CL.0: a GET with a body",
    wire: `GET /outer HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n${hidden}`,
    verdict: "UndefinedContentLengthSemantics",
    body: hidden,
  },
  {
    name: "a GET with an empty body",
    wire: `GET /outer HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n${hidden}`,
    verdict: "GetHeadZeroContentLength",
    body: "",
    next: true,
  },
  {
    name: "a GET with a chunked body",
    wire: `GET /outer HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedHidden}`,
    verdict: "UndefinedTransferEncodingSemantics",
    body: hidden,
  },
  {
    name: "a HEAD with a body",
    wire: `HEAD /outer HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n${hidden}`,
    verdict: "UndefinedContentLengthSemantics",
    body: hidden,
  },
  {
    name: "HTTP/1.0 with chunked",
    wire: `POST /outer HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n${empty}${hidden}`,
    verdict: "UndefinedTransferEncodingSemantics",
    body: "",
    next: true,
  },
  {
    name: "Connection that names Content-Length",
    wire: post(`Connection: Content-Length\r\nContent-Length: ${length}`, hidden),
    body: hidden,
  },
  {
    name: "Connection that names Transfer-Encoding",
    wire: post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", chunkedHidden),
    body: hidden,
  },
  {
    name: "Connection that names Host and X-Forwarded-*",
    wire: line("GET /outer HTTP/1.1", "Connection: Host, X-Forwarded-Port, X-Forwarded-For\r\n"),
    body: "",
  },
];

const chunked = (name: string, body: string, rest: Omit<Trick, "name" | "wire">): Trick => ({
  name,
  wire: post("Transfer-Encoding: chunked", body),
  ...rest,
});

const chunks: ReadonlyArray<Trick> = [
  chunked("a chunk size with 0x", `0x0\r\n\r\n${hidden}`, { verdict: "broken" }),
  chunked("a chunk size with a sign", `-1\r\n\r\n${hidden}`, { verdict: "broken" }),
  chunked("a chunk size with a plus", `+5\r\nhello\r\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("a chunk size with an underscore", `1_0\r\n0123456789abcdef\r\n${empty}`, { verdict: "broken" }),
  chunked("a chunk size behind a blank", ` 5\r\nhello\r\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("a chunk size beyond 64 bits", `10000000000000000\r\n\r\n${hidden}`, { verdict: "broken" }),
  chunked("a chunk size beyond 32 bits", `100000000\r\n${hidden}`, { verdict: "unfinished" }),
  chunked("an empty chunk size", `\r\n\r\n${hidden}`, { verdict: "broken" }),
  chunked("a chunk longer than it says", `5\r\nhello${hidden}\r\n0\r\n\r\n`, { verdict: "broken" }),
  chunked("a chunk shorter than it says", `8\r\nhello\r\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("a chunk that ends in a bare LF", `5\r\nhello\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("a chunk size that ends in a bare LF", `5\nhello\r\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("a chunk size that ends in a bare CR", `5\rhello\r\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("a chunk extension with a bare LF", `5;a\nhello\r\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("a chunk extension with a bare CR", `5;a\rb\r\nhello\r\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("a chunk extension with a NUL", `5;a\0b\r\nhello\r\n${empty}${hidden}`, { verdict: "broken" }),
  chunked("chunk extensions that quote a line end", `5;a="\r\nhello\r\n${empty}`, { body: "hello" }),
  chunked("a last chunk that is not ended", `0\r\n${hidden}`, { verdict: "broken" }),
  chunked("a last chunk of many zeros", `000000000000\r\n\r\n${hidden}`, { body: "", next: true }),
  chunked(
    "framing in trailers",
    `0\r\nContent-Length: ${length}\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nX-Forwarded-Port: 1\r\n\r\n${hidden}`,
    { body: "", next: true },
  ),
  chunked("a folded trailer", `0\r\nX-A: b\r\n Content-Length: 5\r\n\r\n${hidden}`, { verdict: "broken" }),
  chunked("a trailer with a bare CR", `0\r\nX-A: b\rX-B: c\r\n\r\n${hidden}`, { verdict: "broken" }),
];

const lines: ReadonlyArray<Trick> = [
  {
    name: "an upgrade with a request behind it",
    wire: `${line("GET /outer HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n")}${hidden}`,
    body: "",
    next: true,
  },
  {
    name: "an upgrade to h2c with a request behind it",
    wire: `${line("GET /outer HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n")}${hidden}`,
    body: "",
    next: true,
  },
  {
    name: "CRLF by way of the target: a whole HTTP/0.9 request",
    wire: "GET /outer\r\nX-A: b HTTP/1.1\r\nHost: test\r\n\r\n",
    verdict: "NonCompliantVersion",
    body: "",
  },
  {
    name: "a bare CR in the target",
    wire: line("GET /outer\rX-A:b HTTP/1.1"),
    verdict: "BadUri",
    target: "/outer%0DX-A:b",
    body: "",
  },
  {
    name: "a NUL in the target",
    wire: line("GET /outer\0 HTTP/1.1"),
    verdict: "BadUri",
    target: "/outer%00",
    body: "",
  },
  {
    name: "a blank in the target",
    wire: line("GET /outer HTTP/1.1 HTTP/1.1"),
    verdict: "SpaceInUri",
    target: "/outer%20HTTP/1.1",
    body: "",
  },
  { name: "two blanks before the target", wire: line("GET  /outer HTTP/1.1"), verdict: "SpaceInUri", body: "" },
  {
    name: "a control byte in the target",
    wire: line("GET /outer\x01 HTTP/1.1"),
    verdict: "AmbiguousUri",
    target: "/outer%01",
    body: "",
  },
  {
    name: "bytes beyond ASCII in the target",
    wire: line("GET /outer\xe4\xff HTTP/1.1"),
    target: "/outer\xe4\xff",
    body: "",
  },
  { name: "no target", wire: line("GET HTTP/1.1"), verdict: "MissingUri", target: "/", body: "" },
  { name: "an absolute target of another host", wire: line("GET http://evil/outer HTTP/1.1"), body: "" },
  { name: "a blank behind the version", wire: line("GET /outer HTTP/1.1 "), verdict: "NonCompliantVersion", body: "" },
  { name: "version 1.2", wire: line("GET /outer HTTP/1.2"), verdict: "NonCompliantVersion", body: "" },
  { name: "version 2.0", wire: line("GET /outer HTTP/2.0"), verdict: "BadVersion", body: "" },
  { name: "version 1.10", wire: line("GET /outer HTTP/1.10"), verdict: "BadVersion", body: "" },
  { name: "a version in small letters", wire: line("GET /outer http/1.1"), verdict: "BadVersion", body: "" },
  { name: "a method that is no token", wire: line("G(T /outer HTTP/1.1"), verdict: "BadMethod", body: "" },
  { name: "tabs for blanks", wire: line("GET\t/outer\tHTTP/1.1"), verdict: "refused" },
  { name: "a blank before the method", wire: line(" GET /outer HTTP/1.1"), verdict: "refused" },
  { name: "CONNECT", wire: line("CONNECT test:80 HTTP/1.1"), verdict: "refused" },
];

const heads: ReadonlyArray<Trick> = [
  { name: "two Hosts", wire: line("GET /outer HTTP/1.1", "Host: evil\r\n"), verdict: "refused" },
  { name: "a folded Host", wire: line("GET /outer HTTP/1.1", " evil\r\n"), verdict: "refused" },
  { name: "no Host", wire: "GET /outer HTTP/1.1\r\nX-A: b\r\n\r\n", verdict: "refused" },
  { name: "a blank before Host's colon", wire: "GET /outer HTTP/1.1\r\nHost : test\r\n\r\n", verdict: "refused" },
  { name: "a Host that is none", wire: "GET /outer HTTP/1.1\r\nHost: a, b\r\n\r\n", verdict: "refused" },
  {
    name: "a first header line that starts with a blank",
    wire: `POST /outer HTTP/1.1\r\n Host: test\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello${hidden}`,
    verdict: "MultilineHeader",
    body: "hello",
    next: true,
  },
  {
    name: "an empty header name",
    wire: post(": chunked\r\nContent-Length: 5", `hello${hidden}`),
    verdict: "EmptyHeader",
    body: "hello",
    next: true,
  },
  {
    name: "a line without colon",
    wire: post("GET /smuggled HTTP/1.1\r\nContent-Length: 5", `hello${hidden}`),
    verdict: "MissingHeaderColon",
    body: "hello",
    next: true,
  },
  {
    name: "a line without colon behind a bare LF",
    wire: post("smuggled\nContent-Length: 5", `hello${hidden}`),
    verdict: "BadHeader",
    isGuess: true,
    next: true,
  },
  {
    name: "a bare LF before a fold",
    wire: post("X-A: b\n Content-Length: 7\r\nContent-Length: 5", `hello${hidden}`),
    verdict: "BadHeader",
    isGuess: true,
    next: true,
  },
  {
    name: "bare LFs throughout",
    wire: `POST /outer HTTP/1.1\nHost: test\nContent-Length: 5\n\nhello${hidden}`,
    verdict: "NonCrLfLineTermination",
    body: "hello",
    next: true,
  },
  {
    name: "a control byte in a value",
    wire: post("X-A: b\x01c\r\nContent-Length: 5", `hello${hidden}`),
    verdict: "NonCompliantHeader",
    body: "hello",
    next: true,
  },
  {
    name: "a NUL in a value",
    wire: post("X-A: b\0c\r\nContent-Length: 5", `hello${hidden}`),
    verdict: "BadHeader",
    body: "hello",
    next: true,
  },
  {
    name: "forwarding headers of the client's, with blanks before their colons",
    wire: line(
      "GET /outer HTTP/1.1",
      "X-Forwarded-Port : 1\r\nX-Forwarded-For : 6.6.6.6\r\nX-Forwarded-Proto: https\r\n",
    ),
    verdict: "NonCompliantHeader",
    body: "",
  },
];

/** Every trick. */
export const tricks: ReadonlyArray<Trick> = [...bothFramings, ...disguises, ...lengths, ...chunks, ...lines, ...heads];

// Request heads by chance that are odd on purpose: line ends, folds, blanks, look-alikes, lengths and codings of every
// kind, so that judging and repairing are reached far more often than blind mutation would.
import type { Random } from "./random.ts";

const lineEnd = (random: Random): string => (random.chance(0.93) ? "\r\n" : random.pick(["\n", "\r\n ", "\r", "\n\t"]));

const blanks = (random: Random): string => (random.chance(0.8) ? " " : random.text(" \t", 0, 3));

const lookAlikes = [
  "Content_Length",
  "Content-Length ",
  " Content-Length",
  "Content\tLength",
  "Content-Length\x0b",
  "Transfer_Encoding",
  "Transfer-Encoding ",
  "Transfer.Encoding",
  "Tran\xc5\xbffer-Encoding",
  "Transfer-Encod\xc4\xb1ng",
  "-Transfer-Encoding-",
  "Transfer-Encoding\0",
  "ContentLength",
  "Content-Lengths",
  "X-Transfer-Encoding",
] as const;

const framing = (random: Random): string => {
  const lengths = [
    "0",
    "5",
    "5",
    "05",
    "+5",
    "5, 5",
    "",
    "5 ",
    "0x5",
    "9007199254740993",
    "18446744073709551616",
    "5 5",
  ];
  const codings = [
    "chunked",
    "chunked",
    "Chunked",
    "identity",
    "gzip",
    "gzip, chunked",
    "chunked, gzip",
    "chunked;q=1",
  ];
  const odd = [
    "xchunked",
    "chunked, chunked",
    "identity, chunked",
    ", chunked",
    "chunked,",
    "\x0bchunked",
    '"chunked"',
    "",
  ];
  const name = (exact: string): string =>
    random.chance(0.8) ? (random.chance(0.7) ? exact : exact.toUpperCase()) : random.pick(lookAlikes);
  const value = random.chance(0.5)
    ? `${name("Content-Length")}:${blanks(random)}${random.pick(lengths)}`
    : `${name("Transfer-Encoding")}:${blanks(random)}${random.pick(random.chance(0.7) ? codings : odd)}`;
  return value + lineEnd(random);
};

const oddLines = [
  "no colon",
  ": no name",
  "X A: b",
  "X-A : b",
  "X-A: b\x01c",
  "X-A: b\0c",
  "X-A: b\x7f\xffc",
  "X-A:",
  "X-A: b\r\n folded",
  "X-A: b\r\n\tfolded: twice\r\n  over",
  "Content-Type: a/b\r\n ;c=d",
  " X-A: b",
  "X-\xe4: b",
  "X-Forwarded-For : 6.6.6.6",
  "Connection: close, X-A, Content-Length",
  "TE: trailers",
  "Expect: 100-continue",
  "Upgrade: websocket\r\nConnection: upgrade",
] as const;

const targets = [
  "/",
  "/a",
  "/a b",
  " /a",
  "/a ",
  "/a\tb",
  "/\x01\x7f",
  "/\xe4\xff",
  "/a\0b",
  "/a\rb",
  "*",
  "a",
  "?",
  "/a#b",
  "http://b/c",
  "http://u:p@b/c",
  "ftp://b",
  "http://",
  "//a",
  "/%0d%0a",
  "",
] as const;

const versions = [
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/1.2",
  "HTTP/0.9",
  "HTTP/2.0",
  "HTTP/1.10",
  "http/1.1",
  "HTTP/1.1 ",
  "HTTP/1.",
  "X",
  "",
] as const;

const methods = [
  "GET",
  "GET",
  "HEAD",
  "POST",
  "POST",
  "PUT",
  "OPTIONS",
  "CONNECT",
  "get",
  "G(T",
  "G\x01T",
  "",
  "A1.b",
] as const;

const hosts = [
  "Host: b",
  "Host: b",
  "Host: b",
  "host:b:81",
  "Host:",
  "Host: a b",
  "Host : b",
  "Host: b\r\nHost: c",
  "",
] as const;

/** A request head that may be anything from sound to hopeless. */
export const randomOddRequest = (random: Random): string => {
  const word = <T extends string>(sound: number, all: ReadonlyArray<T>): string =>
    random.chance(sound) ? (all[0] as string) : random.pick(all);
  const version = word(0.6, versions);
  const line = `${word(0.4, methods)} ${word(0.5, targets)}${version === "" ? "" : ` ${version}`}`;
  const lines: Array<string> = [];
  for (let count = random.below(4); count > 0; count--) lines.push(framing(random));
  for (let count = random.below(3); count > 0; count--) lines.push(random.pick(oddLines) + lineEnd(random));
  for (let count = random.below(3); count > 0; count--) lines.push(`X-${count}: ${random.text("abc ,;", 0, 9)}\r\n`);
  lines.splice(random.below(lines.length + 1), 0, word(0.8, hosts) + lineEnd(random));
  return `${line}${lineEnd(random)}${lines.join("")}${random.chance(0.95) ? "\r\n" : "\n"}`;
};

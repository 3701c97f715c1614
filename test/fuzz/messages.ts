// Random messages: sound ones that say what was meant, and mutations that mostly are not sound any more.
import { bytesOf } from "../../src/parse/http1/bytes.ts";
import type { Random } from "./random.ts";

const token = "abcXYZ019-_.!#$%&'*+^`|~";
const value = 'abc XYZ\t:;,="/()<>?@[]{}\\\x80\xff019';
const path = "abcXYZ/019-._~%?=&:@!$'()*+,;\xe4";

const names = [
  "Accept",
  "Cookie",
  "X-Forwarded-For",
  "x-forwarded-proto",
  "X-Amzn-Mtls-Clientcert-Leaf",
  "X-FORWARDED-PORT",
  "Connection",
  "Keep-Alive",
  "TE",
  "Upgrade",
  "Expect",
  "Proxy-Connection",
  "Trailer",
  "Via",
] as const;

const field = (random: Random): string => {
  const name = random.chance(0.6) ? random.pick(names) : random.text(token, 1, 12);
  const blanks = random.text(" \t", 0, 3);
  const lineEnd = random.chance(0.85) ? "\r\n" : "\n";
  const text =
    name === "Connection"
      ? random.pick(["close", "keep-alive", "close, X", "x-a,,keep-alive", "Accept", " , "])
      : random.text(value, 0, 30);
  return `${name}:${blanks}${text}${random.chance(0.2) ? " \t" : ""}${lineEnd}`;
};

const framing = (random: Random): string => {
  const length = `Content-Length: ${random.below(2000)}\r\n`;
  switch (random.below(6)) {
    case 0:
      return length;
    case 1:
      return length + length;
    case 2:
      return "transfer-encoding:chunked\r\n";
    case 3:
      return `${length}Transfer-Encoding: Chunked \n`;
    default:
      return "";
  }
};

const shuffled = (random: Random, lines: ReadonlyArray<string>): string => {
  const left = [...lines];
  let text = "";
  while (left.length > 0) text += left.splice(random.below(left.length), 1)[0];
  return text;
};

const fields = (random: Random): Array<string> => Array.from({ length: random.below(12) }, () => field(random));

/** A request that is sound but for field names of chance that happen to be special. */
export const randomRequest = (random: Random): string => {
  const method = random.chance(0.7)
    ? random.pick(["GET", "HEAD", "POST", "PUT", "OPTIONS"])
    : random.text(token, 1, 20);
  const authority = random.pick(["b", "b.c:81", "[::1]:8", "192.0.2.1"]);
  const target = random.pick([
    `/${random.text(path, 0, 40)}`,
    "*",
    `http://${authority}`,
    `HTTPS://${authority}/${random.text(path, 0, 10)}`,
    `http://${authority}?a/b`,
  ]);
  const version = random.pick(["1.1", "1.1", "1.1", "1.0", "1.9"]);
  const lineEnd = random.chance(0.9) ? "\r\n" : "\n";
  const host = `${random.pick(["Host", "host", "HOST"])}:${random.text(" ", 0, 2)}${authority}\r\n`;
  const lines = shuffled(random, [host, framing(random), ...fields(random)]);
  return `${random.text("\n", 0, 1)}${method} ${target} HTTP/${version}${lineEnd}${lines}${random.chance(0.9) ? "\r\n" : "\n"}`;
};

export const randomResponse = (random: Random): string => {
  const status = 100 + random.below(900);
  const reason = random.chance(0.8) ? ` ${random.text(value, 0, 20)}` : "";
  const lineEnd = random.chance(0.9) ? "\r\n" : "\n";
  const version = random.pick(["1.1", "1.1", "1.0", "1.5"]);
  return `HTTP/${version} ${status}${reason}${lineEnd}${shuffled(random, [framing(random), ...fields(random)])}\r\n`;
};

const tempting = [
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  "\0",
  ",",
  ";",
  "0",
  "f",
  "\x7f",
  "\xff",
  "HTTP/1.1",
  "chunked",
  "Content-Length: 1\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Host: x\r\n",
  "Connection: host\r\n",
  "\r\n ",
  "%00",
];

/** Some bytes changed, left out, doubled, or tempting ones put in. */
export const mutate = (random: Random, text: string): Uint8Array => {
  let mutated = text;
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(mutated.length + 1);
    const behind = mutated.slice(at);
    const head = mutated.slice(0, at);
    switch (random.below(4)) {
      case 0:
        mutated = head + random.pick(tempting) + behind;
        break;
      case 1:
        mutated = head + behind.slice(1 + random.below(3));
        break;
      case 2:
        mutated = head + String.fromCharCode(random.below(256)) + behind.slice(1);
        break;
      default:
        mutated = head + behind.slice(0, random.below(20)) + behind;
    }
  }
  return bytesOf(mutated);
};

export const randomBytes = (random: Random, most: number): Uint8Array =>
  Uint8Array.from({ length: random.below(most + 1) }, () => random.below(256));

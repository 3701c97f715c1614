// The parser row's own process: elbow's request parser over one head, again and again, and in turn a bare loop that
// looks every byte of the same head up once, which is the least that a strict parser must do. It prints its samples as
// one line of JSON. No sockets, no proxy: what is left is our code and what Bun's compiler makes of it.
import { Parsed } from "../src/parse/http1/head.ts";
import { type HeadReader, makeRequestReader, makeResponseReader } from "../src/parse/http1/head-reader.ts";
import { defaultHeadLimits } from "../src/parse/http1/limits.ts";
import type { RequestHeadParser } from "../src/parse/http1/request-head.ts";
import type { ResponseHeadParser } from "../src/parse/http1/response-head.ts";
import { makeThreadClock } from "./measure.ts";
import { makeBrowserGet } from "./messages.ts";
import { browserTarget } from "./workloads.ts";

/** One round: both turns, in nanoseconds of CPU time per head. */
export interface ParserSample {
  readonly headNs: number;
  readonly loopNs: number;
}

/** What the process prints. */
export interface ParserReport {
  readonly headBytes: number;
  readonly samples: ReadonlyArray<ParserSample>;
}

/** The head that is read. */
export const parsedHead: Uint8Array = makeBrowserGet(browserTarget, "shop.example.com");

const answerHead: Uint8Array = Buffer.from(
  "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Length: 100\r\nConnection: keep-alive\r\n\r\n",
);

// Our own table, so that the floor doesn't move with the parser: blanks, visible characters and bytes from 0x80 are 1.
const isText = Uint8Array.from({ length: 256 }, (_, byte) => (byte === 9 || (byte >= 0x20 && byte !== 0x7f) ? 1 : 0));

/** Bytes of the head that a line of text can't hold; the count keeps the loop from being left out. */
export function countOtherBytes(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at++) if (isText[bytes[at] as number] === 0) count++;
  return count;
}

// As an HTTP session does it: a reader of the connection's, the chunk as it came, the reader given back.
function parseOnce(reader: HeadReader<RequestHeadParser>, bytes: Uint8Array): number {
  const parsed = reader.read(bytes, 0, defaultHeadLimits);
  const { pos, isOdd } = reader.parser as RequestHeadParser;
  // An odd head would go through a second, slower reading.
  if (parsed !== Parsed.complete || isOdd) throw new Error("the head was not taken by the strict pass");
  reader.release();
  return pos;
}

function parseMany(reader: HeadReader<RequestHeadParser>, count: number): void {
  let sum = 0;
  for (let round = 0; round < count; round++) sum += parseOnce(reader, parsedHead);
  if (sum !== count * parsedHead.length) throw new Error("the parser lost its place");
}

function scanMany(count: number): void {
  let sum = 0;
  for (let round = 0; round < count; round++) sum += countOtherBytes(parsedHead);
  if (sum !== count * countOtherBytes(parsedHead)) throw new Error("the loop lost count");
}

// Answers too: in elbow both kinds of head go through the same code, and compiling it for one alone would flatter it.
function readAnswers(reader: HeadReader<ResponseHeadParser>, count: number): void {
  for (let at = 0; at < count; at++) {
    if (reader.read(answerHead, 0, defaultHeadLimits) !== Parsed.complete) throw new Error("the answer was not taken");
    reader.release();
  }
}

/** Takes rounds of two turns, each of about `turnMs` of CPU time, after ten turns of warm-up. */
export function measureParser(rounds: number, turnMs: number): ParserReport {
  const turnNs = turnMs * 1e6;
  // The thread's CPU time: wall time would hold whatever else ran on the core.
  const readNs = makeThreadClock();
  const requests = makeRequestReader();
  const answers = makeResponseReader();
  const parse = (count: number) => parseMany(requests, count);
  const timeNs = (work: (count: number) => void, count: number) => {
    const before = readNs();
    work(count);
    return (readNs() - before) / count;
  };
  const startNs = readNs();
  let headNs = 1;
  let loopNs = 1;
  for (let round = 0; round < 1000 && readNs() - startNs < 10 * turnNs; round++) {
    headNs = timeNs(parse, 1000);
    loopNs = timeNs(scanMany, 1000);
    readAnswers(answers, 1000);
  }
  const parseCount = Math.ceil(turnNs / headNs);
  const scanCount = Math.ceil(turnNs / loopNs);
  const samples: ParserSample[] = [];
  for (let round = 0; round < rounds; round++) {
    samples.push({ headNs: timeNs(parse, parseCount), loopNs: timeNs(scanMany, scanCount) });
  }
  return { headBytes: parsedHead.length, samples };
}

if (import.meta.main) process.stdout.write(`report ${JSON.stringify(measureParser(15, 100))}\n`);

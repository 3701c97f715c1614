// Runs the bytes of one request through all that is pure in the engine: head reader, screening, serialiser, body decoder.
// Says what came of it as facts that a conformance case can name. No sockets; the session's own doings aren't here.
import { ByteWriter } from "../../src/parse/byte-writer.ts";
import { bytesOf, textOf } from "../../src/parse/http1/bytes.ts";
import { ChunkedDecoder } from "../../src/parse/http1/chunked.ts";
import { classOf, DesyncAction, type DesyncMode, desyncClassNames } from "../../src/parse/http1/desync.ts";
import { Fault, nameOfFault } from "../../src/parse/http1/fault.ts";
import { Parsed } from "../../src/parse/http1/head.ts";
import { makeRequestReader } from "../../src/parse/http1/head-reader.ts";
import { judgeHead } from "../../src/parse/http1/judge.ts";
import { defaultHeadLimits, type HeadLimits } from "../../src/parse/http1/limits.ts";
import { readRawHead } from "../../src/parse/http1/raw-head.ts";
import type { RequestHeadParser } from "../../src/parse/http1/request-head.ts";
import { screenRequest } from "../../src/parse/http1/screen.ts";
import { type ClientFacts, makeLastLines, writeRequestHead } from "../../src/parse/http1/serialise.ts";

/** What became of a request. */
export interface RequestResult {
  /** `Severe: BadUri`, `Compliant`; undefined when the head was refused before it was judged. */
  readonly judged: string | undefined;
  /** `forwarded`, `incomplete`, `blocked` (400 by the mode), or the status and fault that every mode answers with. */
  readonly outcome: string;
  /** The head as the instance gets it. */
  readonly head: string;
  /** Names and values as the pages write them. */
  readonly facts: ReadonlyMap<string, string>;
}

/** The client of every case, and the node that it came to. */
const client: ClientFacts = {
  address: bytesOf("192.0.2.7"),
  lastLines: makeLastLines("http", 80),
  nodeAddress: () => bytesOf("203.0.113.1"),
};

/** The lines that end every head; pages leave them out. */
export const lastLines =
  "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\nConnection: keep-alive\r\n\r\n";

const poison = 0xbd;

const textOfAll = (bytes: Uint8Array): string => textOf(bytes, 0, bytes.length);

const refusal = (fault: Fault): string => `${fault === Fault.methodTooLong ? 405 : 400}: ${nameOfFault(fault)}`;

const describeClass = (reason: Parameters<typeof classOf>[0]): string =>
  reason === undefined ? "Compliant" : `${desyncClassNames[classOf(reason)]}: ${reason}`;

/** Reads one request from `pieces`, as a session in `mode` does. */
export const runRequest = (
  pieces: ReadonlyArray<Uint8Array>,
  mode: DesyncMode,
  limits: HeadLimits = defaultHeadLimits,
): RequestResult => {
  const reader = makeRequestReader();
  try {
    for (const [index, piece] of pieces.entries()) {
      const chunk = piece.slice();
      const parsed = reader.read(chunk, 0, limits);
      if (parsed === Parsed.incomplete) {
        // A head that looks at a read it has given back is caught.
        chunk.fill(poison);
        continue;
      }
      const parser = reader.parser as RequestHeadParser;
      if (parsed === Parsed.faulty) return refused(undefined, refusal(parser.fault));
      let judged = "Compliant";
      let closes = false;
      if (parser.isOdd) {
        const { reason, action, fault } = screenRequest(reader, mode, limits);
        judged = describeClass(reason);
        if (action === DesyncAction.block) return refused(judged, "blocked");
        if (fault !== Fault.none) return refused(judged, refusal(fault));
        closes = action === DesyncAction.allowAndClose;
      } else {
        const raw = readRawHead(reader.bytes, parser.start, parser.pos);
        judged = describeClass(judgeHead(raw, reader.bytes));
      }
      const out = new ByteWriter();
      // As the attribute `webSocket` has it unless it is off.
      writeRequestHead(parser, reader.bytes, client, out, parser.upgradesToWebSocket);
      const facts = new Map<string, string>();
      facts.set("client", parser.keepsAlive && !closes ? "keep-alive" : "close");
      if (parser.upgradesToWebSocket) facts.set("asks for", "websocket");
      if (parser.isBodyOnly) facts.set("answer", "body only");
      if (parser.expectsContinue && parser.minorVersion === 1) facts.set("interim", "100");
      const behind = [reader.bytes.slice(parser.pos, reader.end), ...pieces.slice(index + 1)];
      readBody(parser, behind, facts);
      return { judged, outcome: "forwarded", head: textOfAll(out.view()), facts };
    }
    return refused(undefined, "incomplete");
  } finally {
    reader.release();
  }
};

const refused = (judged: string | undefined, outcome: string): RequestResult => ({
  judged,
  outcome,
  head: "",
  facts: new Map(),
});

/** Reads the body from what stands behind the head; adds `body`, `trailers`, `rest`, or what is wrong. */
const readBody = (head: RequestHeadParser, pieces: ReadonlyArray<Uint8Array>, facts: Map<string, string>): void => {
  const decoder = new ChunkedDecoder();
  if (head.isChunked) decoder.begin(false, head.nominated);
  let left = head.isChunked ? 0 : Math.max(0, head.contentLength);
  let isDone = !head.isChunked && left === 0;
  let body = "";
  let rest = "";
  for (const piece of pieces) {
    const bytes = piece.slice();
    let pos = 0;
    if (!isDone && head.isChunked) {
      const parsed = decoder.decode(bytes, 0, bytes.length);
      if (parsed === Parsed.faulty) {
        facts.set("body", "broken");
        facts.set("fault", nameOfFault(decoder.fault));
        return;
      }
      body += textOf(bytes, decoder.dataStart, decoder.dataEnd);
      pos = decoder.pos;
      isDone = parsed === Parsed.complete;
    } else if (!isDone) {
      pos = Math.min(bytes.length, left);
      body += textOf(bytes, 0, pos);
      left -= pos;
      isDone = left === 0;
    }
    rest += textOf(bytes, pos, bytes.length);
  }
  if (!isDone) facts.set("body", "incomplete");
  else if (body !== "") facts.set("body", body);
  const trailers = decoder.trailers?.lines.view();
  if (trailers !== undefined && trailers.length > 0) facts.set("trailers", textOfAll(trailers));
  if (rest !== "") facts.set("rest", rest);
};

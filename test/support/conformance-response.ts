// Relays the bytes of one response to a client that only keeps what it was sent: the same code as in service, without sockets.
import { Transport } from "../../src/net/transport.ts";
import { textOf } from "../../src/parse/http1/bytes.ts";
import { ChunkedDecoder } from "../../src/parse/http1/chunked.ts";
import { Parsed } from "../../src/parse/http1/head.ts";
import { defaultHeadLimits } from "../../src/parse/http1/limits.ts";
import { ResponseRelay } from "../../src/pipeline/response-relay.ts";

/** Who asked, and how. */
export interface Asked {
  readonly isHead: boolean;
  readonly minorVersion: number;
  readonly isBodyOnly: boolean;
  readonly mayUpgrade: boolean;
}

/** What the client was sent, and what became of both connections. */
export interface ResponseResult {
  /** `relayed`, `incomplete`, `broken` (in its body), or the status and reason of the answer that the client gets instead. */
  readonly outcome: string;
  /** The heads that the client was sent, interim ones first. */
  readonly head: string;
  readonly facts: ReadonlyMap<string, string>;
}

/** The client's end of a connection whose socket takes everything; nothing is opened. */
class Sink {
  sent = "";
  readonly transport = new Transport();

  constructor() {
    this.transport.socket = { write: this.take } as unknown as NonNullable<Transport["socket"]>;
  }

  private readonly take = (bytes: Uint8Array, start = 0, length = bytes.length): number => {
    this.sent += textOf(bytes, start, start + length);
    return length;
  };
}

/** Relays the response in `pieces`; `ends` when the instance closes behind it. */
export const runResponse = (pieces: ReadonlyArray<Uint8Array>, asked: Asked, ends: boolean): ResponseResult => {
  const relay = new ResponseRelay();
  const sink = new Sink();
  const terms = {
    ...asked,
    responseLimits: defaultHeadLimits,
    mayKeepAlive: () => true,
    policies: undefined,
    changeResponse: () => undefined,
    writeOwnFields: () => {},
  };
  relay.begin();
  let isBehind = false;
  for (const piece of pieces) {
    if (relay.isDone) {
      isBehind = true;
      break;
    }
    relay.receive(piece.slice(), sink.transport, terms);
    if (relay.fault !== undefined) break;
  }
  if (ends && relay.fault === undefined && !relay.isDone) relay.end(sink.transport);
  return describe(relay, sink.sent, asked, isBehind);
};

const describe = (relay: ResponseRelay, sent: string, asked: Asked, isBehind: boolean): ResponseResult => {
  const facts = new Map<string, string>();
  const head = asked.isBodyOnly ? "" : (/^(?:HTTP\/[^\n]*\n(?:[^\r\n][^\n]*\n)*\r\n)*/.exec(sent)?.[0] ?? "");
  // Whether the head went out before the body broke depends on how the bytes came.
  if (relay.fault === "badResponseBody") return { outcome: `broken: ${relay.fault}`, head: "", facts };
  if (!relay.hasStarted) {
    const outcome = relay.fault === undefined ? "incomplete" : `502: ${relay.fault}`;
    return { outcome, head, facts };
  }
  if (relay.isUpgraded) {
    facts.set("now", "websocket");
    if (sent.length > head.length) facts.set("body", sent.slice(head.length));
    return { outcome: "relayed", head, facts };
  }
  facts.set("client", relay.keepsClient ? "keep-alive" : "close");
  facts.set("instance", relay.keepsBackend && !isBehind && relay.isDone ? "reused" : "closed");
  readBody(sent.slice(head.length), /^Transfer-Encoding: (?:.*, )?chunked\r$/m.test(head), facts);
  return { outcome: relay.isDone ? "relayed" : "incomplete", head, facts };
};

const readBody = (text: string, isChunked: boolean, facts: Map<string, string>): void => {
  if (!isChunked) {
    if (text !== "") facts.set("body", text);
    return;
  }
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  const decoder = new ChunkedDecoder();
  decoder.begin();
  const parsed = decoder.decode(bytes, 0, bytes.length);
  const body = textOf(bytes, decoder.dataStart, decoder.dataEnd);
  if (body !== "") facts.set("body", body);
  if (parsed !== Parsed.complete) facts.set("chunks", "unfinished");
  const lines = decoder.trailers?.lines.view();
  if (lines !== undefined && lines.length > 0) facts.set("trailers", textOf(lines, 0, lines.length));
};

// A policy's answer in an instance's place: checked and turned into bytes.
//
// Read by the chain (chain.ts), which remembers it (memo.ts); written by the exchange (exchange.ts). Owns a copy of the body, since its length is
// promised; Content-Length and Connection are elbow's own.
import { ByteWriter } from "../../parse/byte-writer.ts";
import { bytesOf } from "../../parse/http1/bytes.ts";
import type { HeadChange } from "../../parse/http1/head-change.ts";
import { phraseOf } from "../../parse/http1/status-phrase.ts";
import { UnfitValue } from "./errors.ts";
import { entriesOf, type HeadLine, makeLine, membersOf, readName, readValue, spell } from "./lines.ts";

const nothing = new Uint8Array(0);
const answerMembers = ["status", "headers", "body"];
const textEncoder = new TextEncoder();
const keepAliveEnd = bytesOf("Connection: keep-alive\r\n\r\n");
const closeEnd = bytesOf("Connection: close\r\n\r\n");

export class PolicyAnswer {
  private readonly statusLine: Uint8Array;
  private readonly length: Uint8Array;

  constructor(
    readonly status: number,
    private readonly lines: ReadonlyArray<HeadLine>,
    readonly body: Uint8Array,
  ) {
    this.statusLine = bytesOf(`HTTP/1.1 ${status} ${phraseOf(status)}\r\n`);
    // RFC 9110 §8.6: a 204 has no length; and that of a 304 would be another answer's.
    this.length = status === 204 || status === 304 ? nothing : bytesOf(`Content-Length: ${body.length}\r\n`);
  }

  /** The status line and the policy's own fields, as policies see them; ends with the last field's line. */
  makeHead(): Uint8Array {
    const writer = new ByteWriter(256);
    this.writeLines(writer, undefined);
    return writer.view();
  }

  /** Writes the answer's head, changed by what policies change in responses. */
  writeHead(out: ByteWriter, change: HeadChange | undefined, keepsAlive: boolean): void {
    this.writeLines(out, change);
    if (change !== undefined) out.put(change.lines);
    out.put(this.length);
    out.put(keepsAlive ? keepAliveEnd : closeEnd);
  }

  private writeLines(out: ByteWriter, change: HeadChange | undefined): void {
    out.put(this.statusLine);
    for (const { name, bytes } of this.lines) {
      if (change?.leavesOut(bytes, 0, name.length) !== true) out.put(bytes);
    }
  }
}

/** What a hook answers in an instance's place; throws where that is no answer. */
export const readAnswer = (value: unknown): PolicyAnswer => {
  const { status, headers, body } = membersOf("an answer", answerMembers, value);
  if (typeof status !== "number" || !Number.isInteger(status) || status < 200 || status > 599) {
    throw new UnfitValue(
      `a status of ${typeof status === "number" ? status : spell(status)}; 200 to 599 can be answered`,
    );
  }
  const lines = entriesOf("`headers`", headers).flatMap(([name, text]) => {
    readName(name, false);
    return text === undefined ? [] : makeLine(name, readValue(name, text));
  });
  const bytes = readBody(body);
  if (bytes.length > 0 && (status === 204 || status === 205 || status === 304)) {
    throw new UnfitValue(`a body with status ${status}, which has none`);
  }
  return new PolicyAnswer(status, lines, bytes);
};

const readBody = (body: unknown): Uint8Array => {
  if (body === undefined) return nothing;
  if (typeof body === "string") return textEncoder.encode(body);
  // A copy: the policy's own may change, and what is promised is this length.
  if (body instanceof Uint8Array) return new Uint8Array(body);
  throw new UnfitValue("a body that is neither text nor bytes");
};

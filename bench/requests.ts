// The bench's back end as a pure function: bytes in, canned answers out. It cuts a byte stream into requests at any
// split, reads their bodies to the end (bench/body.ts) and knows the few targets that the workloads ask for. It owns no
// socket (bench/backend.ts does); what it doesn't understand is refused with a close.
import { BodySkipper, type Framing } from "./body.ts";

/** One canned answer, and whether the connection ends after it. */
export interface Answer {
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

const headEnd = Buffer.from("\r\n\r\n");
const longestHeadBytes = 64 * 1024;
const startedAt = new Date().toUTCString();

// Date and Server are there because a real server sends them; a proxy then needn't add its own.
function makeHead(status: string, framing: string, isLast: boolean): Buffer {
  return Buffer.from(
    `HTTP/1.1 ${status}\r\nServer: bench\r\nDate: ${startedAt}\r\nContent-Type: text/plain\r\n` +
      `${framing}\r\n${isLast ? "Connection: close\r\n" : ""}\r\n`,
  );
}

function makeAnswer(status: string, body: Uint8Array, isLast: boolean): Answer {
  const head = makeHead(status, `Content-Length: ${body.byteLength}`, isLast);
  return { bytes: Buffer.concat([head, body]), isLast };
}

function makeChunkedAnswer(body: Uint8Array, chunkBytes: number, isLast: boolean): Answer {
  const parts: Uint8Array[] = [makeHead("200 OK", "Transfer-Encoding: chunked", isLast)];
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.subarray(at, at + chunkBytes);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return { bytes: Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]), isLast };
}

/** The target whose answer comes in chunks. */
export const chunkedTarget = "/chunked";
const answerChunkBytes = 2048;

/** Body size of each target, in bytes. */
export const targetBytes: ReadonlyMap<string, number> = new Map([
  ["/100", 100],
  ["/10k", 10 * 1024],
  ["/1m", 1024 * 1024],
  [chunkedTarget, 10 * 1024],
]);

const kept = new Map<string, Answer>();
const last = new Map<string, Answer>();
for (const [target, size] of targetBytes) {
  const body = Buffer.alloc(size, "x");
  for (const [answers, isLast] of [
    [kept, false],
    [last, true],
  ] as const) {
    const isChunked = target === chunkedTarget;
    const answer = isChunked ? makeChunkedAnswer(body, answerChunkBytes, isLast) : makeAnswer("200 OK", body, isLast);
    answers.set(target, answer);
  }
}
const unknown = makeAnswer("404 Not Found", Buffer.from("unknown target\n"), true);
const refused = makeAnswer("400 Bad Request", Buffer.from("not a request that this back end reads\n"), true);

/** What a head asks for: how its body is framed, and the answer behind it; without one, the body's size is the answer. */
interface Plan {
  readonly framing: Framing;
  readonly isLast: boolean;
  readonly answer: Answer | undefined;
}

const refusal: Plan = { framing: 0, isLast: true, answer: refused };
const closeHeader = /\r\nconnection:[ \t]*close[ \t]*\r\n/i;
const lengthHeader = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n/i;
const chunkedHeader = /\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n/i;
const framingHeaders = /\r\n(?:transfer-encoding|content-length)[^\r]*:/gi;

function readFraming(head: string): Framing | undefined {
  const count = head.match(framingHeaders)?.length ?? 0;
  if (count === 0) return 0;
  // One framing at most: a proxy that passes on two has not done its work.
  if (count > 1) return undefined;
  const length = lengthHeader.exec(head)?.[1];
  if (length !== undefined) return Number(length);
  return chunkedHeader.test(head) ? "chunked" : undefined;
}

function makePlan(head: string): Plan {
  const [, target] = /^(?:GET|POST) ([^ ?]+)\S* HTTP\/1\.[01]\r\n/.exec(head) ?? [];
  const framing = readFraming(head);
  if (target === undefined || framing === undefined) return refusal;
  const isLast = closeHeader.test(head);
  // The bench asks for its own request back to see what every proxy makes of it.
  if (target === "/head") {
    return { framing, isLast, answer: makeAnswer("200 OK", Buffer.from(head, "latin1"), isLast) };
  }
  if (target === "/count") return { framing, isLast, answer: undefined };
  return { framing, isLast, answer: (isLast ? last : kept).get(target) ?? unknown };
}

// One proxy has work at a time and sends the same head again and again: comparing it to the last one takes a fraction of
// what reading it does, and the load on this core is then wrk's.
let lastHead: Buffer = Buffer.alloc(0);
let lastPlan = refusal;

function findPlan(bytes: Buffer, start: number, end: number): Plan {
  const { length } = lastHead;
  if (end - start === length && bytes.compare(lastHead, 0, length, start, end) === 0) return lastPlan;
  lastPlan = makePlan(bytes.toString("latin1", start, end));
  lastHead = Buffer.from(bytes.subarray(start, end));
  return lastPlan;
}

/** Cuts the bytes of one connection into requests; keeps at most one unfinished head (64 KiB), and of a body nothing. */
export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The request whose body is under way. */
  #plan: Plan | undefined;
  readonly #body = new BodySkipper();

  /** Adds what arrived; the chunk is kept as it is, so the caller may not reuse it. */
  push(chunk: Buffer): void {
    this.#bytes = this.#at === this.#bytes.length ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The answer to the next whole request, or undefined until more bytes arrive. */
  next(): Answer | undefined {
    let plan = this.#plan;
    if (plan === undefined) {
      if (this.#at === this.#bytes.length) return undefined;
      const end = this.#bytes.indexOf(headEnd, this.#at);
      if (end < 0) return this.#bytes.length - this.#at > longestHeadBytes ? this.#refuse() : undefined;
      plan = findPlan(this.#bytes, this.#at, end + 4);
      this.#at = end + 4;
      this.#body.begin(plan.framing);
      this.#plan = plan;
    }
    const body = this.#body;
    if (!body.isDone) {
      this.#at = body.skip(this.#bytes, this.#at);
      if (body.isFaulty) return this.#refuse();
      if (!body.isDone) return undefined;
    }
    this.#plan = undefined;
    return plan.answer ?? makeAnswer("200 OK", Buffer.from(String(body.bytes)), plan.isLast);
  }

  #refuse(): Answer {
    this.#at = this.#bytes.length;
    this.#plan = undefined;
    return refused;
  }
}

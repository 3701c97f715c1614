// The bench's back end as a pure function: bytes in, canned answers out. It cuts a byte stream into requests at any
// split and knows the few targets that the workloads ask for. It owns no socket (bench/backend.ts does) and reads no
// request bodies: anything but GET is refused with a close.

/** One canned answer, and whether the connection ends after it. */
export interface Answer {
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

const headEnd = Buffer.from("\r\n\r\n");
const longestHeadBytes = 64 * 1024;
const startedAt = new Date().toUTCString();

function makeAnswer(status: string, body: Uint8Array, isLast: boolean): Answer {
  // Date and Server are there because a real server sends them; a proxy then needn't add its own.
  const head =
    `HTTP/1.1 ${status}\r\nServer: bench\r\nDate: ${startedAt}\r\nContent-Type: text/plain\r\n` +
    `Content-Length: ${body.byteLength}\r\n${isLast ? "Connection: close\r\n" : ""}\r\n`;
  return { bytes: Buffer.concat([Buffer.from(head), body]), isLast };
}

/** Body size of each target, in bytes. */
export const targetBytes: ReadonlyMap<string, number> = new Map([
  ["/100", 100],
  ["/10k", 10 * 1024],
  ["/1m", 1024 * 1024],
]);

const kept = new Map<string, Answer>();
const last = new Map<string, Answer>();
for (const [target, size] of targetBytes) {
  const body = Buffer.alloc(size, "x");
  kept.set(target, makeAnswer("200 OK", body, false));
  last.set(target, makeAnswer("200 OK", body, true));
}
const unknown = makeAnswer("404 Not Found", Buffer.from("unknown target\n"), true);
const refused = makeAnswer("400 Bad Request", Buffer.from("only GET without a body\n"), true);

const closeHeader = /\r\nconnection:[ \t]*close[ \t]*\r\n/i;
const bodyHeader = /\r\n(?:transfer-encoding|content-length):/i;

function answerHead(head: string): Answer {
  if (!head.startsWith("GET ") || bodyHeader.test(head)) return refused;
  const target = head.slice(4, head.indexOf(" ", 4));
  const isLast = closeHeader.test(head);
  // The bench asks for its own request back to see that every proxy adds the same headers.
  if (target === "/head") return makeAnswer("200 OK", Buffer.from(head, "latin1"), isLast);
  return (isLast ? last : kept).get(target) ?? unknown;
}

/** Cuts the bytes of one connection into requests; keeps at most one unfinished head (64 KiB). */
export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Adds what arrived; the chunk is kept as it is, so the caller may not reuse it. */
  push(chunk: Buffer): void {
    this.#bytes = this.#at === this.#bytes.length ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The answer to the next whole request, or undefined until more bytes arrive. */
  next(): Answer | undefined {
    if (this.#at === this.#bytes.length) return undefined;
    const end = this.#bytes.indexOf(headEnd, this.#at);
    if (end < 0) {
      if (this.#bytes.length - this.#at <= longestHeadBytes) return undefined;
      this.#at = this.#bytes.length;
      return refused;
    }
    const head = this.#bytes.toString("latin1", this.#at, end + 4);
    this.#at = end + 4;
    return answerHead(head);
  }
}

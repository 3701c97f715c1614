// The body of a request as the bench's back end reads it: counted and thrown away, at any split of the bytes, by length
// or in chunks (RFC 9112 §7.1). It shares no code with elbow, so that it notices when elbow frames a body wrongly. It
// keeps no bytes.

const lineEnd = Buffer.from("\r\n");
const longestLineBytes = 1024;

/** A body's framing: its length in bytes, or chunks. */
export type Framing = number | "chunked";

/** What is read next: body bytes by length; in chunks the size line, the data, the line end behind it, the trailers. */
const At = { data: 0, size: 1, chunk: 2, chunkEnd: 3, trailers: 4 } as const;

/** Reads past one body after another. */
export class BodySkipper {
  /** Body bytes of the request so far, framing apart. */
  bytes = 0;
  isDone = true;
  isFaulty = false;
  #left = 0;
  #at: number = At.data;

  begin(framing: Framing): void {
    this.bytes = 0;
    this.isFaulty = false;
    this.isDone = framing === 0;
    this.#left = framing === "chunked" ? 0 : framing;
    this.#at = framing === "chunked" ? At.size : At.data;
  }

  /** Reads on from `start` and returns where it stopped: behind the body when `isDone`, else before an unfinished line. */
  skip(bytes: Buffer, start: number): number {
    let at = start;
    while (!this.isDone && !this.isFaulty) {
      if (this.#at === At.data || this.#at === At.chunk) {
        const taken = Math.min(this.#left, bytes.length - at);
        this.bytes += taken;
        this.#left -= taken;
        at += taken;
        if (this.#left > 0) return at;
        if (this.#at === At.data) this.isDone = true;
        else this.#at = At.chunkEnd;
        continue;
      }
      const end = bytes.indexOf(lineEnd, at);
      if (end < 0 || end - at > longestLineBytes) {
        this.isFaulty = bytes.length - at > longestLineBytes;
        return at;
      }
      this.#readLine(bytes, at, end);
      at = end + 2;
    }
    return at;
  }

  #readLine(bytes: Buffer, start: number, end: number): void {
    if (this.#at === At.chunkEnd) {
      if (end > start) this.isFaulty = true;
      this.#at = At.size;
    } else if (this.#at === At.trailers) {
      this.isDone = end === start;
    } else {
      const digits = /^([0-9a-f]{1,8})(?:;|$)/i.exec(bytes.toString("latin1", start, end))?.[1];
      if (digits === undefined) {
        this.isFaulty = true;
        return;
      }
      this.#left = Number.parseInt(digits, 16);
      this.#at = this.#left === 0 ? At.trailers : At.chunk;
    }
  }
}

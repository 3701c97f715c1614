// One answer read from bytes: status, framing, body. For the bench's own client (bench/client.ts), which checks what
// every proxy answers before it is measured. Pure; slow and simple, since it never lies on the measured path.

/** One whole answer. */
export interface ReadAnswer {
  readonly status: number;
  /** Status line and fields, each with its line end. */
  readonly head: string;
  readonly isChunked: boolean;
  /** The body without its framing, one character a byte. */
  readonly body: string;
  /** Where the bytes behind it begin. */
  readonly end: number;
}

/** Reads the answer at `start`; undefined until it is whole. Throws where its length can't be known. */
export function readAnswer(bytes: Buffer, start: number): ReadAnswer | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n", start);
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", start, headEnd + 2);
  const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(head)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) throw new Error("an answer without a status");
  const bodyStart = headEnd + 4;
  if (/\r\ntransfer-encoding: *chunked\r\n/i.test(head)) {
    const chunks = readChunks(bytes, bodyStart);
    return chunks === undefined ? undefined : { status, head, isChunked: true, ...chunks };
  }
  const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1];
  if (length === undefined) throw new Error("an answer without Content-Length or chunks");
  const end = bodyStart + Number(length);
  if (bytes.length < end) return undefined;
  return { status, head, isChunked: false, body: bytes.toString("latin1", bodyStart, end), end };
}

function readChunks(bytes: Buffer, start: number): { body: string; end: number } | undefined {
  let body = "";
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const digits = /^[0-9a-f]+/i.exec(bytes.toString("latin1", at, lineEnd))?.[0];
    if (digits === undefined) throw new Error("a chunk without a size");
    const size = Number.parseInt(digits, 16);
    const chunkEnd = lineEnd + 2 + size;
    if (bytes.length < chunkEnd + 2) return undefined;
    // No proxy of the bench sends trailers.
    if (bytes.toString("latin1", chunkEnd, chunkEnd + 2) !== "\r\n") throw new Error("a chunk with a wrong end");
    if (size === 0) return { body, end: chunkEnd + 2 };
    body += bytes.toString("latin1", lineEnd + 2, chunkEnd);
    at = chunkEnd + 2;
  }
}

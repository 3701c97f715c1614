// Just enough HTTP/1.1 for tests to read what really stood on the wire: exact start line, exact header text in order,
// body by its framing. Written apart from src/parse on purpose, so that a mistake there can't hide here. It is strict
// about CRLF and fails loudly; it never normalises.
import type { ByteEnd } from "./byte-end.ts";
import { CutError } from "./byte-end.ts";

/** A header line as it stood on the wire. */
export type HeaderLine = readonly [name: string, value: string];

interface HttpMessage {
  readonly startLine: string;
  readonly headers: ReadonlyArray<HeaderLine>;
  readonly body: Buffer;
  readonly framing: "none" | "length" | "chunked" | "close";
  /** The chunks of a chunked body, and its trailer lines. */
  readonly chunks: ReadonlyArray<Buffer>;
  readonly trailers: ReadonlyArray<HeaderLine>;
}

/** A request as an instance saw it. */
export interface HttpRequest extends HttpMessage {
  readonly method: string;
  readonly target: string;
}

/** A response as a client saw it. */
export interface HttpResponse extends HttpMessage {
  readonly status: number;
  readonly reason: string;
  /** The 1xx responses that came before it. */
  readonly interim: ReadonlyArray<{ readonly startLine: string; readonly headers: ReadonlyArray<HeaderLine> }>;
}

/** The start line and header lines of a message. */
export interface HttpHead {
  readonly startLine: string;
  readonly headers: ReadonlyArray<HeaderLine>;
}

const parseLines = (text: string): ReadonlyArray<HeaderLine> =>
  text === ""
    ? []
    : text.split("\r\n").map((line) => {
        const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
        if (match === null) throw new Error(`not a header line: ${JSON.stringify(line)}`);
        return [match[1]!, match[2]!] as const;
      });

/** Reads one head; the caller decides about the body. */
export const readHead = async (end: ByteEnd, timeoutMs?: number): Promise<HttpHead> => {
  const text = (await end.takeUntil("\r\n\r\n", timeoutMs)).toString("latin1").slice(0, -4);
  const at = text.indexOf("\r\n");
  return at < 0
    ? { startLine: text, headers: [] }
    : { startLine: text.slice(0, at), headers: parseLines(text.slice(at + 2)) };
};

/** The value of the only header line of that name; `undefined` when absent, an error when repeated. */
export const header = (message: { readonly headers: ReadonlyArray<HeaderLine> }, name: string): string | undefined => {
  const values = headerValues(message, name);
  if (values.length > 1) throw new Error(`${values.length} lines of ${name}: ${JSON.stringify(values)}`);
  return values[0];
};

/** The values of all header lines of that name, in order. */
export const headerValues = (
  message: { readonly headers: ReadonlyArray<HeaderLine> },
  name: string,
): ReadonlyArray<string> =>
  message.headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);

const readChunked = async (end: ByteEnd, timeoutMs?: number) => {
  const chunks: Array<Buffer> = [];
  for (;;) {
    const line = (await end.takeUntil("\r\n", timeoutMs)).toString("latin1").slice(0, -2);
    const match = /^([0-9A-Fa-f]+)[ \t]*(;.*)?$/.exec(line);
    if (match === null) throw new Error(`not a chunk-size line: ${JSON.stringify(line)}`);
    const size = Number.parseInt(match[1]!, 16);
    if (size === 0) {
      const trailers: Array<string> = [];
      for (;;) {
        const trailer = (await end.takeUntil("\r\n", timeoutMs)).toString("latin1").slice(0, -2);
        if (trailer === "") break;
        trailers.push(trailer);
      }
      return { chunks, trailers: parseLines(trailers.join("\r\n")) };
    }
    chunks.push(await end.takeBytes(size, timeoutMs));
    const crlf = (await end.takeBytes(2, timeoutMs)).toString("latin1");
    if (crlf !== "\r\n") throw new Error(`a chunk ended with ${JSON.stringify(crlf)}`);
  }
};

const readBody = async (end: ByteEnd, head: HttpHead, noFraming: "none" | "close", timeoutMs?: number) => {
  const empty = { body: Buffer.alloc(0), chunks: [], trailers: [] };
  const coding = header(head, "transfer-encoding");
  const length = header(head, "content-length");
  if (coding !== undefined) {
    if (length !== undefined) throw new Error("both Transfer-Encoding and Content-Length");
    const { chunks, trailers } = await readChunked(end, timeoutMs);
    return { framing: "chunked" as const, body: Buffer.concat(chunks), chunks, trailers };
  }
  if (length !== undefined) {
    if (!/^[0-9]+$/.test(length)) throw new Error(`bad Content-Length ${JSON.stringify(length)}`);
    return { ...empty, framing: "length" as const, body: await end.takeBytes(Number(length), timeoutMs) };
  }
  if (noFraming === "none") return { ...empty, framing: "none" as const };
  return { ...empty, framing: "close" as const, body: await end.takeToEnd(timeoutMs) };
};

/** Reads one request; `undefined` when the other side ended before its first byte. */
export const readRequest = async (end: ByteEnd, timeoutMs?: number): Promise<HttpRequest | undefined> => {
  await end.waitFor(() => end.availableBytes > 0 || end.ending !== "open", "a request", timeoutMs ?? 60_000);
  if (end.availableBytes === 0) return undefined;
  const head = await readHead(end, timeoutMs);
  const [method, target, version, ...more] = head.startLine.split(" ");
  if (method === undefined || target === undefined || version === undefined || more.length > 0) {
    throw new Error(`not a request line: ${JSON.stringify(head.startLine)}`);
  }
  return { ...head, method, target, ...(await readBody(end, head, "none", timeoutMs)) };
};

const parseStatusLine = (startLine: string): { readonly status: number; readonly reason: string } => {
  const match = /^HTTP\/1\.1 ([1-9][0-9][0-9]) (.*)$/.exec(startLine);
  if (match === null) throw new Error(`not a status line: ${JSON.stringify(startLine)}`);
  return { status: Number(match[1]), reason: match[2]! };
};

/** Reads one response to a request with `method` (default GET), 1xx ones first; fails with CutError when it is cut. */
export const readResponse = async (
  end: ByteEnd,
  options: { readonly method?: string; readonly timeoutMs?: number } = {},
): Promise<HttpResponse> => {
  const interim: Array<HttpHead> = [];
  for (;;) {
    const head = await readHead(end, options.timeoutMs);
    const { status, reason } = parseStatusLine(head.startLine);
    if (status < 200) {
      interim.push(head);
      continue;
    }
    const isBodiless = options.method === "HEAD" || status === 204 || status === 304;
    const body = isBodiless
      ? { framing: "none" as const, body: Buffer.alloc(0), chunks: [], trailers: [] }
      : await readBody(end, head, "close", options.timeoutMs);
    return { ...head, status, reason, interim, ...body };
  }
};

/** Writes a request with `Host: test` first; a body goes with a Content-Length. Header lines go as given. */
export const formatRequest = (
  target: string,
  options: {
    readonly method?: string;
    readonly host?: string;
    readonly headers?: ReadonlyArray<HeaderLine>;
    readonly body?: string | Uint8Array;
  } = {},
): Buffer => {
  const body = typeof options.body === "string" ? Buffer.from(options.body, "latin1") : options.body;
  const lines = (options.headers ?? []).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const length = body === undefined ? "" : `Content-Length: ${body.length}\r\n`;
  const method = options.method ?? (body === undefined ? "GET" : "POST");
  const head = `${method} ${target} HTTP/1.1\r\nHost: ${options.host ?? "test"}\r\n${lines}${length}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body ?? Buffer.alloc(0)]);
};

/** Sends one request and reads its response. */
export const exchange = async (
  end: ByteEnd,
  target: string,
  options: Parameters<typeof formatRequest>[1] = {},
): Promise<HttpResponse> => {
  await end.send(formatRequest(target, options));
  return readResponse(end, options.method === undefined ? {} : { method: options.method });
};

/** Writes a response head and body with a Content-Length; header lines go as given. */
export const formatResponse = (
  body: string | Uint8Array = "",
  options: { readonly status?: string; readonly headers?: ReadonlyArray<HeaderLine> } = {},
): Buffer => {
  const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : body;
  const lines = (options.headers ?? []).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${options.status ?? "200 OK"}\r\n${lines}Content-Length: ${bytes.length}\r\n\r\n`, "latin1"),
    bytes,
  ]);
};

/** Whether `error` says that the connection ended too early. */
export const isCut = (error: unknown): error is CutError => error instanceof CutError;

// Reads all that an instance ever got on one connection and says what in it elbow can't have meant: a request that is not
// wholly of elbow's writing, with two framings, with a look-alike of a framing header, with bytes between requests.
//
// Strict, over the raw bytes, and written apart from src/parse, so that a mistake there can't hide here.

/** A request as it stood on the wire to an instance. */
export interface AuditedRequest {
  readonly startLine: string;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
  readonly trailers: ReadonlyArray<readonly [name: string, value: string]>;
}

/** What the bytes of one connection hold. */
export interface Audit {
  readonly requests: ReadonlyArray<AuditedRequest>;
  /** The head of a request that was never finished. */
  readonly unfinished: string;
  readonly problems: ReadonlyArray<string>;
}

const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)$/;
const requestLine = /^[\x21-\x7e]+ [\x21-\x7e\x80-\xff]+ HTTP\/1\.1$/;
const codings = /^((gzip|compress|deflate|x-gzip|x-compress), )*chunked$/;
/** Trailers that would change who a message is for or where it ends (RFC 9110 §6.5.1). */
const forbiddenTrailer =
  /^(content-length|transfer-encoding|host|x-forwarded-.*|connection|te|trailer|upgrade|expect|authorization|content-encoding|content-type|content-range)$/i;

/** What a lax reader could take for a framing header, be it written exactly or not. */
const framingName = /^[^a-z0-9]*(content[^a-z0-9]+length|transfer[^a-z0-9]+encoding)[^a-z0-9]*$/i;

const parseLines = (lines: ReadonlyArray<string>, problems: Array<string>) =>
  lines.flatMap((line) => {
    const match = fieldLine.exec(line);
    if (match !== null) return [[match[1]!, match[2]!] as const];
    problems.push(`not a header line: ${JSON.stringify(line)}`);
    return [];
  });

const checkHead = (
  startLine: string,
  headers: ReadonlyArray<readonly [string, string]>,
  port: number,
  problems: Array<string>,
): void => {
  const complain = (what: string) => problems.push(`${what} in ${JSON.stringify([startLine, ...headers])}`);
  const values = (name: string) => headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  if (!requestLine.test(startLine)) complain("no request line of elbow's");
  if (headers[0]?.[0] !== "Host") complain("Host isn't first");
  if (values("host").length !== 1) complain("not one Host");
  if (values("x-forwarded-port").join("|") !== String(port)) complain("not elbow's X-Forwarded-Port");
  if (values("x-forwarded-proto").join("|") !== "http") complain("not elbow's X-Forwarded-Proto");
  if (values("x-forwarded-for").length !== 1 || !/(^|, )127\.0\.0\.1$/.test(values("x-forwarded-for")[0]!)) {
    complain("not elbow's X-Forwarded-For");
  }
  if (values("connection").length !== 1) complain("not one Connection");
  if (values("content-length").length + values("transfer-encoding").length > 1) complain("two framings");
  for (const value of values("content-length"))
    if (!/^(0|[1-9][0-9]{0,15})$/.test(value)) complain("a bad Content-Length");
  for (const value of values("transfer-encoding")) if (!codings.test(value)) complain("a bad Transfer-Encoding");
  for (const [name] of headers) {
    if (framingName.test(name) && !/^(content-length|transfer-encoding)$/i.test(name)) {
      complain(`a look-alike ${name}`);
    }
    if (/^(keep-alive|proxy-connection|expect)$/i.test(name)) complain(`${name}, which is for one hop only,`);
  }
};

const readChunks = (text: string, start: number, problems: Array<string>) => {
  let at = start;
  let body = "";
  for (;;) {
    const stop = text.indexOf("\r\n", at);
    if (stop < 0) return undefined;
    const line = text.slice(at, stop);
    if (!/^[0-9a-fA-F]{1,13}$/.test(line)) {
      problems.push(`not a chunk size of elbow's: ${JSON.stringify(line.slice(0, 100))}`);
      return undefined;
    }
    const size = Number.parseInt(line, 16);
    at = stop + 2;
    if (size === 0) break;
    if (text.length < at + size + 2) return undefined;
    body += text.slice(at, at + size);
    at += size;
    if (text.slice(at, at + 2) !== "\r\n") problems.push("a chunk without its end");
    at += 2;
  }
  const lines: Array<string> = [];
  for (;;) {
    const stop = text.indexOf("\r\n", at);
    if (stop < 0) return undefined;
    const line = text.slice(at, stop);
    at = stop + 2;
    if (line === "") break;
    lines.push(line);
  }
  const trailers = parseLines(lines, problems);
  for (const [name] of trailers) if (forbiddenTrailer.test(name)) problems.push(`a trailer ${name}`);
  return { at, body, trailers };
};

/** Audits everything that one connection of an instance received from elbow's listener on `port`. */
export const audit = (bytes: Uint8Array, port: number): Audit => {
  const text = Buffer.from(bytes).toString("latin1");
  const requests: Array<AuditedRequest> = [];
  const problems: Array<string> = [];
  let at = 0;
  let unfinished = "";
  while (at < text.length && problems.length === 0) {
    const stop = text.indexOf("\r\n\r\n", at);
    // elbow writes a head at once: a part of one is what a reset left.
    unfinished = text.slice(at, stop < 0 ? undefined : stop);
    if (stop < 0) break;
    const [startLine = "", ...lines] = unfinished.split("\r\n");
    const headers = parseLines(lines, problems);
    checkHead(startLine, headers, port, problems);
    const value = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1];
    let next = stop + 4;
    let body = "";
    let trailers: AuditedRequest["trailers"] = [];
    if (value("transfer-encoding") !== undefined) {
      const read = readChunks(text, next, problems);
      if (read === undefined) break;
      ({ at: next, body, trailers } = read);
    } else {
      const length = Number(value("content-length") ?? 0);
      if (text.length < next + length) break;
      body = text.slice(next, next + length);
      next += length;
    }
    requests.push({ startLine, headers, body, trailers });
    unfinished = "";
    at = next;
  }
  return { requests, unfinished, problems };
};

// The trailer section of a chunked body (RFC 9110 §6.5, RFC 9112 §7.1.2): its lines are kept until they can be passed on
// behind our own last chunk.
//
// `chunked.ts` checks the bytes; here a line is kept or left out by its name. Made only for bodies that have trailers.
import { ByteWriter } from "../byte-writer.ts";
import { bytesOf, COLON, dropBlanks } from "./bytes.ts";

/** Names by their letters and digits alone: what stands between them differs from reader to reader. */
const lettersOf = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/**
 * Fields that mean something else, or nothing good, behind a body: no trailer of these names passes (RFC 9110 §6.5.1; the
 * groups are those of RFC 7230 §4.1.2). `X-Forwarded-…` and `X-Amzn-Mtls-Clientcert…`, by which an instance is told of its
 * client, are left out whatever follows.
 */
const leftOut = new Set(
  [
    // Framing and this hop's connection (RFC 9110 §7.6.1).
    ...[
      "Content-Length",
      "Transfer-Encoding",
      "Connection",
      "Keep-Alive",
      "Proxy-Connection",
      "TE",
      "Trailer",
      "Upgrade",
    ],
    // Routing.
    ...["Host", "Forwarded", "Via", "Max-Forwards"],
    // Authentication, and the cookies that stand for it.
    ...["Authorization", "Proxy-Authenticate", "Proxy-Authorization", "WWW-Authenticate", "Cookie", "Set-Cookie"],
    // What a request asks for.
    ...["Cache-Control", "Expect", "Pragma", "Range"],
    ...["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"],
    // What a response says about itself.
    ...["Age", "Date", "Expires", "Location", "Retry-After", "Vary", "Warning"],
    // How the body is to be read.
    ...["Content-Encoding", "Content-Range", "Content-Type"],
  ].map(lettersOf),
);

/** Whether a trailer field of this name stays behind. */
export const isLeftOutTrailer = (name: string): boolean => {
  const letters = lettersOf(name);
  return leftOut.has(letters) || letters.startsWith("xforwarded") || letters.startsWith("xamznmtlsclientcert");
};

/** At most so many fields in one trailer section, as in a head. */
const trailerMaxFields = 100;

const crlf = bytesOf("\r\n");

export class TrailerSection {
  /** The lines that pass on, each with its CR LF; the empty line behind them isn't here. */
  readonly lines = new ByteWriter(256);
  private lineStart = 0;
  private fieldCount = 0;

  /** Adds a piece of the line under way. */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.lines.putRun(bytes, start, end);
  }

  /** The line under way is whole, with its CR LF: kept or left out. False when there are too many. */
  endLine(nominated: ReadonlySet<string> | undefined): boolean {
    const { lines, lineStart } = this;
    const { bytes } = lines;
    let name = "";
    for (let pos = lineStart; bytes[pos] !== COLON; pos++) name += String.fromCharCode(bytes[pos] as number);
    if (isLeftOutTrailer(name) || nominated?.has(name.toLowerCase()) === true) lines.length = lineStart;
    else {
      lines.length = dropBlanks(bytes, lineStart, lines.length - crlf.length);
      lines.put(crlf);
    }
    this.lineStart = lines.length;
    return ++this.fieldCount <= trailerMaxFields;
  }
}

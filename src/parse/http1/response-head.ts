// The head of a response: status line, header fields, and how its body is framed (RFC 9112 §4, §6.3).
import { CR, isValueByte, LF, SP } from "./bytes.ts";
import { Fault } from "./fault.ts";
import { At, HeadParser, Parsed } from "./head.ts";
import { versionPrefix } from "./start-line.ts";

const Start = { begin: 0, reason: 1, lineLf: 2 } as const;

/** `HTTP/1.1 200` */
const codeEnd = 12;

export class ResponseHeadParser extends HeadParser {
  protected readonly startLineFault = Fault.badStatusLine;
  status = 0;
  /** Where the reason phrase ends; it begins 12 bytes behind {@link start}, with its blank. */
  reasonEnd = 0;
  /** True when the status line can be passed on as it is: HTTP/1.1, ended by CR LF. */
  isPlainStatusLine = false;

  override rebase(by: number): void {
    super.rebase(by);
    this.reasonEnd -= by;
  }

  protected parseStartLine(bytes: Uint8Array, end: number): Parsed {
    const start = this.start;
    let pos = this.pos;
    if (this.state === Start.begin) {
      if (end - start < codeEnd + 1) {
        // What has come must already look like one: bytes that aren't HTTP are told at once.
        for (let at = start; at < end && at < start + versionPrefix.length; at++) {
          if (bytes[at] !== versionPrefix[at - start]) return this.fail(Fault.badStatusLine);
        }
        for (let at = start + versionPrefix.length; at < end; at++) {
          if (isValueByte[bytes[at] as number] === 0 && at < start + codeEnd) return this.fail(Fault.badStatusLine);
        }
        return Parsed.incomplete;
      }
      for (let at = 0; at < versionPrefix.length; at++) {
        if (bytes[start + at] !== versionPrefix[at]) return this.fail(Fault.badStatusLine);
      }
      const minor = (bytes[start + 7] as number) - 0x30;
      const hundreds = (bytes[start + 9] as number) - 0x30;
      const tens = (bytes[start + 10] as number) - 0x30;
      const ones = (bytes[start + 11] as number) - 0x30;
      if (minor < 0 || minor > 9 || bytes[start + 8] !== SP) return this.fail(Fault.badStatusLine);
      if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) {
        return this.fail(Fault.badStatusLine);
      }
      this.status = hundreds * 100 + tens * 10 + ones;
      this.minorVersion = minor === 0 ? 0 : 1;
      pos = start + codeEnd;
      const behind = bytes[pos];
      // RFC 9112 §4 asks for a blank even before an empty reason; many servers leave both out.
      if (behind !== SP && behind !== CR && behind !== LF) return this.fail(Fault.badStatusLine);
      this.state = Start.reason;
    }
    if (this.state === Start.reason) {
      while (pos < end && isValueByte[bytes[pos] as number] === 1) pos++;
      if (pos - start > this.limits.startLineBytes) return this.fail(Fault.badStatusLine);
      if (pos === end) {
        this.pos = pos;
        return Parsed.incomplete;
      }
      const byte = bytes[pos] as number;
      this.reasonEnd = pos;
      pos++;
      if (byte === LF) return this.goOdd(bytes, pos - 1, end, At.oddStartLine);
      if (byte !== CR) return this.fail(Fault.badStatusLine);
      this.state = Start.lineLf;
    }
    if (pos === end) {
      this.pos = pos;
      return Parsed.incomplete;
    }
    if (bytes[pos] !== LF) return this.fail(Fault.badStatusLine);
    this.isPlainStatusLine = bytes[start + 7] === 0x31 && bytes[start + codeEnd] === SP;
    pos++;
    this.pos = pos;
    this.fieldsStart = pos;
    this.state = At.fieldStart;
    return Parsed.complete;
  }

  protected finish(): Parsed {
    return Parsed.complete;
  }
}

// What reading a request's head and a response's has in common: one strict pass over the header lines, and their limits.
//
// The pass is resumable at any byte: what has been scanned is not scanned again, so that a client that trickles bytes
// costs what an honest one does. Nothing is copied or turned into text; a field is a few offsets. It holds no bytes: the
// caller keeps the head in one buffer until it has been written on. What a checked line means is for `head-fields.ts`.
//
// A head that isn't strict is odd: the pass only finds its end, and who asked has it repaired (`repair.ts`,
// `response-repair.ts`) and read again. So whatever goes on has been through this pass, byte by byte.
import { COLON, CR, isBlank, isTokenByte, isValueByte, LF } from "./bytes.ts";
import { Fault } from "./fault.ts";
import { Field, recogniseField } from "./field-name.ts";
import { fieldStride, HeadFields } from "./head-fields.ts";
import { defaultHeadLimits, type HeadLimits } from "./limits.ts";

/** What a parser says of the bytes so far. */
export const Parsed = { incomplete: 0, complete: 1, faulty: 2 } as const;
/** One of {@link Parsed}'s codes. */
export type Parsed = (typeof Parsed)[keyof typeof Parsed];

/** Where a parser stands; numbers below 10 belong to start lines. */
export const At = {
  fieldStart: 10,
  name: 11,
  beforeValue: 12,
  value: 13,
  valueLf: 14,
  headLf: 15,
  oddStartLine: 20,
  oddLine: 21,
  oddLineStart: 22,
  oddLf: 23,
} as const;

export abstract class HeadParser extends HeadFields {
  /** The next byte to look at; after a complete head, the first byte behind it. */
  pos = 0;
  /** Where the head begins: its first byte that isn't a leading empty line. */
  start = 0;
  /** Where the header lines begin. */
  fieldsStart = 0;
  /** The head needs care before it can be used: it isn't strict, or not what RFC 9112 asks for. */
  isOdd = false;

  protected state = 0;
  /** This head is one that was repaired: what made it odd has been dealt with. */
  protected isRepaired = false;
  private lineStart = 0;
  private nameEnd = 0;
  private valueStart = 0;
  private valueEnd = 0;

  /** Forgets the last head; the next one begins at `offset` of the buffer that `parse` will get. */
  begin(offset: number, limits: HeadLimits = defaultHeadLimits, isRepaired = false): void {
    this.beginFields(limits);
    this.isRepaired = isRepaired;
    this.pos = offset;
    this.start = offset;
    this.isOdd = false;
    this.state = 0;
  }

  /**
   * Goes on with the head in `bytes[pos, end)`.
   *
   * *Details*: after `incomplete`, call again with a buffer that holds the same bytes at the same offsets and more
   * behind them (see {@link rebase} when they moved). After `complete`, `pos` is the first byte behind the head.
   */
  parse(bytes: Uint8Array, end: number): Parsed {
    if (this.state < At.fieldStart) {
      const parsed = this.parseStartLine(bytes, end);
      if (parsed !== Parsed.complete || this.state >= At.oddStartLine) return parsed;
    }
    return this.parseFields(bytes, end);
  }

  /** Goes on with the start line; complete when it is whole, or the head is odd and whole. */
  protected abstract parseStartLine(bytes: Uint8Array, end: number): Parsed;

  /** The bytes moved down by `by` in their buffer. */
  rebase(by: number): void {
    this.pos -= by;
    this.start -= by;
    this.fieldsStart -= by;
    this.lineStart -= by;
    this.nameEnd -= by;
    this.valueStart -= by;
    this.valueEnd -= by;
    this.rebaseFields(by);
  }

  /** Checks that need the whole head. */
  protected abstract finish(bytes: Uint8Array): Parsed;

  /** The start line that ends at `end` is the whole head: a request without a version (HTTP/0.9). */
  protected endsWithStartLine(_bytes: Uint8Array, _end: number): boolean {
    return false;
  }

  /** From here on the head isn't strict: from `pos`, in the middle of a line, on to its end. */
  protected goOdd(bytes: Uint8Array, pos: number, end: number, state: number = At.oddLine): Parsed {
    this.isOdd = true;
    this.pos = pos;
    this.state = state;
    return this.passOdd(bytes, end);
  }

  /** Goes on to the end of an odd head: an empty line, ended by LF with or without CR. Only limits are judged here. */
  private passOdd(bytes: Uint8Array, end: number): Parsed {
    let { pos, state } = this;
    for (;;) {
      if (state === At.oddStartLine || state === At.oddLine) {
        const isStartLine = state === At.oddStartLine;
        const lineStart = isStartLine ? this.start : this.lineStart;
        while (pos < end && bytes[pos] !== LF) pos++;
        const isCut = pos === end;
        if (!isCut) pos++;
        const { startLineBytes, fieldBytes } = this.limits;
        if (isStartLine && pos - lineStart > startLineBytes) return this.fail(this.startLineFault);
        if (!isStartLine && pos - lineStart > fieldBytes) return this.fail(Fault.fieldTooLong);
        if (isCut) break;
        if (isStartLine && this.endsWithStartLine(bytes, pos)) {
          this.pos = pos;
          return Parsed.complete;
        }
        state = At.oddLineStart;
      }
      if (state === At.oddLineStart) {
        if (pos === end) break;
        this.lineStart = pos;
        const byte = bytes[pos];
        pos++;
        if (byte === LF) return this.endOdd(pos);
        if (this.fieldCount++ === this.limits.fieldCount) return this.fail(Fault.tooManyFields);
        state = byte === CR ? At.oddLf : At.oddLine;
      }
      if (state === At.oddLf) {
        if (pos === end) break;
        if (bytes[pos] === LF) return this.endOdd(pos + 1);
        state = At.oddLine;
      }
    }
    this.pos = pos;
    this.state = state;
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    return Parsed.incomplete;
  }

  private endOdd(pos: number): Parsed {
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    this.pos = pos;
    return Parsed.complete;
  }

  /** What a start line over its limit is. */
  protected abstract readonly startLineFault: Fault;

  protected fail(fault: Fault): Parsed {
    this.fault = fault;
    return Parsed.faulty;
  }

  private parseFields(bytes: Uint8Array, end: number): Parsed {
    if (this.state >= At.oddStartLine) return this.passOdd(bytes, end);
    let pos = this.pos;
    let state = this.state;
    for (;;) {
      if (state === At.fieldStart) {
        if (pos === end) break;
        const byte = bytes[pos] as number;
        if (byte === CR) {
          pos++;
          state = At.headLf;
        } else if (byte === LF || isBlank(byte)) {
          return this.goOdd(bytes, pos, end, At.oddLineStart);
        } else {
          if (this.fieldCount === this.limits.fieldCount) return this.fail(Fault.tooManyFields);
          this.lineStart = pos;
          state = At.name;
        }
      }
      if (state === At.name) {
        while (pos < end && isTokenByte[bytes[pos] as number] === 1) pos++;
        if (pos === end) break;
        if (bytes[pos] !== COLON || pos === this.lineStart) return this.goOddInLine(bytes, pos, end);
        this.nameEnd = pos;
        pos++;
        state = At.beforeValue;
      }
      if (state === At.beforeValue) {
        // Here and in `addField` in place: as a call it costs a hundredth of a head.
        while (pos < end && isBlank(bytes[pos])) pos++;
        if (pos === end) break;
        this.valueStart = pos;
        state = At.value;
      }
      if (state === At.value) {
        // Four at a time: most of a head is values, and a branch costs more than a look-up.
        for (const last = end - 4; pos <= last; pos += 4) {
          const first =
            (isValueByte[bytes[pos] as number] as number) & (isValueByte[bytes[pos + 1] as number] as number);
          const second =
            (isValueByte[bytes[pos + 2] as number] as number) & (isValueByte[bytes[pos + 3] as number] as number);
          if ((first & second) === 0) break;
        }
        while (pos < end && isValueByte[bytes[pos] as number] === 1) pos++;
        if (pos === end) break;
        const byte = bytes[pos] as number;
        this.valueEnd = pos;
        pos++;
        if (byte !== CR) return this.goOddInLine(bytes, pos - 1, end);
        state = At.valueLf;
      }
      if (state === At.valueLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) return this.goOddInLine(bytes, pos, end);
        pos++;
        if (!this.addField(bytes, pos)) return Parsed.faulty;
        state = At.fieldStart;
      }
      if (state === At.headLf) {
        if (pos === end) break;
        if (bytes[pos] !== LF) {
          this.lineStart = pos - 1;
          return this.goOddInLine(bytes, pos, end);
        }
        return this.end(bytes, pos + 1);
      }
    }
    this.pos = pos;
    this.state = state;
    if (state !== At.fieldStart && state !== At.headLf && pos - this.lineStart > this.limits.fieldBytes) {
      return this.fail(Fault.fieldTooLong);
    }
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    return Parsed.incomplete;
  }

  /** The line under way isn't strict; it is one of the fields that are counted. */
  private goOddInLine(bytes: Uint8Array, pos: number, end: number): Parsed {
    if (this.fieldCount++ === this.limits.fieldCount) return this.fail(Fault.tooManyFields);
    return this.goOdd(bytes, pos, end);
  }

  private end(bytes: Uint8Array, pos: number): Parsed {
    if (pos - this.start > this.limits.headBytes) return this.fail(Fault.headTooLarge);
    this.pos = pos;
    return this.finish(bytes);
  }

  private addField(bytes: Uint8Array, lineEnd: number): boolean {
    const start = this.lineStart;
    if (lineEnd - start > this.limits.fieldBytes) {
      this.fault = Fault.fieldTooLong;
      return false;
    }
    if (lineEnd - this.start > this.limits.headBytes) {
      this.fault = Fault.headTooLarge;
      return false;
    }
    let { valueEnd } = this;
    while (valueEnd > this.valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
    const index = this.fieldCount++;
    const at = index * fieldStride;
    const spans = this.spans;
    spans[at] = start;
    spans[at + 1] = this.nameEnd;
    spans[at + 2] = this.valueStart;
    spans[at + 3] = valueEnd;
    spans[at + 4] = lineEnd;
    this.isUneven[index] = valueEnd < this.valueEnd ? 1 : 0;
    const kind = recogniseField(bytes, start, this.nameEnd);
    this.kinds[index] = kind;
    if (kind === Field.other) this.noteOther(bytes, start, this.nameEnd);
    else {
      this.noteField(kind, bytes, this.valueStart, valueEnd, index);
      return this.fault === Fault.none;
    }
    return true;
  }
}

// Brings a head together from however many reads it takes, and hands out parsers.
//
// A head that arrives whole is parsed where it lies, with a parser that is given back at once; only a head that is cut
// by the network gets a buffer of its own. The buffer is bounded by the parser's limits.
import type { HeadParser } from "./head.ts";
import { Parsed } from "./head.ts";
import type { HeadLimits } from "./limits.ts";
import { RequestHeadParser } from "./request-head.ts";
import { ResponseHeadParser } from "./response-head.ts";

/** Parsers that nobody uses now; a parser holds no bytes, so a few serve every connection. */
class ParserPool<P extends HeadParser> {
  private readonly spare: Array<P> = [];

  constructor(private readonly make: () => P) {}

  take(): P {
    return this.spare.pop() ?? this.make();
  }

  giveBack(parser: P): void {
    if (this.spare.length < 64) this.spare.push(parser);
  }
}

const requestParsers = new ParserPool(() => new RequestHeadParser());
const responseParsers = new ParserPool(() => new ResponseHeadParser());

/** Reads one head after another from a connection. */
export class HeadReader<P extends HeadParser> {
  /** The parser while a head is under way or complete; {@link release} ends that. */
  parser: P | undefined = undefined;
  /** The buffer that the parser's offsets point into. */
  bytes: Uint8Array = empty;
  /** Where the buffer's bytes end; what lies between the parser's `pos` and here is behind the head. */
  end = 0;
  private isOwn = false;

  constructor(private readonly parsers: ParserPool<P>) {}

  /** How much of the head under way has come, in bytes. */
  get headBytes(): number {
    return this.parser === undefined ? 0 : this.end - this.parser.start;
  }

  /** Goes on with `chunk[start, …)`, within limits that hold from the head's first byte. After `incomplete` the chunk isn't needed any more. */
  read(chunk: Uint8Array, start: number, limits: HeadLimits): Parsed {
    let { parser } = this;
    if (parser === undefined) {
      parser = this.parsers.take();
      parser.begin(start, limits);
      this.parser = parser;
      this.bytes = chunk;
      this.end = chunk.length;
    } else {
      this.append(chunk, start);
    }
    const parsed = parser.parse(this.bytes, this.end);
    if (parsed === Parsed.incomplete && !this.isOwn) this.keep(parser);
    return parsed;
  }

  /**
   * Puts a repaired head in the place of the one that was read, and reads it; what lies behind the head stays behind it.
   *
   * *Details*: the parser then stands as if the repaired head had come.
   */
  replaceHead(repaired: Uint8Array, limits: HeadLimits): Parsed {
    const parser = this.parser as P;
    const room = parser.pos - repaired.length;
    if (room >= 0) {
      // In place, over the head and what was read before it: what lies behind needn't move.
      this.bytes.set(repaired, room);
      parser.begin(room, relax(limits), true);
      return parser.parse(this.bytes, room + repaired.length);
    }
    const behind = this.bytes.subarray(parser.pos, this.end);
    const bytes = new Uint8Array(repaired.length + behind.length);
    bytes.set(repaired);
    bytes.set(behind, repaired.length);
    this.bytes = bytes;
    this.end = bytes.length;
    this.isOwn = true;
    parser.begin(0, relax(limits), true);
    return parser.parse(bytes, repaired.length);
  }

  /** Forgets the head; its bytes may be reused. */
  release(): void {
    if (this.parser === undefined) return;
    this.parsers.giveBack(this.parser);
    this.parser = undefined;
    this.bytes = empty;
    this.end = 0;
    this.isOwn = false;
  }

  /** Moves the cut head to a buffer that can grow. */
  private keep(parser: P): void {
    const from = Math.min(parser.start, parser.pos);
    const length = this.end - from;
    const own = new Uint8Array(Math.max(1024, length * 2));
    own.set(this.bytes.subarray(from, this.end));
    parser.rebase(from);
    this.bytes = own;
    this.end = length;
    this.isOwn = true;
  }

  private append(chunk: Uint8Array, start: number): void {
    const needed = this.end + chunk.length - start;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.end));
      this.bytes = larger;
    }
    this.bytes.set(start === 0 ? chunk : chunk.subarray(start), this.end);
    this.end = needed;
  }
}

const empty = new Uint8Array(0);

export const makeRequestReader = (): HeadReader<RequestHeadParser> => new HeadReader(requestParsers);
export const makeResponseReader = (): HeadReader<ResponseHeadParser> => new HeadReader(responseParsers);

/**
 * Limits are for what comes, and a repaired head may be longer: a blank in a target becomes `%20`, a colon gets one behind
 * it. A field with its folds is one field, as it came and as it goes on.
 */
const relax = (limits: HeadLimits): HeadLimits => ({
  ...limits,
  startLineBytes: limits.startLineBytes * 3,
  fieldBytes: limits.fieldBytes + 2,
  headBytes: limits.headBytes * 3,
});

// Numbers and a client's bytes as the text of a log line, written where they belong without becoming strings.
//
// Each writes at an offset and answers the one behind it: an offset in a register costs less than one in an object. Four
// bytes are stored at once where that can be, digits out of tables: a third of the cost of single bytes and divisions. So
// each may write up to three bytes too many, which what follows covers; the caller has made room for them too. Behind a
// number there is a blank, which most fields want there. Everything that comes out is printable ASCII.
const zero = 0x30;
const backslash = 0x5c;
const quote = 0x22;
const blank = 0x20;
/** `0.`, as two bytes are stored. */
const zeroAndDot = 0x2e30;
const dot = 0x2e;
/** Numbers below this are reckoned as 32-bit integers. */
const smallBelow = 2 ** 31;

/** Four characters as they are stored at once, the first one first. */
const pack = (first: number, second: number, third: number, fourth: number): number =>
  first | (second << 8) | (third << 16) | (fourth << 24);

const minusOne = pack(0x2d, 0x31, blank, blank);

/** The text of each number below 1,000, filled up with blanks. */
const packNumbers = (textOf: (value: number) => string): Int32Array =>
  Int32Array.from({ length: 1000 }, (_, value) => {
    const [first, second, third, fourth] = Buffer.from(textOf(value).padEnd(4));
    return pack(first as number, second as number, third as number, fourth as number);
  });

const plainNumbers = packNumbers((value) => String(value));
/** With zeros in front. */
const triples = packNumbers((value) => String(value).padStart(3, "0"));

/** 1 for what a word may hold as it is: visible ASCII without quotes and backslashes. */
const isPlain = new Uint8Array(256);
for (let byte = 0x21; byte < 0x7f; byte++) isPlain[byte] = byte === quote || byte === backslash ? 0 : 1;
/** The same with blanks. */
const isPlainOrBlank = Uint8Array.from(isPlain);
isPlainOrBlank[blank] = 1;

/** A whole number that isn't negative. */
export const putDecimal = (line: DataView, at: number, value: number): number => {
  if (value < 1000) {
    line.setInt32(at, plainNumbers[value] as number, true);
    return at + (value < 10 ? 1 : value < 100 ? 2 : 3);
  }
  if (value >= smallBelow) return putLarge(line, at, value);
  const thousands = (value / 1000) | 0;
  const behind = putDecimal(line, at, thousands);
  line.setInt32(behind, triples[value - thousands * 1000] as number, true);
  return behind + 3;
};

const putLarge = (line: DataView, at: number, value: number): number => {
  const text = String(value);
  for (let index = 0; index < text.length; index++) line.setUint8(at + index, text.charCodeAt(index));
  line.setUint8(at + text.length, blank);
  return at + text.length;
};

/** Millionths of a second, a whole number below 1,000,000, in six digits. */
export const putMicros = (line: DataView, at: number, value: number): number => {
  const thousands = (value / 1000) | 0;
  line.setInt32(at, triples[thousands] as number, true);
  line.setInt32(at + 3, triples[value - thousands * 1000] as number, true);
  return at + 6;
};

/** Milliseconds as seconds with six decimals; `-1` for what is negative. */
export const putSeconds = (line: DataView, at: number, ms: number): number => {
  if (ms < 0) {
    line.setInt32(at, minusOne, true);
    return at + 2;
  }
  // What would be rounded up to a whole second isn't below it.
  if (ms < 999) {
    line.setInt16(at, zeroAndDot, true);
    return putMicros(line, at + 2, (ms * 1000 + 0.5) | 0);
  }
  const micros = Math.round(ms * 1000);
  const seconds = Math.floor(micros / 1e6);
  const behind = putDecimal(line, at, seconds);
  line.setUint8(behind, dot);
  return putMicros(line, behind + 1, micros - seconds * 1e6);
};

/** A client's bytes as one field, without a blank. */
export const putWord = (line: DataView, at: number, source: Uint8Array, start: number, end: number): number =>
  putEscaped(line, at, source, start, end, isPlain);

/** A client's bytes between quotes. */
export const putAgent = (line: DataView, at: number, source: Uint8Array, start: number, end: number): number =>
  putEscaped(line, at, source, start, end, isPlainOrBlank);

const putEscaped = (
  line: DataView,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
  plain: Uint8Array,
): number => {
  let from = start;
  let to = at;
  for (; from + 4 <= end; from += 4, to += 4) {
    const first = source[from] as number;
    const second = source[from + 1] as number;
    const third = source[from + 2] as number;
    const fourth = source[from + 3] as number;
    const arePlain =
      (plain[first] as number) & (plain[second] as number) & (plain[third] as number) & (plain[fourth] as number);
    // The rest of such a text is spelled byte by byte; few are of this kind.
    if (arePlain === 0) break;
    line.setInt32(to, pack(first, second, third, fourth), true);
  }
  for (; from < end; from++) {
    const byte = source[from] as number;
    if (plain[byte] === 1) line.setUint8(to++, byte);
    else {
      line.setInt32(to, pack(backslash, 0x78, hexDigit(byte >> 4), hexDigit(byte & 15)), true);
      to += 4;
    }
  }
  return to;
};

const hexDigit = (value: number): number => (value < 10 ? zero + value : 0x37 + value);

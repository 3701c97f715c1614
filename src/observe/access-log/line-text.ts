// Numbers and a client's bytes as the text of a log line, written where they belong without becoming strings.
//
// Each writes at an offset and answers the one behind it: an offset in a register costs less than one in an object. The
// caller has made room. Everything that comes out is printable ASCII.
const zero = 0x30;
const backslash = 0x5c;
const quote = 0x22;
const blank = 0x20;
const hyphen = 0x2d;
const dot = 0x2e;
/** Numbers below this are reckoned as 32-bit integers, which is several times cheaper. */
const smallBelow = 2 ** 31;

/** 1 for what a word may hold as it is: visible ASCII without quotes and backslashes. */
const isPlain = new Uint8Array(256);
for (let byte = 0x21; byte < 0x7f; byte++) isPlain[byte] = byte === quote || byte === backslash ? 0 : 1;
/** The same with blanks. */
const isPlainOrBlank = Uint8Array.from(isPlain);
isPlainOrBlank[blank] = 1;

/** A whole number that isn't negative. */
export const putDecimal = (bytes: Uint8Array, at: number, value: number): number => {
  if (value < 10) {
    bytes[at] = zero + value;
    return at + 1;
  }
  if (value >= smallBelow) return putLarge(bytes, at, value);
  let digits = 2;
  for (let power = 100; power <= value && digits < 10; power *= 10) digits++;
  return putDigits(bytes, at, value, digits);
};

/** A whole number below 2³¹ in so many digits, with zeros in front. */
export const putDigits = (bytes: Uint8Array, at: number, value: number, digits: number): number => {
  const end = at + digits;
  let rest = value | 0;
  for (let to = end - 1; to >= at; to--) {
    const tenth = (rest / 10) | 0;
    bytes[to] = zero + (rest - tenth * 10);
    rest = tenth;
  }
  return end;
};

const putLarge = (bytes: Uint8Array, at: number, value: number): number => {
  const text = String(value);
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
};

/** Milliseconds as seconds with six decimals; `-1` for what is negative. */
export const putSeconds = (bytes: Uint8Array, at: number, ms: number): number => {
  if (ms < 0) {
    bytes[at] = hyphen;
    bytes[at + 1] = zero + 1;
    return at + 2;
  }
  if (ms < 1000) {
    const micros = Math.round(ms * 1000) | 0;
    // What is rounded up to a whole second has seven digits.
    const second = micros === 1_000_000 ? 1 : 0;
    bytes[at] = zero + second;
    bytes[at + 1] = dot;
    return putDigits(bytes, at + 2, second === 1 ? 0 : micros, 6);
  }
  const micros = Math.round(ms * 1000);
  const seconds = Math.floor(micros / 1e6);
  const behind = putDecimal(bytes, at, seconds);
  bytes[behind] = dot;
  return putDigits(bytes, behind + 1, micros - seconds * 1e6, 6);
};

/** What is known to be plain, as it is. */
export const putFixed = (bytes: Uint8Array, at: number, source: Uint8Array): number => {
  const { length } = source;
  for (let index = 0; index < length; index++) bytes[at + index] = source[index] as number;
  return at + length;
};

/** A client's bytes as one field, without a blank. */
export const putWord = (bytes: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number =>
  putEscaped(bytes, at, source, start, end, isPlain);

/** A client's bytes between quotes. */
export const putAgent = (bytes: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number =>
  putEscaped(bytes, at, source, start, end, isPlainOrBlank);

const putEscaped = (
  bytes: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
  plain: Uint8Array,
): number => {
  let to = at;
  for (let from = start; from < end; from++) {
    const byte = source[from] as number;
    if (plain[byte] === 1) bytes[to++] = byte;
    else {
      bytes[to] = backslash;
      bytes[to + 1] = 0x78;
      bytes[to + 2] = hexDigit(byte >> 4);
      bytes[to + 3] = hexDigit(byte & 15);
      to += 4;
    }
  }
  return to;
};

const hexDigit = (value: number): number => (value < 10 ? zero + value : 0x37 + value);

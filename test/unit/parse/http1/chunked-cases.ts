// Chunked bodies as text, and what is read of each: `"data" + "rest"`, `"data so far"…`, or the fault's name.

/** Name, bytes, and what `readChunked` says of them. */
export type BodyCase = readonly [name: string, text: string, expected: string];

export const soundBodies: ReadonlyArray<BodyCase> = [
  ["an empty body", "0\r\n\r\n", '"" + ""'],
  ["one chunk", "5\r\nhello\r\n0\r\n\r\n", '"hello" + ""'],
  ["some chunks", "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", '"abcdef" + ""'],
  ["hexadecimal, both cases", `a\r\n0123456789\r\nB\r\nabcdefghijk\r\n0\r\n\r\n`, '"0123456789abcdefghijk" + ""'],
  ["leading zeros", "0005\r\nhello\r\n000\r\n\r\n", '"hello" + ""'],
  ["thirteen digits", "0000000000001\r\na\r\n0000000000000\r\n\r\n", '"a" + ""'],
  ["data that looks like framing", "7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", '"0\r\n\r\n\r\n" + ""'],
  ["every kind of byte", "4\r\n\0\xff\r\n\r\n0\r\n\r\n", '"\0\xff\r\n" + ""'],
  ["an extension", "1;a=b;c\r\nx\r\n0;d\r\n\r\n", '"x" + ""'],
  ["a quoted extension", '1;a="b;c \\"d"\r\nx\r\n0\r\n\r\n', '"x" + ""'],
  ["blanks around an extension", "1 \t; a=b\r\nx\r\n0 ;c\r\n\r\n", '"x" + ""'],
  ["an extension of obs-text", "1;\xe4\r\nx\r\n0\r\n\r\n", '"x" + ""'],
  ["trailers", "1\r\nx\r\n0\r\nA: 1\r\nB:\r\n\r\n", '"x" + ""'],
  ["a trailer that looks like framing", "0\r\nContent-Length: 5\r\n\r\nhello", '"" + "hello"'],
  ["a request behind", "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n", '"x" + "GET / HTTP/1.1\r\n"'],
  ["an empty line behind", "0\r\n\r\n\r\n", '"" + "\r\n"'],
];

export const unfinishedBodies: ReadonlyArray<BodyCase> = [
  ["nothing", "", '""…'],
  ["a size", "5", '""…'],
  ["a chunk cut short", "5\r\nhel", '"hel"…'],
  ["a chunk without its end", "5\r\nhello", '"hello"…'],
  ["no last chunk", "5\r\nhello\r\n", '"hello"…'],
  ["no last line", "1\r\nx\r\n0\r\n", '"x"…'],
  ["trailers cut short", "0\r\nA: 1\r\n\r", '""…'],
  ["the largest size", "FFFFFFFFFFFFF\r\nabc", '"abc"…'],
];

export const brokenBodies: ReadonlyArray<BodyCase> = [
  ["an empty size", "\r\n", "fault badChunkSize"],
  ["a blank in front of the size", " 1\r\nx\r\n", "fault badChunkSize"],
  ["a negative size", "-1\r\n", "fault badChunkSize"],
  ["a signed size", "+1\r\nx\r\n", "fault badChunkSize"],
  ["a prefixed size", "0x1\r\nx\r\n", "fault badChunkSize"],
  ["a size of other letters", "G\r\n", "fault badChunkSize"],
  ["an extension without a size", ";a\r\n", "fault badChunkSize"],
  ["a word behind the size", "5 garbage\r\nhello\r\n0\r\n\r\n", "fault badChunkSize"],
  ["two sizes", "5 5\r\nhello\r\n0\r\n\r\n", "fault badChunkSize"],
  ["fourteen digits", "00000000000001\r\na\r\n", "fault badChunkSize"],
  ["a size beyond 2^64", "10000000000000005\r\nhello\r\n0\r\n\r\n", "fault badChunkSize"],
  ["a bare LF behind the size", "1\nx\r\n0\r\n\r\n", "fault badChunkSize"],
  ["a bare CR behind the size", "1\rx\r\n", "fault badChunkSize"],
  ["two CRs behind the size", "1\r\r\nx\r\n", "fault badChunkSize"],
  ["a bare LF in an extension", "1;a\nx\r\n0\r\n\r\n", "fault badChunkSize"],
  ["a bare CR in an extension", "1;a\rb\r\nx\r\n", "fault badChunkSize"],
  ["a NUL in an extension", "1;\0\r\nx\r\n", "fault badChunkSize"],
  ["a chunk longer than its size", "1\r\nxy\r\n0\r\n\r\n", "fault badChunkEnd"],
  ["a chunk shorter than its size", "3\r\nx\r\n0\r\n\r\n", "fault badChunkEnd"],
  ["a bare LF behind a chunk", "1\r\nx\n0\r\n\r\n", "fault badChunkEnd"],
  ["a bare CR behind a chunk", "1\r\nx\r0\r\n\r\n", "fault badChunkEnd"],
  ["no line end behind a chunk", "1\r\nx0\r\n\r\n", "fault badChunkEnd"],
  ["a bare LF at the end", "0\r\n\n", "fault badTrailer"],
  ["a bare CR at the end", "0\r\n\rX", "fault badTrailer"],
  ["a trailer without a name", "0\r\n: 1\r\n\r\n", "fault badTrailer"],
  ["a trailer without a colon", "0\r\nA\r\n\r\n", "fault badTrailer"],
  ["a blank in front of a trailer's colon", "0\r\nA : 1\r\n\r\n", "fault badTrailer"],
  ["a folded trailer", "0\r\nA: 1\r\n b\r\n\r\n", "fault badTrailer"],
  ["a bare LF behind a trailer", "0\r\nA: 1\n\r\n", "fault badTrailer"],
  ["a bare CR in a trailer", "0\r\nA: 1\rB: 2\r\n\r\n", "fault badTrailer"],
  ["a NUL in a trailer", "0\r\nA: \0\r\n\r\n", "fault badTrailer"],
  ["a request where a trailer belongs", "0\r\nGET / HTTP/1.1\r\n\r\n", "fault badTrailer"],
];

/** Bounds: 4 KiB of extension on one line, 16 KiB of trailers with the empty line that ends them. */
const extension = (length: number): string => `1;${"e".repeat(length)}\r\nx\r\n0\r\n\r\n`;
const trailers = (length: number): string => `0\r\n${trailerLines(length - 2)}\r\n`;
const trailerLines = (length: number): string => {
  const line = `T: ${"t".repeat(1019)}\r\n`;
  const whole = Math.floor((length - 5) / line.length);
  return `${line.repeat(whole)}U: ${"u".repeat(length - whole * line.length - 5)}\r\n`;
};

export const boundedBodies: ReadonlyArray<BodyCase> = [
  ["an extension of the limit", extension(4096), '"x" + ""'],
  ["an extension beyond it", extension(4097), "fault badChunkSize"],
  ["blanks beyond it", `1${" ".repeat(4098)}\r\nx\r\n`, "fault badChunkSize"],
  ["two extensions, each within it", `1;${"e".repeat(4096)}\r\nx\r\n0;${"e".repeat(4096)}\r\n\r\n`, '"x" + ""'],
  ["trailers of the limit", trailers(16 * 1024), '"" + ""'],
  ["trailers beyond it", trailers(16 * 1024 + 1), "fault trailerTooLarge"],
  ["a trailer's name that does not end", `0\r\n${"n".repeat(16 * 1024)}`, "fault trailerTooLarge"],
  ["a trailer's value that does not end", `0\r\nN:${"v".repeat(16 * 1024)}`, "fault trailerTooLarge"],
];

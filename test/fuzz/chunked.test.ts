// Chunked bodies by chance: what is encoded is decoded, however it is cut; and the decoder agrees with a simpler one.
import { expect, test } from "bun:test";
import { ByteWriter } from "../../src/parse/byte-writer.ts";
import { bytesOf, textOf } from "../../src/parse/http1/bytes.ts";
import { lastChunk, writeChunkEnd, writeChunkStart } from "../../src/parse/http1/chunked.ts";
import { passOnChunks, readChunked } from "../unit/parse/http1/chunked-reader.ts";
import { mutate, randomBytes } from "./messages.ts";
import { forSeeds, type Random } from "./random.ts";

const mostMs = 500;

test("decoding is the inverse of encoding, and stops at the end", () => {
  forSeeds(10_000, mostMs, (random) => {
    const out = new ByteWriter(random.below(64));
    let data = "";
    for (let chunks = random.below(20); chunks > 0; chunks--) {
      const chunk = randomBytes(random, random.pick([1, 5, 20, 300]));
      if (chunk.length === 0) continue;
      writeChunkStart(chunk.length, out);
      out.put(chunk);
      writeChunkEnd(out);
      data += textOf(chunk, 0, chunk.length);
    }
    out.put(lastChunk);
    const rest = randomBytes(random, 10);
    out.put(rest);
    const read = readChunked(random.below(4))(random.cut(out.view().slice(), 30));
    expect(read).toBe(`"${data}" + "${textOf(rest, 0, rest.length)}"`);
  });
});

const extension = 'abc=;" \t\xe4,()';

const randomBody = (random: Random): string => {
  let text = "";
  for (let chunks = random.below(8); chunks > 0; chunks--) {
    const data = random.text("abc\r\n0;:", 1, 20);
    const size = data.length.toString(16);
    const written = random.chance(0.5) ? size.toUpperCase() : size;
    text += `${random.text("0", 0, 3)}${written}${random.chance(0.3) ? `;${random.text(extension, 0, 10)}` : ""}\r\n${data}\r\n`;
  }
  text += `0${random.chance(0.2) ? ` ;${random.text(extension, 0, 5)}` : ""}\r\n`;
  for (let trailers = random.below(3); trailers > 0; trailers--)
    text += `T${random.below(9)}:${random.text(extension, 0, 10)}\r\n`;
  return `${text}\r\n${random.chance(0.3) ? "GET / HTTP/1.1\r\n" : ""}`;
};

/** The grammar as regular expressions over the whole text: slow, and told from the decoder by nothing but its kind. */
const readSimply = (text: string): string => {
  let at = 0;
  let data = "";
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at += match[0].length;
    return match;
  };
  for (;;) {
    const size = take(/([0-9A-Fa-f]{1,13})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n/y);
    if (size === null) return "no";
    const length = Number.parseInt(size[1] as string, 16);
    if (length === 0) break;
    data += text.slice(at, at + length);
    at += length;
    if (take(/\r\n/y) === null) return "no";
  }
  while (take(/[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n/y) !== null);
  return take(/\r\n/y) === null ? "no" : `"${data}" + "${text.slice(at)}"`;
};

test("broken or sound, it agrees with a simpler reading, however it is cut", () => {
  let sound = 0;
  let broken = 0;
  forSeeds(30_000, mostMs, (random) => {
    const bytes = random.chance(0.5) ? mutate(random, randomBody(random)) : bytesOf(randomBody(random));
    const whole = readChunked()([bytes.slice()]);
    for (let times = 0; times < 3; times++) expect(readChunked(random.below(3))(random.cut(bytes))).toBe(whole);
    const simply = readSimply(textOf(bytes, 0, bytes.length));
    if (simply === "no") {
      broken++;
      expect(whole).toMatch(/^fault |…$/);
    } else {
      sound++;
      expect(whole).toBe(simply);
    }
  });
  if (sound + broken > 100) expect(Math.min(sound, broken)).toBeGreaterThan(10);
});

/** Where the " + " stands behind what was passed on: the first one that a whole body stands before. */
const endOfBody = (sent: string): number => {
  let at = sent.indexOf(" + ");
  while (at >= 0 && !readChunked()([bytesOf(sent.slice(0, at))]).endsWith('" + ""')) at = sent.indexOf(" + ", at + 1);
  return at;
};

test("what is passed on says the same, whatever was cut where and however long a chunk may be", () => {
  let sound = 0;
  let tries = 0;
  forSeeds(30_000, mostMs, (random) => {
    tries++;
    const bytes = random.chance(0.3) ? mutate(random, randomBody(random)) : bytesOf(randomBody(random));
    const whole = readChunked()([bytes.slice()]);
    const partMaxBytes = random.chance(0.5) ? undefined : 1 + random.below(8);
    const offset = random.below(3);
    const sent = passOnChunks(partMaxBytes === undefined ? { offset } : { offset, partMaxBytes })(random.cut(bytes));
    if (whole.startsWith("fault")) {
      expect(sent).toBe(whole);
    } else if (whole.endsWith("…")) {
      expect(readChunked()([bytesOf(sent.slice(0, -1))])).toBe(whole);
    } else {
      sound++;
      // What is behind the body is the same text in both, so the whole of it reads the same.
      const at = endOfBody(sent);
      expect(readChunked()([bytesOf(sent.slice(0, at) + sent.slice(at + 3))])).toBe(whole);
      // Strictly ours: plain sizes, no extension, and trailers that a second pass changes nothing of.
      expect(passOnChunks()([bytesOf(sent.slice(0, at))])).toBe(`${sent.slice(0, at)} + `);
    }
  });
  if (tries > 100) expect(sound).toBeGreaterThan(10);
});

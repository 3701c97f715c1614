// Replays bytes at every split: whole, cut once at each position, and byte by byte. Parser tests hang on this file.
//
// Each piece is a buffer of its own, as the network brings it, so that a parser that looks at another piece is caught.
import { expect } from "bun:test";
import { bytesOf, textOf } from "../../../../src/parse/http1/bytes.ts";

export type Pieces = ReadonlyArray<Uint8Array>;

/** Cuts at each of `cuts`, in order. */
export const cutAt = (bytes: Uint8Array, cuts: Iterable<number>): Pieces => {
  const pieces: Array<Uint8Array> = [];
  let from = 0;
  for (const cut of cuts) {
    pieces.push(bytes.slice(from, cut));
    from = cut;
  }
  pieces.push(bytes.slice(from));
  return pieces;
};

export const byteByByte = (bytes: Uint8Array): Pieces => Array.from(bytes, (byte) => Uint8Array.of(byte));

export const joinPieces = (pieces: Pieces): Uint8Array => {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
};

export const wholeText = (bytes: Uint8Array): string => textOf(bytes, 0, bytes.length);

/** Expects the same of `text` whole, cut at each of `positions` (all of them, if left out), and byte by byte. */
export const expectAtEverySplit = (
  text: string,
  run: (pieces: Pieces) => string,
  expected: string,
  positions?: Iterable<number>,
): void => {
  const bytes = bytesOf(text);
  expect(run([bytes.slice()])).toBe(expected);
  for (const cut of positions ?? Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => index + 1)) {
    const result = run(cutAt(bytes, [cut]));
    if (result !== expected) expect(`cut at ${cut}: ${result}`).toBe(`cut at ${cut}: ${expected}`);
  }
  const trickled = run(byteByByte(bytes));
  if (trickled !== expected) expect(`byte by byte: ${trickled}`).toBe(`byte by byte: ${expected}`);
};

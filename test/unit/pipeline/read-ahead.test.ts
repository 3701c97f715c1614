// What a client sent ahead: kept in order, within a bound, copied once, and never written over once it was handed out.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { ReadAhead } from "../../../src/pipeline/read-ahead.ts";
import { Random } from "../../fuzz/random.ts";
import { makeFakeTransport } from "../net/fake-socket.ts";
import { wholeText } from "../parse/http1/splits.ts";

const make = () => {
  const { transport, socket } = makeFakeTransport();
  return { input: new ReadAhead(transport), transport, socket };
};

test("nothing is taken from nothing", () => {
  const { input } = make();
  input.keep(bytesOf(""), 10);
  expect([input.isEmpty, input.take().length]).toEqual([true, 0]);
});

test("one piece isn't copied", () => {
  const { input } = make();
  const piece = bytesOf("hello");
  input.keep(piece, 100);
  expect(input.take().buffer).toBe(piece.buffer);
});

test("the client isn't read from the bound on, until it is taken", () => {
  const { input, transport } = make();
  input.keep(bytesOf("1234"), 5);
  expect(transport.isValveShut).toBe(false);
  input.keep(bytesOf("5"), 5);
  input.keep(bytesOf("6"), 5);
  expect(transport.isValveShut).toBe(true);
  expect(wholeText(input.take())).toBe("123456");
  expect(transport.isValveShut).toBe(false);
});

test("what is taken and kept again in part isn't copied, and what was handed out isn't written over", () => {
  const { input } = make();
  input.keep(bytesOf("one "), 100);
  input.keep(bytesOf("two "), 100);
  const first = input.take();
  expect(wholeText(first)).toBe("one two ");
  input.keep(first.subarray(4), 100);
  input.keep(bytesOf("three"), 100);
  const second = input.take();
  expect(second.buffer).toBe(first.buffer);
  expect([wholeText(first), wholeText(second)]).toEqual(["one two ", "two three"]);
});

test("behind a tail that is not its own, a piece begins anew", () => {
  const { input } = make();
  input.keep(bytesOf("one "), 100);
  input.keep(bytesOf("two "), 100);
  const first = input.take();
  input.keep(bytesOf("other"), 100);
  input.keep(bytesOf("s"), 100);
  expect([wholeText(first), wholeText(input.take())]).toEqual(["one two ", "others"]);
});

test("it keeps nothing when it forgets", () => {
  const { input } = make();
  input.keep(bytesOf("one "), 100);
  input.keep(bytesOf("two "), 100);
  const tail = input.take().subarray(4);
  input.forget();
  input.keep(tail, 100);
  expect(wholeText(input.take())).toBe("two ");
});

test("any order of keeping and taking gives the stream back", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new Random(seed);
    const { input } = make();
    let sent = "";
    let seen = "";
    const handedOut: Array<readonly [Uint8Array, string]> = [];
    for (let step = 0; step < 200; step++) {
      if (random.below(3) > 0) {
        const piece = String.fromCharCode(...Array.from({ length: random.below(40) }, () => 97 + random.below(26)));
        sent += piece;
        input.keep(bytesOf(piece), 1000);
        continue;
      }
      const bytes = input.take();
      handedOut.push([bytes, wholeText(bytes)]);
      const used = random.below(bytes.length + 1);
      seen += wholeText(bytes.subarray(0, used));
      input.keep(bytes.subarray(used), 1000);
    }
    seen += wholeText(input.take());
    expect([seed, seen]).toEqual([seed, sent]);
    for (const [bytes, text] of handedOut) expect(wholeText(bytes)).toBe(text);
  }
});

test("small pieces cost what one big one does: each byte is copied a few times at most", () => {
  const { input } = make();
  const { set } = Uint8Array.prototype;
  let copiedBytes = 0;
  Uint8Array.prototype.set = function (this: Uint8Array, source: ArrayLike<number>, offset?: number) {
    copiedBytes += source.length;
    set.call(this, source, offset);
  };
  try {
    for (let index = 0; index < 64 * 1024; index++) input.keep(new Uint8Array(1), 1024 * 1024);
  } finally {
    Uint8Array.prototype.set = set;
  }
  expect(input.take().length).toBe(64 * 1024);
  expect(copiedBytes).toBeLessThan(4 * 64 * 1024);
});

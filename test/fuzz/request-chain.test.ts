// Requests by chance through the whole chain, in every mode: the strict pass, the judge, the repair, the strict pass again,
// the writer, and then a strict reader as an instance may be. What goes on says one thing, whoever reads it.
import { expect, test } from "bun:test";
import { ByteWriter } from "../../src/parse/byte-writer.ts";
import { bytesOf, textOf } from "../../src/parse/http1/bytes.ts";
import {
  classOf,
  DesyncAction,
  DesyncClass,
  type DesyncMode,
  type DesyncReason,
  desyncModes,
} from "../../src/parse/http1/desync.ts";
import { Fault, nameOfFault } from "../../src/parse/http1/fault.ts";
import { Parsed } from "../../src/parse/http1/head.ts";
import { makeRequestReader } from "../../src/parse/http1/head-reader.ts";
import { judgeHead } from "../../src/parse/http1/judge.ts";
import { defaultHeadLimits, type HeadLimits } from "../../src/parse/http1/limits.ts";
import { readRawHead } from "../../src/parse/http1/raw-head.ts";
import type { RequestHeadParser } from "../../src/parse/http1/request-head.ts";
import { screenRequest } from "../../src/parse/http1/screen.ts";
import { type ClientFacts, makeLastLines, writeRequestHead } from "../../src/parse/http1/serialise.ts";
import { audit } from "../hostile/audit.ts";
import { mutate, randomBytes, randomRequest } from "./messages.ts";
import { randomOddRequest } from "./odd-requests.ts";
import { forSeeds, isReplay, type Random } from "./random.ts";

const mostMs = 700;
const poison = 0xbd;
const client: ClientFacts = {
  address: bytesOf("127.0.0.1"),
  lastLines: makeLastLines("http", 8080),
  nodeAddress: () => bytesOf("192.0.2.1"),
};

/** What became of a head. */
interface Passed {
  readonly verdict: "served" | "incomplete" | "blocked" | `refused ${string}`;
  readonly reason?: DesyncReason | undefined;
  /** The head as it goes on, and what of it frames the body. */
  readonly written?: string;
  readonly framing?: string;
  readonly closes?: boolean;
  readonly rest?: string;
}

const framingOf = (head: RequestHeadParser): string =>
  JSON.stringify([
    head.sendsChunks ? "chunks" : Math.max(0, head.contentLength),
    !head.hasOtherCodings ? "" : textOf(head.otherCodings, 0, head.otherCodings.length),
  ]);

/** Passes the first head of `pieces`; what a reader has taken in is overwritten, and what it holds stays bounded. */
const pass = (pieces: ReadonlyArray<Uint8Array>, mode: DesyncMode, limits: HeadLimits = defaultHeadLimits): Passed => {
  const reader = makeRequestReader();
  try {
    for (const [index, piece] of pieces.entries()) {
      const chunk = piece.slice();
      const parsed = reader.read(chunk, 0, limits);
      const parser = reader.parser as RequestHeadParser;
      if (parsed === Parsed.incomplete) {
        chunk.fill(poison);
        const most = 2 * (limits.headBytes + limits.startLineBytes + chunk.length) + 1024;
        if (reader.bytes.length > most) throw new Error(`holds ${reader.bytes.length} bytes of ${limits.headBytes}`);
        continue;
      }
      if (parsed === Parsed.faulty) return { verdict: `refused ${nameOfFault(parser.fault)}` };
      let reason: DesyncReason | undefined;
      let closes = false;
      if (parser.isOdd) {
        const screened = screenRequest(reader, mode, limits);
        ({ reason } = screened);
        closes = screened.action === DesyncAction.allowAndClose;
        if (screened.fault !== Fault.none) return { verdict: `refused ${nameOfFault(screened.fault)}`, reason };
        if (screened.action === DesyncAction.block) return { verdict: "blocked", reason };
      } else {
        // The strict pass lets nothing by that the judge would have called odd.
        reason = judgeHead(readRawHead(reader.bytes, parser.start, parser.pos), reader.bytes);
        expect(reason).toBeUndefined();
      }
      const out = new ByteWriter(16);
      writeRequestHead(parser, reader.bytes, client, out);
      const behind = textOf(reader.bytes, parser.pos, reader.end);
      const later = pieces.slice(index + 1).map((one) => textOf(one, 0, one.length));
      return {
        verdict: "served",
        reason,
        closes,
        written: textOf(out.view(), 0, out.length),
        framing: framingOf(parser),
        rest: behind + later.join(""),
      };
    }
    return { verdict: "incomplete" };
  } finally {
    reader.release();
  }
};

const input = (random: Random): Uint8Array => {
  if (random.chance(0.03)) return randomBytes(random, 200);
  const text = random.chance(0.7) ? randomOddRequest(random) : randomRequest(random);
  return random.chance(0.3) ? mutate(random, text) : bytesOf(text);
};

test("in every mode the same, however it is cut; and a stricter mode serves no other bytes than a laxer one", () => {
  const seen = new Map<string, number>();
  forSeeds(20_000, mostMs, (random) => {
    const bytes = input(random);
    const [monitor, defensive, strictest] = desyncModes.map((mode) => {
      const whole = pass([bytes], mode);
      expect(pass(random.cut(bytes), mode)).toEqual(whole);
      return whole;
    }) as [Passed, Passed, Passed];
    expect([defensive.reason, strictest.reason]).toEqual([monitor.reason, monitor.reason]);
    const desyncClass = classOf(monitor.reason);
    seen.set(monitor.reason ?? monitor.verdict, (seen.get(monitor.reason ?? monitor.verdict) ?? 0) + 1);
    if (monitor.verdict !== "served") {
      // What no mode can serve is refused in each, unless its class has it blocked before.
      for (const { verdict } of [defensive, strictest]) expect([monitor.verdict, "blocked"]).toContain(verdict);
      return;
    }
    // In monitor both connections close only where a request that is Ambiguous or worse speaks of a body.
    if (monitor.closes) expect(desyncClass).toBeGreaterThanOrEqual(DesyncClass.ambiguous);
    if (desyncClass === DesyncClass.severe) expect(defensive.verdict).toBe("blocked");
    else expect(defensive).toEqual({ ...monitor, closes: desyncClass === DesyncClass.ambiguous });
    if (desyncClass === DesyncClass.compliant) expect(strictest).toEqual(monitor);
    else expect(strictest.verdict).toBe("blocked");
  });
  // The inputs are of use only when they reach far: most reasons come up in every run of some length.
  if ([...seen.values()].reduce((sum, count) => sum + count, 0) > 1000) expect(seen.size).toBeGreaterThan(15);
});

/** What a request may still be when it is read again: it is the instance's to judge, and says one thing only. */
const stays: ReadonlyArray<DesyncReason | undefined> = [
  undefined,
  "GetHeadZeroContentLength",
  "UndefinedContentLengthSemantics",
  "UndefinedTransferEncodingSemantics",
  "BadMethod",
];

test("what is served is read strictly to the same framing, and a second proxy changes nothing of it but its own lines", () => {
  let served = 0;
  forSeeds(20_000, mostMs, (random) => {
    const bytes = input(random);
    const mode = random.pick(desyncModes);
    const first = pass(random.cut(bytes), mode);
    if (first.verdict !== "served") return;
    served++;
    const written = first.written as string;
    // An instance's reader, which knows nothing of ours.
    const [kind, codings] = JSON.parse(first.framing as string) as [number | "chunks", string];
    const body = kind === "chunks" ? "0\r\n\r\n" : "b".repeat(Math.min(kind, 5000));
    const { requests, problems } = audit(bytesOf(written + body), 8080);
    expect(problems).toEqual([]);
    if (kind === "chunks" || kind <= 5000) expect(requests.length).toBe(1);
    // Our own, in the mode that changes nothing.
    const again = pass([bytesOf(written)], "monitor");
    expect([again.verdict, again.framing, again.rest]).toEqual(["served", first.framing, ""]);
    expect(stays).toContain(again.reason);
    if (codings !== "") expect(written).toContain(`\r\nTransfer-Encoding: ${codings}, chunked\r\n`);
    const isUnchanged = (line: string): boolean => !line.startsWith("X-Forwarded-For:");
    expect((again.written as string).split("\r\n").filter(isUnchanged)).toEqual(
      written.split("\r\n").filter(isUnchanged),
    );
  });
  if (!isReplay) expect(served).toBeGreaterThan(0);
});

test("with limits of any size nothing longer is held or served, and nothing throws", () => {
  const outcomes = new Set<string>();
  forSeeds(20_000, mostMs, (random) => {
    const limits: HeadLimits = {
      startLineBytes: random.pick([20, 40, 200]),
      fieldBytes: random.pick([20, 60, 300]),
      headBytes: random.pick([64, 200, 1000]),
      fieldCount: random.pick([1, 3, 100]),
      methodBytes: random.pick([3, 8]),
    };
    const flood = random.pick(["a", " ", "\r\n", "\n", "X: y\r\n", ":", "\0", "\t", "GET ", " folded\r\n"]);
    const text = textOf(input(random), 0, 0) + textOf(input(random), 0, 60) + flood.repeat(random.below(600));
    const bytes = bytesOf(text);
    const mode = random.pick(desyncModes);
    const { verdict, rest } = pass(random.cut(bytes, 30), mode, limits);
    outcomes.add(verdict);
    if (verdict !== "served" && verdict !== "blocked") return;
    // Empty lines before the request have a bound of their own.
    const most = limits.headBytes + limits.startLineBytes;
    if (rest !== undefined) expect(bytes.length - rest.length).toBeLessThanOrEqual(most);
  });
  if (!isReplay && outcomes.size < 3) throw new Error(`the inputs reach too little: ${[...outcomes].join(", ")}`);
});

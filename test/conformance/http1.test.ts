// Replays every case of `http1/*.md`: whole, cut in two at every byte, and byte by byte; requests in each desync mode.
//
// What a case must say is in `README.md`. Beyond what the pages say, whatever goes on to an instance is read once more: it
// must be strict, compliant, and framed in one way.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../src/parse/http1/bytes.ts";
import { classOf, DesyncAction, desyncAction, desyncModes, desyncReasons } from "../../src/parse/http1/desync.ts";
import { judgeHead } from "../../src/parse/http1/judge.ts";
import { defaultHeadLimits } from "../../src/parse/http1/limits.ts";
import { readRawHead } from "../../src/parse/http1/raw-head.ts";
import { type ConformanceCase, readPage } from "../support/conformance-page.ts";
import { lastLines, type RequestResult, runRequest } from "../support/conformance-request.ts";
import { type Asked, runResponse } from "../support/conformance-response.ts";

setDefaultTimeout(30_000);

const folder = join(import.meta.dir, "http1");
const pages = readdirSync(folder)
  .filter((name) => name.endsWith(".md"))
  .sort();
const cases = pages.flatMap((page) => readPage(page, readFileSync(join(folder, page), "utf8")));

/** Messages up to this size are cut at every byte; longer ones, which test limits, at some bytes and at each of the last. */
const everyCutMaxBytes = 4096;
const cutsOfLonger = 64;

const pieces = (bytes: Uint8Array, cut: number): ReadonlyArray<Uint8Array> => [
  bytes.subarray(0, cut),
  bytes.subarray(cut),
];

/** Runs the bytes whole, in two pieces for each cut, and byte by byte; the results must be one. */
const runAtEverySplit = <Result>(bytes: Uint8Array, run: (pieces: ReadonlyArray<Uint8Array>) => Result): Result => {
  const whole = run([bytes]);
  const step = bytes.length <= everyCutMaxBytes ? 1 : Math.floor(bytes.length / cutsOfLonger);
  for (let cut = 1; cut < bytes.length; cut += cut < bytes.length - 32 ? step : 1) {
    const result = run(pieces(bytes, cut));
    if (!Bun.deepEquals(result, whole)) expect({ cut, result }).toEqual({ cut, result: whole });
  }
  const trickled = run(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)));
  if (!Bun.deepEquals(trickled, whole))
    expect({ cut: "every byte", result: trickled }).toEqual({ cut: "every byte", result: whole });
  return whole;
};

/** What the page says of a request: its class and reason, and how every mode refuses it, if they do. */
const readVerdict = (
  verdict: string,
): { readonly judged: string | undefined; readonly refusal: string | undefined } => {
  const parts = /^(?:((?:Compliant|(?:Acceptable|Ambiguous|Severe): \w+)))?(?:, )?(incomplete|40[05]: \w+)?$/.exec(
    verdict,
  );
  if (parts === null) throw new Error(`no verdict: ${verdict}`);
  return { judged: parts[1], refusal: parts[2] };
};

const withoutLastLines = (head: string, expected: string): string =>
  !expected.includes("\r\nX-Forwarded-Port: ") && head.endsWith(lastLines) ? head.slice(0, -lastLines.length) : head;

/** The facts that a case leaves out, when they are the usual. */
const usualFacts: Readonly<Record<string, string>> = { client: "keep-alive", instance: "reused" };

const expectFacts = (
  actual: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  ignored: string,
): void => {
  const told = [...actual].filter(
    ([name, value]) => name !== ignored && (expected.has(name) || usualFacts[name] !== value),
  );
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries([...expected].filter(([name]) => name !== ignored)));
};

/** Reasons that speak of what a request is; they stay with it, however well it is written. */
const lasting = new Set([
  "GetHeadZeroContentLength",
  "UndefinedContentLengthSemantics",
  "UndefinedTransferEncodingSemantics",
  "BadMethod",
]);

/** What goes on is a few lines longer than what came. */
const roomyLimits = { ...defaultHeadLimits, headBytes: 2 ** 20, fieldCount: 200 };

/** Whatever goes to an instance is strict, compliant and framed once, for the strictest reader and for the laxest. */
const expectSound = (head: string): void => {
  const bytes = bytesOf(head);
  const again = runRequest([bytes], "monitor", roomyLimits);
  expect(again.outcome).toBe("forwarded");
  const raw = readRawHead(bytes, 0, bytes.length);
  expect(raw.end).toBe(bytes.length);
  const reason = judgeHead(raw, bytes);
  const isLasting = reason === undefined || lasting.has(reason);
  expect(isLasting ? "sound" : reason).toBe("sound");
  expect(head.match(/^(content-length|transfer-encoding):/gim)?.length ?? 0).toBeLessThanOrEqual(1);
  expect(head.match(/^host:/gim)).toHaveLength(1);
};

const expectRequest = ({ bytes, verdict = "", blocks, facts }: ConformanceCase): void => {
  const { judged, refusal } = readVerdict(verdict);
  const forwarded = blocks.get("forwarded") ?? "";
  for (const mode of desyncModes) {
    const result: RequestResult = runAtEverySplit(bytesOf(bytes), (split) => runRequest(split, mode));
    expect(`${mode}: ${result.judged}`).toBe(`${mode}: ${judged}`);
    const reason = judged?.split(": ")[1] as keyof typeof desyncReasons | undefined;
    const action = desyncAction(mode, classOf(reason));
    if (refusal !== undefined) {
      expect(["blocked", refusal]).toContain(result.outcome);
      if (action !== DesyncAction.block) expect(result.outcome).toBe(refusal);
    } else if (action === DesyncAction.block) {
      expect(`${mode}: ${result.outcome}`).toBe(`${mode}: blocked`);
    } else {
      expect(`${mode}: ${result.outcome}`).toBe(`${mode}: forwarded`);
      expect(withoutLastLines(result.head, forwarded)).toBe(forwarded);
      const closes = action === DesyncAction.allowAndClose;
      if (closes) expect(result.facts.get("client")).toBe("close");
      expectFacts(result.facts, facts, closes ? "client" : "");
      expectSound(result.head);
    }
  }
  if (refusal !== undefined) expect([...blocks.keys(), ...facts.keys()]).toEqual([]);
};

/** A head that is judged alone, as it stands: nothing of it goes on. */
const expectJudged = ({ bytes, verdict }: ConformanceCase): void => {
  const head = bytesOf(bytes);
  const reason = judgeHead(readRawHead(head, 0, head.length), head);
  const named =
    reason === undefined ? "Compliant" : `${["", "Acceptable", "Ambiguous", "Severe"][classOf(reason)]}: ${reason}`;
  expect(named).toBe(verdict as string);
};

const askedBy: Readonly<Record<string, Asked>> = {
  "HTTP/1.1": { isHead: false, minorVersion: 1, isBodyOnly: false, mayUpgrade: false },
  "HTTP/1.0": { isHead: false, minorVersion: 0, isBodyOnly: false, mayUpgrade: false },
  "HTTP/0.9": { isHead: false, minorVersion: 0, isBodyOnly: true, mayUpgrade: false },
  WebSocket: { isHead: false, minorVersion: 1, isBodyOnly: false, mayUpgrade: true },
  HEAD: { isHead: true, minorVersion: 1, isBodyOnly: false, mayUpgrade: false },
};

const expectResponse = ({ bytes, verdict, blocks, facts }: ConformanceCase): void => {
  const asked = askedBy[facts.get("asked") ?? "HTTP/1.1"] as Asked;
  const ends = facts.get("then") === "the instance closes";
  const result = runAtEverySplit(bytesOf(bytes), (split) => runResponse(split, asked, ends));
  expect(result.outcome).toBe(verdict as string);
  expect(result.head).toBe(blocks.get("relayed") ?? "");
  const told = new Map([...facts].filter(([name]) => name !== "asked" && name !== "then"));
  expectFacts(result.facts, told, "");
};

const runs: Readonly<Record<string, (one: ConformanceCase) => void>> = {
  request: expectRequest,
  head: expectJudged,
  response: expectResponse,
};

for (const page of pages) {
  describe(page, () => {
    for (const one of cases.filter((each) => each.page === page)) {
      test(`${one.title} (line ${one.line})`, () => {
        const run = runs[one.kind];
        if (run === undefined) throw new Error(`nothing runs ${one.kind}`);
        run(one);
      });
    }
  });
}

test("every case says what it is about, in its own words, and names its source", () => {
  const titles = cases.map(({ page, title }) => `${page}: ${title}`);
  expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
  const sourceless = cases.filter(({ citation }) => !/RFC \d|AWS|http-desync-guardian|Elbow/.test(citation));
  expect(sourceless.map(({ page, title }) => `${page}: ${title}`)).toEqual([]);
});

test("there are enough of them, and every reason has one", () => {
  const replayed = cases.filter(({ kind }) => kind !== "head");
  expect(replayed.length).toBeGreaterThanOrEqual(250);
  // What ends with the connection isn't a request: it is never judged.
  const onlyCut = new Set(["PartialHeaderLine", "MissingLastEmptyLine"]);
  const seen = new Set(replayed.map(({ verdict }) => verdict?.split(/: |, /)[1]));
  expect(Object.keys(desyncReasons).filter((reason) => !seen.has(reason) && !onlyCut.has(reason))).toEqual([]);
});

// The bench's results as Markdown: the table of each kind of row, elbow's ratio to the better rival, the spread over the
// rounds, and the place in README.md. Pure: values in, text out. It hides nothing: a proxy without figures keeps its
// line and says why.
import type { FeatureResult, FeatureSample, FeatureTurn } from "./feature-row.ts";
import type { IdleResult, IdleSample } from "./idle.ts";
import { type ProxyName, proxyNames } from "./launches.ts";
import { medianOf } from "./measure.ts";
import type { ParserSample } from "./parser.ts";
import type { ParserResult } from "./parser-row.ts";
import type { TrafficResult, TrafficSample } from "./traffic.ts";

/** One measured row of any kind. */
export type Result = TrafficResult | ParserResult | IdleResult | FeatureResult;

const isTraffic = (result: Result): result is TrafficResult => result.workload.kind === "traffic";
const isParser = (result: Result): result is ParserResult => result.workload.kind === "parser";
const isIdle = (result: Result): result is IdleResult => result.workload.kind === "idle";
const isFeature = (result: Result): result is FeatureResult => result.workload.kind === "feature";

/** Whether elbow has figures in a row. */
export const hasFigures = (result: Result): boolean =>
  isParser(result) || isFeature(result) ? result.samples.length > 0 : result.samples.has("elbow");

interface Sampled<S> {
  readonly samples: ReadonlyMap<ProxyName, ReadonlyArray<S>>;
}

/** The median over a proxy's rounds; undefined where it has none. */
export function medianBy<S>(result: Sampled<S>, name: ProxyName, value: (sample: S) => number): number | undefined {
  const samples = result.samples.get(name);
  return samples === undefined || samples.length === 0 ? undefined : medianOf(samples.map(value));
}

interface Comparison<S> {
  readonly rival: ProxyName;
  /** elbow's and the rival's sample of each round that both have. */
  readonly pairs: ReadonlyArray<readonly [elbow: S, rival: S]>;
}

// elbow beside the rival with the lower median.
function pairWithBetterRival<S extends { readonly round: number }>(
  result: Sampled<S>,
  cost: (sample: S) => number,
): Comparison<S> | undefined {
  let better: { name: ProxyName; cost: number } | undefined;
  for (const name of proxyNames) {
    const median = name === "elbow" ? undefined : medianBy(result, name, cost);
    if (median !== undefined && (better === undefined || median < better.cost)) better = { name, cost: median };
  }
  if (better === undefined) return undefined;
  const theirs = new Map(result.samples.get(better.name)?.map((sample) => [sample.round, sample]));
  const pairs = (result.samples.get("elbow") ?? []).flatMap((our) => {
    const their = theirs.get(our.round);
    return their === undefined ? [] : [[our, their] as const];
  });
  return pairs.length === 0 ? undefined : { rival: better.name, pairs };
}

/** elbow against the rival with the lower median: the median of the ratios within each round. */
export function compareToBetterRival<S extends { readonly round: number }>(
  result: Sampled<S>,
  cost: (sample: S) => number,
): { readonly rival: ProxyName; readonly ratio: number } | undefined {
  const comparison = pairWithBetterRival(result, cost);
  if (comparison === undefined) return undefined;
  const { rival, pairs } = comparison;
  return { rival, ratio: medianOf(pairs.map(([our, their]) => cost(our) / cost(their))) };
}

/** The same for a delay: the median of the differences in ms, above zero where elbow is later. */
export function delayToBetterRival<S extends { readonly round: number }>(
  result: Sampled<S>,
  delayMs: (sample: S) => number,
): { readonly rival: ProxyName; readonly extraMs: number } | undefined {
  const comparison = pairWithBetterRival(result, delayMs);
  if (comparison === undefined) return undefined;
  const { rival, pairs } = comparison;
  return { rival, extraMs: medianOf(pairs.map(([our, their]) => delayMs(our) - delayMs(their))) };
}

const formatMib = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);
const formatMs = (ms: number) => (Number.isNaN(ms) ? "–" : ms.toFixed(2));
const formatRate = (rate: number) => (rate >= 1000 ? `${(rate / 1000).toFixed(1)} k` : rate.toFixed(0));
const formatTarget = (isMet: boolean, limit: string) => `${isMet ? "met" : "**missed**"} (≤ ${limit})`;

function formatTable(heads: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string {
  const line = (cells: ReadonlyArray<string>) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), `|${heads.map((_, at) => (at < 2 ? " --- " : " ---: ")).join("|")}|`, ...rows.map(line)].join(
    "\n",
  );
}

function formatSpread<S>(samples: ReadonlyArray<S>, value: (sample: S) => number, digits: number): string {
  const values = samples.map(value);
  return `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}`;
}

const cpuOf = (sample: TrafficSample) => sample.cpuUsPerRequest;
const kibOf = (sample: IdleSample) => sample.kibPerConnection;

/** elbow beside the better rival and its target, as the two last cells of its line. */
function formatVerdict(result: TrafficResult): readonly [comparison: string, target: string] {
  const { ratioLimit, delayLimitMs } = result.workload;
  if (delayLimitMs !== undefined) {
    const delay = delayToBetterRival(result, (sample) => sample.p50Ms);
    if (delay === undefined) return ["", ""];
    const { rival, extraMs } = delay;
    const sign = extraMs < 0 ? "−" : "+";
    return [
      `p50 ${sign}${Math.abs(extraMs).toFixed(2)} ms of ${rival}`,
      formatTarget(extraMs <= delayLimitMs, `+${delayLimitMs} ms`),
    ];
  }
  const comparison = compareToBetterRival(result, cpuOf);
  if (comparison === undefined) return ["", ""];
  const { rival, ratio } = comparison;
  return [
    `${ratio.toFixed(2)} of ${rival}`,
    ratioLimit === undefined ? "" : formatTarget(ratio <= ratioLimit, ratioLimit.toFixed(2)),
  ];
}

function formatTrafficRows(result: TrafficResult): string[][] {
  const { workload, direct } = result;
  const rows = proxyNames.map((name, at) => {
    const title = at === 0 ? workload.title : "";
    const cpu = medianBy(result, name, cpuOf);
    if (cpu === undefined) {
      return [title, name, `**no figures** – ${result.missing.get(name) ?? "not run"}`, "", "", "", "", "", "", ""];
    }
    const of = (value: (sample: TrafficSample) => number) => medianBy(result, name, value) ?? Number.NaN;
    return [
      title,
      name,
      cpu.toFixed(1),
      formatRate(of((sample) => sample.requestsPerSecond)),
      formatMs(of((sample) => sample.p50Ms)),
      formatMs(of((sample) => sample.p99Ms)),
      formatMib(of((sample) => sample.rssBytes)),
      `${(of((sample) => sample.busy) * 100).toFixed(0)} %`,
      ...(name === "elbow" ? formatVerdict(result) : ["", ""]),
    ];
  });
  if (direct === undefined) return rows;
  const straight = formatRate(direct.requestsPerSecond);
  return [...rows, ["", "(direct)", "", straight, formatMs(direct.p50Ms), formatMs(direct.p99Ms), "", "", "", ""]];
}

function formatIdleRows(result: IdleResult): string[][] {
  const { workload } = result;
  const comparison = compareToBetterRival(result, kibOf);
  return proxyNames.map((name, at) => {
    const title = at === 0 ? `${workload.title} × ${workload.connections}` : "";
    const kib = medianBy(result, name, kibOf);
    if (kib === undefined) {
      return [title, name, `**no figures** – ${result.missing.get(name) ?? "not run"}`, "", "", "", ""];
    }
    const isElbow = name === "elbow";
    return [
      title,
      name,
      kib.toFixed(2),
      formatMib(medianBy(result, name, (sample) => sample.baseRssBytes) ?? Number.NaN),
      formatMib(medianBy(result, name, (sample) => sample.rssBytes) ?? Number.NaN),
      isElbow && comparison !== undefined ? `${comparison.ratio.toFixed(2)} of ${comparison.rival}` : "",
      isElbow ? formatTarget(kib <= workload.kibLimit, `${workload.kibLimit} KiB`) : "",
    ];
  });
}

const ratioOf = (sample: ParserSample) => sample.headNs / sample.loopNs;

function formatParserRows(result: ParserResult): string[][] {
  const { workload, headBytes, samples } = result;
  const limit = workload.ratioLimit;
  if (samples.length === 0) {
    return [[workload.title, `**no figures** – ${result.missing ?? "not run"}`, "", "", "", "", ""]];
  }
  const of = (value: (sample: ParserSample) => number) => medianOf(samples.map(value));
  const headNs = of((sample) => sample.headNs);
  const ratio = of(ratioOf);
  return [
    [
      workload.title,
      `${headBytes} B`,
      headNs.toFixed(0),
      // Bytes per ns are GB/s.
      ((headBytes / headNs) * 1000).toFixed(0),
      of((sample) => sample.loopNs).toFixed(0),
      ratio.toFixed(2),
      formatTarget(ratio <= limit, limit.toFixed(2)),
    ],
  ];
}

function formatParserSpread({ workload, samples }: ParserResult): string[][] {
  if (samples.length === 0) return [];
  const row = (who: string, value: (sample: ParserSample) => number) => {
    return [workload.title, who, `${formatSpread(samples, value, 0)} ns`, "", String(samples.length), ""];
  };
  return [row("elbow", (sample) => sample.headNs), row("bare loop", (sample) => sample.loopNs)];
}

const costOf = (turn: FeatureTurn) => turn.cpuUsPerRequest;

function formatFeatureRows({ workload, samples, missing }: FeatureResult): string[][] {
  const { title, ratioLimit, busyLimit } = workload;
  if (samples.length === 0) return [[title, `**no figures** – ${missing ?? "not run"}`, "", "", ""]];
  const of = (value: (sample: FeatureSample) => number) => medianOf(samples.map(value));
  if (busyLimit !== undefined) {
    const share = (value: number) => `${(value * 100).toFixed(1)} % of a core`;
    const extra = of(({ off, on }) => on.busy - off.busy);
    return [
      [
        ...[title, share(of(({ off }) => off.busy)), share(of(({ on }) => on.busy))],
        ...[`+${share(Math.max(0, extra))}`, formatTarget(extra <= busyLimit, share(busyLimit))],
      ],
    ];
  }
  const ratio = of(({ off, on }) => costOf(on) / costOf(off));
  const us = (value: number) => `${value.toFixed(2)} µs`;
  return [
    [
      ...[title, us(of(({ off }) => costOf(off))), us(of(({ on }) => costOf(on))), ratio.toFixed(3)],
      ratioLimit === undefined ? "" : formatTarget(ratio <= ratioLimit, ratioLimit.toFixed(2)),
    ],
  ];
}

function formatFeatureSpread({ workload, samples }: FeatureResult): string[][] {
  if (samples.length === 0) return [];
  const isBusy = workload.busyLimit !== undefined;
  const row = (who: "off" | "on") => {
    const turns = samples.map((sample) => sample[who]);
    const errors = turns.reduce((sum, turn) => sum + turn.errors, 0);
    const spread = isBusy
      ? `${formatSpread(turns, ({ busy }) => busy * 100, 1)} %`
      : `${formatSpread(turns, costOf, 1)} µs`;
    return [workload.title, who, spread, "", String(turns.length), errors === 0 ? "" : `**${errors} errors**`];
  };
  return [row("off"), row("on")];
}

function formatSpreadRows(result: Result): string[][] {
  if (isParser(result)) return formatParserSpread(result);
  if (isFeature(result)) return formatFeatureSpread(result);
  return proxyNames.flatMap((name) => {
    if (isTraffic(result)) {
      const samples = result.samples.get(name) ?? [];
      if (samples.length === 0) return [];
      const errors = samples.reduce((sum, sample) => sum + sample.errors, 0);
      const rates = formatSpread(samples, (sample) => sample.requestsPerSecond / 1000, 1);
      const note = errors === 0 ? "" : `**${errors} errors**`;
      return [
        [result.workload.title, name, `${formatSpread(samples, cpuOf, 1)} µs`, `${rates} k`, `${samples.length}`, note],
      ];
    }
    const samples = result.samples.get(name) ?? [];
    if (samples.length === 0) return [];
    const unsettled = samples.filter((sample) => !sample.isSettled).length;
    const note = unsettled === 0 ? "" : `${unsettled} not settled`;
    return [[result.workload.title, name, `${formatSpread(samples, kibOf, 2)} KiB`, "", String(samples.length), note]];
  });
}

/** All tables, with the machine and the versions on top. */
export function formatReport(versions: ReadonlyArray<string>, results: ReadonlyArray<Result>): string {
  const traffic = results.filter(isTraffic);
  const parser = results.filter(isParser);
  const idle = results.filter(isIdle);
  const parts = [versions.map((version) => `- ${version}`).join("\n")];
  if (traffic.length > 0) {
    const heads = ["work", "proxy", "CPU µs/request", "requests/s", "p50 ms", "p99 ms", "RSS MiB", "core busy"];
    parts.push(formatTable([...heads, "elbow ÷ better rival", "target"], traffic.flatMap(formatTrafficRows)));
  }
  if (parser.length > 0) {
    const heads = ["parser", "head", "ns/head", "MB/s", "bare loop ns/head", "parser ÷ bare loop", "target"];
    parts.push(formatTable(heads, parser.flatMap(formatParserRows)));
  }
  if (idle.length > 0) {
    const heads = ["connections", "proxy", "KiB/connection", "RSS MiB before", "RSS MiB with", "elbow ÷ better rival"];
    parts.push(formatTable([...heads, "target"], idle.flatMap(formatIdleRows)));
  }
  const features = results.filter(isFeature);
  if (features.length > 0) {
    const heads = ["elbow against itself", "off, CPU per request", "on, CPU per request", "on ÷ off", "target"];
    parts.push(formatTable(heads, features.flatMap(formatFeatureRows)));
  }
  const spread = results.flatMap(formatSpreadRows);
  if (spread.length > 0) {
    const heads = ["spread (least–most)", "proxy", "CPU or memory", "requests/s", "rounds", "trouble"];
    parts.push(formatTable(heads, spread));
  }
  return `${parts.join("\n\n")}\n`;
}

const tableStart = "<!-- table -->";
const tableEnd = "<!-- /table -->";

/** Puts a table between the markers of a README; throws where they are missing. */
export function replaceTable(readme: string, table: string): string {
  const start = readme.indexOf(tableStart);
  const end = readme.indexOf(tableEnd);
  if (start < 0 || end < start) throw new Error(`no ${tableStart} … ${tableEnd} in the text`);
  return `${readme.slice(0, start + tableStart.length)}\n\n${table.trim()}\n\n${readme.slice(end)}`;
}

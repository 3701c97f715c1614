// What the bench makes of its figures: ratios within a round, nothing hidden, and only the table replaced.
import { describe, expect, test } from "bun:test";
import type { FeatureResult, FeatureTurn } from "../../../bench/feature-row.ts";
import { features } from "../../../bench/features.ts";
import type { IdleResult } from "../../../bench/idle.ts";
import { fillTemplate, type ProxyName } from "../../../bench/launches.ts";
import { parseReport } from "../../../bench/load.ts";
import { diffCpuNs, makeThreadClock, medianOf, quantileOf } from "../../../bench/measure.ts";
import { type ParserResult, parseParserReport } from "../../../bench/parser-row.ts";
import { compareToBetterRival, formatReport, hasFigures, replaceTable } from "../../../bench/report.ts";
import type { TrafficResult, TrafficSample } from "../../../bench/traffic.ts";
import { workloads } from "../../../bench/workloads.ts";

function makeSamples(costs: ReadonlyArray<number>, errors = 0): TrafficSample[] {
  return costs.map((cpuUsPerRequest, at) => ({
    ...{ round: at + 1, requests: 1000, cpuUsPerRequest, requestsPerSecond: 50_000, errors },
    ...{ p50Ms: 1, p99Ms: 2, rssBytes: 8 * 1024 * 1024, busy: 0.99 },
  }));
}

function makeTraffic(
  samples: Partial<Record<ProxyName, TrafficSample[]>>,
  missing: Partial<Record<ProxyName, string>> = {},
): TrafficResult {
  const workload = workloads.find((each) => each.name === "http-100");
  if (workload?.kind !== "traffic") throw new Error("the row http-100 is gone");
  return {
    workload,
    samples: new Map(Object.entries(samples) as Array<[ProxyName, TrafficSample[]]>),
    missing: new Map(Object.entries(missing) as Array<[ProxyName, string]>),
    direct: { requestsPerSecond: 200_000, p50Ms: 0.2, p99Ms: 0.5 },
  };
}

const lineOf = (report: string, proxy: string) =>
  report.split("\n").find((line) => line.includes(`| ${proxy} |`)) ?? "";

describe("compareToBetterRival", () => {
  const cost = (sample: TrafficSample) => sample.cpuUsPerRequest;

  test("takes the ratio within each round, so that a slow moment of the machine cancels out", () => {
    // Round 2 was slow for everybody: medians alone would give 12 / 10.
    const result = makeTraffic({ elbow: makeSamples([11, 22, 12]), nginx: makeSamples([10, 20, 10]) });
    expect(compareToBetterRival(result, cost)).toEqual({ rival: "nginx", ratio: 1.1 });
  });

  test("compares with the cheaper rival", () => {
    const result = makeTraffic({ elbow: makeSamples([9]), nginx: makeSamples([12]), haproxy: makeSamples([10]) });
    expect(compareToBetterRival(result, cost)).toEqual({ rival: "haproxy", ratio: 0.9 });
  });

  test("says nothing without a rival or without elbow", () => {
    expect(compareToBetterRival(makeTraffic({ elbow: makeSamples([9]) }), cost)).toBeUndefined();
    expect(compareToBetterRival(makeTraffic({ nginx: makeSamples([9]) }), cost)).toBeUndefined();
  });
});

describe("elbow against itself", () => {
  const turn = (cpuUsPerRequest: number, busy = 0.9, errors = 0): FeatureTurn => ({ cpuUsPerRequest, busy, errors });
  const resultOf = (
    name: string,
    pairs: ReadonlyArray<readonly [off: FeatureTurn, on: FeatureTurn]>,
  ): FeatureResult => {
    const workload = features.find((each) => each.name === name);
    if (workload === undefined) throw new Error(`the row ${name} is gone`);
    return { workload, samples: pairs.map(([off, on], at) => ({ round: at + 1, off, on })) };
  };

  test("shows the ratio within each round, held to 1.03", () => {
    const result = resultOf("on-cookie-new", [
      [turn(10), turn(10.2)],
      // Slow for both.
      [turn(20), turn(20.4)],
      [turn(10), turn(11)],
    ]);
    expect(formatReport([], [result])).toContain("| 10.00 µs | 11.00 µs | 1.020 | met (≤ 1.03) |");
    const missed = resultOf("on-cookie-new", [[turn(10), turn(10.4)]]);
    expect(formatReport([], [missed])).toContain("| 1.040 | **missed** (≤ 1.03) |");
  });

  test("without traffic shows the shares of the core, and what is more", () => {
    const result = resultOf("on-checks-1000", [[turn(Number.NaN, 0.004), turn(Number.NaN, 0.017)]]);
    expect(formatReport([], [result])).toContain(
      "| 0.4 % of a core | 1.7 % of a core | +1.3 % of a core | met (≤ 5.0 % of a core) |",
    );
  });

  test("hides neither errors nor a row without figures", () => {
    const faulty = resultOf("on-proxy1", [[turn(10), turn(10, 0.9, 3)]]);
    expect(formatReport([], [faulty])).toContain("| on | 10.0–10.0 µs |  | 1 | **3 errors** |");
    const missing: FeatureResult = { ...resultOf("on-proxy1", []), missing: "did not start" };
    expect([hasFigures(faulty), hasFigures(missing)]).toEqual([true, false]);
    expect(formatReport([], [missing])).toContain("**no figures** – did not start");
  });
});

describe("formatReport", () => {
  test("shows the ratio and whether the target is met", () => {
    const met = makeTraffic({ elbow: makeSamples([10]), nginx: makeSamples([10]) });
    expect(lineOf(formatReport([], [met]), "elbow")).toContain("| 1.00 of nginx | met (≤ 1.00) |");
    const missed = makeTraffic({ elbow: makeSamples([12]), nginx: makeSamples([10]) });
    expect(lineOf(formatReport([], [missed]), "elbow")).toContain("| 1.20 of nginx | **missed** (≤ 1.00) |");
  });

  test("holds the first answer to a delay, not to a ratio of CPU time", () => {
    const workload = workloads.find((each) => each.name === "tls13-first");
    if (workload?.kind !== "traffic") throw new Error("the row tls13-first is gone");
    const answeringIn = (...delaysMs: number[]) =>
      makeSamples([10, 10, 10]).map((sample, at) => ({ ...sample, p50Ms: delaysMs[at] ?? Number.NaN }));
    const rivals = { nginx: answeringIn(1, 5, 1), haproxy: answeringIn(2, 6, 2) };
    const lineWith = (elbow: TrafficSample[]) => {
      const { direct, ...result } = makeTraffic({ elbow, ...rivals });
      return lineOf(formatReport([], [{ ...result, workload }]), "elbow");
    };
    // Round 2 was slow for everybody.
    expect(lineWith(answeringIn(2.5, 7, 3))).toContain("| p50 +2.00 ms of nginx | met (≤ +2 ms) |");
    expect(lineWith(answeringIn(44, 48, 44))).toContain("| p50 +43.00 ms of nginx | **missed** (≤ +2 ms) |");
    expect(lineWith(answeringIn(0.5, 4.5, 0.5))).toContain("| p50 −0.50 ms of nginx | met (≤ +2 ms) |");
  });

  test("has no line of the load alone where nobody measured it", () => {
    const { direct, ...without } = makeTraffic({ elbow: makeSamples([10]) });
    expect(formatReport([], [makeTraffic({ elbow: makeSamples([10]) })])).toContain("(direct)");
    expect(formatReport([], [without])).not.toContain("(direct)");
  });

  test("keeps the line of a proxy that is missing and escapes its reason", () => {
    const report = formatReport([], [makeTraffic({ elbow: makeSamples([10]) }, { haproxy: "failed: a | b" })]);
    expect(lineOf(report, "haproxy")).toContain("**no figures** – failed: a \\| b");
    expect(lineOf(report, "nginx")).toContain("not run");
  });

  test("shows errors of the load", () => {
    const report = formatReport([], [makeTraffic({ elbow: makeSamples([10], 2) })]);
    expect(report).toContain("**2 errors**");
  });

  test("leaves out latencies that nobody measured", () => {
    const samples = makeSamples([10]).map((sample) => ({ ...sample, p50Ms: Number.NaN, p99Ms: Number.NaN }));
    expect(lineOf(formatReport([], [makeTraffic({ elbow: samples })]), "elbow")).toContain("| – | – |");
  });

  test("holds the parser to the bare loop of the same round", () => {
    const workload = workloads.find((each) => each.name === "parser");
    if (workload?.kind !== "parser") throw new Error("the row parser is gone");
    const samples = [
      { headNs: 1500, loopNs: 1000 },
      { headNs: 3000, loopNs: 2000 },
      { headNs: 1700, loopNs: 1000 },
    ];
    const result: ParserResult = { workload, headBytes: 1700, samples };
    const report = formatReport([], [result]);
    expect(report).toContain("| 1700 B | 1700 | 1000 | 1000 | 1.50 | met (≤ 1.60) |");
    expect(report).toContain("| bare loop | 1000–2000 ns |");
    const slow = { ...result, samples: [{ headNs: 1610, loopNs: 1000 }] };
    expect(formatReport([], [slow])).toContain("| 1.61 | **missed** (≤ 1.60) |");
    const none = { ...result, samples: [], missing: "it fell" };
    expect(formatReport([], [none])).toContain("**no figures** – it fell");
    expect([hasFigures(result), hasFigures(none)]).toEqual([true, false]);
  });

  test("a row without elbow has no figures, whoever else has", () => {
    expect(hasFigures(makeTraffic({ elbow: makeSamples([9]) }))).toBeTrue();
    expect(hasFigures(makeTraffic({ nginx: makeSamples([9]) }))).toBeFalse();
  });

  test("holds memory to its limit, without rivals too", () => {
    const workload = workloads.find((each) => each.name === "idle-http");
    if (workload?.kind !== "idle") throw new Error("the row idle-http is gone");
    const sample = { round: 1, kibPerConnection: 4.5, baseRssBytes: 1024, rssBytes: 2048, isSettled: false };
    const result: IdleResult = { workload, samples: new Map([["elbow", [sample]]]), missing: new Map() };
    const report = formatReport([], [result]);
    expect(lineOf(report, "elbow")).toContain("**missed** (≤ 4 KiB)");
    expect(report).toContain("1 not settled");
  });
});

describe("the parts", () => {
  test("medianOf", () => {
    expect(medianOf([3, 1, 2])).toBe(2);
    expect(medianOf([4, 1, 2, 3])).toBe(2.5);
    expect(medianOf([])).toBeNaN();
  });

  test("quantileOf", () => {
    expect(quantileOf([4, 1, 2, 3], 0.99)).toBe(4);
    expect(quantileOf([4, 1, 2, 3], 0.5)).toBe(3);
    expect(quantileOf([], 0.5)).toBeNaN();
  });

  test("diffCpuNs counts new threads whole and falls back to the process when a thread ended", () => {
    const before = { threadNs: new Map([["a", 100]]), processNs: 0 };
    const grown = new Map([
      ["a", 150],
      ["b", 7],
    ]);
    expect(diffCpuNs(before, { threadNs: grown, processNs: 1000 })).toBe(57);
    expect(diffCpuNs(before, { threadNs: new Map([["b", 7]]), processNs: 1000 })).toBe(1000);
  });

  test("parseReport reads the line of report.lua among wrk's own", () => {
    expect(parseReport('Requests/sec: 1\n\nreport {"requests":3}\n')?.requests).toBe(3);
    expect(parseReport("unable to connect")).toBeUndefined();
  });

  test("parseParserReport reads the parser's line", () => {
    expect(parseParserReport('report {"headBytes":3,"samples":[]}\n')?.headBytes).toBe(3);
    expect(parseParserReport("SyntaxError")).toBeUndefined();
  });

  test("the thread's clock moves with its work, in steps finer than a tick", () => {
    const readNs = makeThreadClock();
    let least = Number.POSITIVE_INFINITY;
    let last = readNs();
    for (let round = 0; round < 1e5; round++) {
      const now = readNs();
      if (now < last) throw new Error("the clock went back");
      if (now > last) least = Math.min(least, now - last);
      last = now;
    }
    // Ticks of 1 to 10 ms would show as steps of at least 1e6.
    expect(least).toBeLessThan(1e6);
  });

  test("names of rows are unique, and what a written request counts is in its bytes", () => {
    expect(new Set(workloads.map((each) => each.name)).size).toBe(workloads.length);
    for (const workload of workloads) {
      if (workload.kind !== "traffic" || workload.written === undefined) continue;
      const text = Buffer.from(workload.written.make("127.0.0.1:1")).toString("latin1");
      const lines = text.match(/^(?:GET|POST) \S+ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:1\r\n/gm) ?? [];
      expect(lines.length).toBe(workload.written.count);
      expect(lines.every((line) => line.split(" ")[1]?.startsWith(workload.target))).toBeTrue();
    }
  });

  test("fillTemplate refuses a name without a value", () => {
    expect(fillTemplate("bind {{PORT}};", { PORT: "1" })).toBe("bind 1;");
    expect(() => fillTemplate("{{PORT}}", {})).toThrow("PORT");
  });

  test("replaceTable leaves the text around the markers", () => {
    const readme = "above\n<!-- table -->\nold\n<!-- /table -->\nbelow\n";
    expect(replaceTable(readme, "| new |\n")).toBe("above\n<!-- table -->\n\n| new |\n\n<!-- /table -->\nbelow\n");
    expect(() => replaceTable("no markers", "x")).toThrow("table");
  });
});

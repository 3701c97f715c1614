// A reader of Prometheus's text format that is stricter than a scraper, and the rules of `promtool check metrics` that matter
// to names: for tests of whole pages.
// Sources: Prometheus documentation, "Exposition formats" and "Metric and label naming".

/** One line of a page. */
export interface Series {
  /** With the suffix that a histogram's lines have. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A page, read. */
export interface Exposition {
  readonly types: ReadonlyMap<string, string>;
  readonly series: ReadonlyArray<Series>;
  /** What is wrong, one line each. */
  readonly problems: ReadonlyArray<string>;
}

const otherUnits =
  /_(?:ms|milliseconds|microseconds|nanoseconds|minutes|hours|days|weeks|kilobytes|megabytes|bits|percent)(?:_|$)/;

/** Reads a page, and finds what a scraper or a linter would complain of. */
export const readExposition = (page: string): Exposition => {
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const seen = new Set<string>();
  const series: Array<Series> = [];
  const problems: Array<string> = [];
  let family = "";
  if (!page.endsWith("\n")) problems.push("the last line has no end");
  for (const line of page.split("\n").slice(0, -1)) {
    const [, kind, named, rest = ""] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (named !== undefined) {
      if (kind === "HELP") {
        if (helps.has(named)) problems.push(`${named} has two helps`);
        if (rest.trim() === "") problems.push(`${named} has no help`);
        helps.add(named);
      } else {
        if (types.has(named)) problems.push(`${named} has two types`);
        if (!helps.has(named)) problems.push(`${named} has a type before its help`);
        types.set(named, rest);
        problems.push(...findNameProblems(named, rest));
        family = named;
      }
      continue;
    }
    const one = readSeries(line);
    if (one === undefined) {
      problems.push(`not a line of the format: ${line}`);
      continue;
    }
    const type = types.get(family);
    const suffixes = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    if (!suffixes.some((suffix) => one.name === family + suffix)) problems.push(`${one.name} stands under ${family}`);
    const key = `${one.name} ${JSON.stringify(Object.entries(one.labels).sort())}`;
    if (seen.has(key)) problems.push(`twice: ${line}`);
    seen.add(key);
    for (const label of Object.keys(one.labels)) {
      if (!/^[a-z_][a-z0-9_]*$/.test(label) || label.startsWith("__")) problems.push(`label ${label} in ${line}`);
      if (label === "quantile" || (label === "le" && type !== "histogram")) problems.push(`label ${label} in ${line}`);
    }
    if (Number.isNaN(one.value) || (type !== "gauge" && one.value < 0)) problems.push(`value of ${line}`);
    series.push(one);
  }
  problems.push(...findHistogramProblems(types, series));
  return { types, series, problems };
};

const readSeries = (line: string): Series | undefined => {
  const [, name, , inside = "", value] =
    /^([a-zA-Z_:][\w:]*)(\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) return undefined;
  const labels = [...inside.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, key = "", text = ""]) => [key, text] as const,
  );
  const keys = new Set(labels.map(([key]) => key));
  if (keys.size !== labels.length) return undefined;
  const number = value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value);
  return { name, labels: Object.fromEntries(labels), value: number };
};

const findNameProblems = (name: string, type: string): ReadonlyArray<string> => {
  const problems: Array<string> = [];
  if (!/^[a-z][a-z0-9_]*$/.test(name)) problems.push(`${name} is no name in snake case`);
  if (!["counter", "gauge", "histogram"].includes(type)) problems.push(`${name} is a ${type}`);
  if ((type === "counter") !== name.endsWith("_total")) problems.push(`${name} is a ${type}`);
  if (type !== "histogram" && /_(?:count|sum|bucket)$/.test(name)) problems.push(`${name} ends as a histogram's line`);
  if (otherUnits.test(name)) problems.push(`${name} isn't in a base unit`);
  if (/_(?:counter|gauge|histogram|summary)(?:_|$)/.test(name)) problems.push(`${name} names its type`);
  return problems;
};

/** Buckets rise with their bounds, and the last one counts all. */
const findHistogramProblems = (
  types: ReadonlyMap<string, string>,
  series: ReadonlyArray<Series>,
): ReadonlyArray<string> =>
  [...types].flatMap(([name, type]) => {
    if (type !== "histogram") return [];
    const groups = new Map<string, Array<readonly [bound: number, count: number]>>();
    for (const { name: line, labels, value } of series) {
      if (line !== `${name}_bucket`) continue;
      const { le = "", ...others } = labels;
      const key = JSON.stringify(others);
      groups.set(key, [...(groups.get(key) ?? []), [le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le), value]]);
    }
    return [...groups].flatMap(([key, buckets]) => {
      const isRising = buckets.every(
        ([bound, count], index) => index === 0 || (bound > buckets[index - 1]![0] && count >= buckets[index - 1]![1]),
      );
      const [lastBound, lastCount] = buckets.at(-1) ?? [];
      const find = (suffix: string) =>
        series.find((one) => one.name === name + suffix && JSON.stringify(one.labels) === key)?.value;
      const isWhole =
        lastBound === Number.POSITIVE_INFINITY && lastCount === find("_count") && find("_sum") !== undefined;
      return isRising && isWhole ? [] : [`${name}${key} isn't cumulative and whole`];
    });
  });

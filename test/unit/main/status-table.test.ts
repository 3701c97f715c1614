// What `elbow status` shows of a look, as lines: rates, states, reasons, the terminal's width.
import { expect, test } from "bun:test";
import type { Status, StatusInstance, StatusListener } from "../../../src/main/status-answer.ts";
import { formatStatus, type Look } from "../../../src/main/status-table.ts";

const nowMs = Date.parse("2026-01-02T12:00:00Z");
const wide = { width: Number.POSITIVE_INFINITY, isColoured: false };

const listener: StatusListener = {
  protocol: "HTTP",
  address: "*",
  port: 8080,
  instanceProtocol: "HTTP",
  instancePort: 80,
  openConnections: 1_234,
  acceptedConnections: 2_000,
  requests: 0,
  ownErrors: 0,
  latency: null,
  policies: [],
};

const instance: StatusInstance = {
  id: "i-web1",
  address: "10.0.0.5",
  port: 80,
  phase: "inService",
  state: "InService",
  reasonCode: "N/A",
  description: "N/A",
  openConnections: 4,
  outstanding: 3,
};

const lookAt = (part: Partial<Status>, tickMs = 0): Look => ({
  tickMs,
  atMs: nowMs,
  status: {
    version: "0.1.0",
    startedAt: "2026-01-02T08:59:00Z",
    readiness: "serving",
    source: "configuration elbow.config.ts",
    lastReload: null,
    loadBalancers: [],
    ...part,
  },
});

const web = (listeners: ReadonlyArray<StatusListener>, instances: ReadonlyArray<StatusInstance>) => ({
  loadBalancers: [{ name: "web", listeners, instances }],
});

/** The cells of the line that has a text in it. */
const cellsOf = (lines: ReadonlyArray<string>, text: string): ReadonlyArray<string> =>
  (lines.find((line) => line.includes(text)) ?? "").trim().split(/ {2,}/);

test("the process: version, readiness, how long, and of which configuration", () => {
  expect(formatStatus(lookAt({}), undefined, wide)).toEqual([
    "elbow 0.1.0  serving for 3 h 1 min  configuration elbow.config.ts",
  ]);
});

test("rates come from two looks; a listener that has begun anew has none", () => {
  const before = lookAt(web([{ ...listener, requests: 100 }], []));
  const now = (requests: number) => formatStatus(lookAt(web([{ ...listener, requests }], []), 2_000), before, wide);
  const rate = (lines: ReadonlyArray<string>) => cellsOf(lines, "HTTP *:8080")[3];
  expect(rate(now(100))).toBe("0");
  expect(rate(now(105))).toBe("2.5");
  expect(rate(now(24_790))).toBe("12,345");
  expect(rate(now(50))).toBe("-");
  expect(rate(formatStatus(lookAt(web([listener], [])), undefined, wide))).toBe("-");
});

test("a listener: what is open, latency, own errors, policies", () => {
  const latency = { count: 9, sumSeconds: 1, p50Seconds: 0.0012, p90Seconds: 0.1, p99Seconds: 12.34 };
  const lines = formatStatus(
    lookAt(web([{ ...listener, latency, ownErrors: 7, policies: ["sticky", "headers"] }], [])),
    undefined,
    wide,
  );
  expect(cellsOf(lines, "LISTENER")).toEqual([
    "LISTENER",
    "TO",
    "OPEN",
    "PER SECOND",
    "P50",
    "P99",
    "OWN ERRORS",
    "POLICIES",
  ]);
  expect(cellsOf(lines, "HTTP *:8080")).toEqual([
    "HTTP *:8080",
    "HTTP 80",
    "1,234",
    "-",
    "1.2 ms",
    "12.3 s",
    "7",
    "sticky, headers",
  ]);
  expect(lines.join("\n")).toContain("no instance is registered");
});

const checked = (failures: number, lastReason: string, at: string) => ({
  healthCheck: {
    target: "HTTP:80/",
    passes: 0,
    failures,
    lastReason,
    history: [{ at, from: "", to: "", reason: "", checks: 2 }],
  },
});

test.each<readonly [Partial<StatusInstance>, ReadonlyArray<string>]>([
  [{}, ["i-web1", "10.0.0.5:80", "in service", "-", "3", "4"]],
  [{ override: "registered" }, ["i-web1", "10.0.0.5:80", "in service", "-", "3", "4", "registered at run time"]],
  [
    { phase: "outOfService", ...checked(3, "status 500", "2026-01-02T11:58:30Z") },
    ["i-web1", "10.0.0.5:80", "out of service", "1 min 30 s", "3", "4", "status 500 (3 checks failed in a row)"],
  ],
  [
    { phase: "draining", override: "drained", description: "drained by an operator" },
    ["i-web1", "10.0.0.5:80", "draining", "-", "3", "4", "drained by an operator"],
  ],
  [
    { phase: "registering", lookUpFailure: "ENOTFOUND", address: "app.internal", zone: "a" },
    ["i-web1", "a", "app.internal:80", "being checked", "-", "3", "4", "its name has no address: ENOTFOUND"],
  ],
  [
    {
      phase: "outOfService",
      description: "ejected",
      outlierDetection: {
        isEjected: true,
        ejections: 1,
        history: [{ at: "2026-01-01T12:00:00Z", to: "", reason: "" }],
      },
    },
    ["i-web1", "10.0.0.5:80", "out of service", "1 d", "3", "4", "ejected"],
  ],
])("an instance of %j", (part, cells) => {
  expect(cellsOf(formatStatus(lookAt(web([], [{ ...instance, ...part }])), undefined, wide), "i-web1")).toEqual(cells);
});

test("a refused reload is told with its problems; so are instances that were deregistered", () => {
  const lastReload = {
    cause: "SIGHUP",
    at: "2026-01-02T11:59:50Z",
    durationMs: 12.6,
    isApplied: false,
    problems: ["a.ts: no such file (expected one)", "loadBalancers.web: nothing"],
  } as const;
  const loadBalancers = [{ name: "web", listeners: [], instances: [], deregistered: ["i-web7"] }];
  const lines = formatStatus(lookAt({ lastReload, loadBalancers }), undefined, wide);
  expect(lines.slice(1, 4)).toEqual([
    "last reload (SIGHUP) 10 s ago: refused, everything stays as it was in 13 ms",
    "  a.ts: no such file (expected one)",
    "  loadBalancers.web: nothing",
  ]);
  expect(lines.at(-1)).toBe("  deregistered at run time: i-web7");
});

const down = {
  ...instance,
  ...{ id: "i-0123456789abcdef0", address: "100.100.100.100", port: 3001 },
  ...checked(1_234, "connect timed out", "2026-01-02T11:58:30Z"),
  phase: "outOfService",
} as const;

test("those that are out of service come first, and the load balancer's line counts them", () => {
  const ids = ["i-1", "i-2", "i-3", "i-4"];
  const phases = ["inService", "draining", "outOfService", "inService"] as const;
  const instances = ids.map((id, index) => ({ ...instance, id, phase: phases[index]! }));
  const lines = formatStatus(lookAt(web([listener], instances)), undefined, wide);
  expect(lines).toContain("web  4 instances, 2 not in service");
  expect(lines.flatMap((line) => /i-\d/.exec(line) ?? []).map(String)).toEqual(["i-3", "i-2", "i-1", "i-4"]);
  const well = formatStatus(lookAt(web([listener], [instance])), undefined, wide);
  expect(well).toContain("web  1 instance");
});

test.each([
  [120, ["  i-0123456789abcdef0  100.100.100.100:3001  out of service  1 min 30 s            3     4"]],
  [80, ["  i-0123456789abcdef0  100.100.100.100:3001  out of service  1 min 30 s"]],
  [70, ["  i-0123456789abcdef0  100.100.100.100:3001  out of service"]],
])("%d columns: why an instance is down has a line of its own, before its counts are cut", (width, [row]) => {
  const lines = formatStatus(lookAt(web([listener], [down])), undefined, { width, isColoured: false });
  const index = lines.findIndex((line) => line.includes(down.id));
  expect(lines.slice(index)).toEqual([row!, "      connect timed out (1234 checks failed in a row)"]);
});

test("a row of which nothing was cut ends without an ellipsis, and with one where something was", () => {
  const row = (width: number, policies: ReadonlyArray<string>) =>
    formatStatus(lookAt(web([{ ...listener, policies }], [])), undefined, { width, isColoured: false }).find((line) =>
      line.includes("HTTP *:8080"),
    );
  const whole = row(200, [])!;
  for (let more = 0; more < 12; more++) expect(row(whole.length + more, [])).toBe(whole);
  expect(row(whole.length + 1, ["sticky"])).toBe(`${whole}…`);
  expect(row(whole.length - 1, [])).toEndWith("…");
});

test("what breaks lines in an answer breaks none of the table", () => {
  const odd = { ...instance, id: "i-\nweb", phase: "outOfService", description: "one\r\nanother" } as const;
  const lines = formatStatus(lookAt({ ...web([], [odd]), source: "a\nb" }), undefined, wide);
  expect(lines[0]).toEndWith("  a b");
  expect(cellsOf(lines, "i- web")).toEqual([
    ...["i- web", "10.0.0.5:80", "out of service", "-", "3", "4", "one another"],
  ]);
  expect(lines.join("")).not.toMatch(/[\r\n]/);
});

test.each([20, 40, 80])("no line is longer than %d columns, whatever is in it", (width) => {
  const odd = {
    ...instance,
    id: "日本".repeat(20),
    phase: "outOfService",
    description: `\x1b[2J\n${"x".repeat(200)}`,
  } as const;
  const look = lookAt(web([listener], [odd]));
  for (const isColoured of [false, true]) {
    const lines = formatStatus(look, undefined, { width, isColoured });
    for (const line of lines) {
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: nothing but colour may be left.
      expect(line.replaceAll(/\x1b\[\d+m/g, "")).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
    }
    expect(lines.join("").includes("\x1b[")).toBe(isColoured);
    expect(lines.join("\n")).toContain("…");
  }
});

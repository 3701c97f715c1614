// What `elbow status` shows, as lines: the process, its last reload, and each load balancer's listeners and instances.
// Made from one look at a running elbow and the look before it, from which the rates come. It never asks and never prints.

import { formatAddress } from "../net/endpoint.ts";
import type { Status, StatusInstance, StatusListener, StatusLoadBalancer, StatusReload } from "./status-answer.ts";
import { type Cell, formatLine, formatTable, type Layout, measureTable, type Tone } from "./text-table.ts";

/** A status, and when it was asked for. */
export interface Look {
  readonly status: Status;
  /** Milliseconds of a clock that only goes forward. */
  readonly tickMs: number;
  /** Unix time in milliseconds. */
  readonly atMs: number;
}

/** The lines of a look; without one before it, rates are unknown. */
export const formatStatus = (look: Look, before: Look | undefined, layout: Layout): ReadonlyArray<string> => [
  formatLine(describeProcess(look), layout),
  ...(look.status.lastReload === null ? [] : describeReload(look.status.lastReload, look.atMs, layout)),
  ...look.status.loadBalancers.flatMap((one) => [
    "",
    formatLine([{ text: one.name, tone: "head" }, ...countInstances(one)], layout),
    ...formatTable(describeListeners(one, look, before), layout),
    ...(one.instances.length === 0
      ? [formatLine([{ text: "  no instance is registered", tone: "odd" }], layout)]
      : ["", ...formatInstances(one, look.atMs, layout)]),
    ...(one.deregistered === undefined || one.deregistered.length === 0
      ? []
      : [formatLine([{ text: `  deregistered at run time: ${one.deregistered.join(", ")}`, tone: "odd" }], layout)]),
  ]),
];

const describeProcess = ({ status, atMs }: Look): ReadonlyArray<Cell> => [
  { text: `elbow ${status.version}`, tone: "head" },
  { text: "  " },
  { text: status.readiness, tone: status.readiness === "serving" ? "good" : "odd" },
  { text: ` for ${spellSince(status.startedAt, atMs)}  ${status.source}` },
];

/** How a reload ended, with what was wrong below it. */
const describeReload = (reload: StatusReload, nowMs: number, layout: Layout): ReadonlyArray<string> => [
  formatLine(
    [
      { text: `last reload (${reload.cause}) ${spellSince(reload.at, nowMs)} ago: ` },
      reload.isApplied
        ? { text: "applied", tone: "good" }
        : { text: "refused, everything stays as it was", tone: "bad" },
      { text: ` in ${Math.round(reload.durationMs)} ms` },
    ],
    layout,
  ),
  ...reload.problems.map((problem) => formatLine([{ text: `  ${problem}`, tone: "bad" }], layout)),
];

const header = (...names: ReadonlyArray<string>): ReadonlyArray<Cell> =>
  names.map((name) => ({ text: name.replace(/^>/, ""), tone: "faint", isNumber: name.startsWith(">") }));

const number = (text: string, tone: Tone = "plain"): Cell => ({ text, tone, isNumber: true });

const describeListeners = (
  { name, listeners }: StatusLoadBalancer,
  look: Look,
  before: Look | undefined,
): ReadonlyArray<ReadonlyArray<Cell>> => [
  header("LISTENER", "TO", ">OPEN", ">PER SECOND", ">P50", ">P99", ">OWN ERRORS", "POLICIES"),
  ...listeners.map((listener) => [
    { text: `${listener.protocol} ${formatAddress(listener.address, listener.port)}` },
    { text: `${listener.instanceProtocol} ${listener.instancePort}` },
    number(spellCount(listener.openConnections)),
    number(spellRate(listener, findListener(name, listener, before), look, before)),
    number(spellSeconds(listener.latency?.p50Seconds)),
    number(spellSeconds(listener.latency?.p99Seconds)),
    number(spellCount(listener.ownErrors), listener.ownErrors > 0 ? "odd" : "plain"),
    { text: listener.policies.join(", ") },
  ]),
];

const findListener = (
  loadBalancer: string,
  { address, port }: StatusListener,
  look: Look | undefined,
): StatusListener | undefined =>
  look?.status.loadBalancers
    .find(({ name }) => name === loadBalancer)
    ?.listeners.find((one) => one.port === port && one.address === address);

const spellRate = (now: StatusListener, then: StatusListener | undefined, look: Look, before: Look | undefined) => {
  const seconds = before === undefined ? 0 : (look.tickMs - before.tickMs) / 1_000;
  // Another process, or a listener that was opened anew, counts from zero again.
  if (then === undefined || seconds <= 0 || now.requests < then.requests) return "-";
  const rate = (now.requests - then.requests) / seconds;
  return rate === 0 ? "0" : rate < 10 ? rate.toFixed(1) : spellCount(Math.round(rate));
};

/** How many addresses there are, and how many of them clients aren't sent to. */
const countInstances = ({ instances }: StatusLoadBalancer): ReadonlyArray<Cell> => {
  const out = instances.filter(({ phase }) => phase !== "inService").length;
  return [
    { text: `  ${spellCount(instances.length)} ${instances.length === 1 ? "instance" : "instances"}` },
    ...(out === 0 ? [] : [{ text: `, ${spellCount(out)} not in service`, tone: "bad" } as const]),
  ];
};

/** Why an instance is down has a line of its own where its row has no room for it. */
const formatInstances = ({ instances }: StatusLoadBalancer, nowMs: number, layout: Layout): ReadonlyArray<string> => {
  const sorted = [...instances].sort((one, other) => order.indexOf(one.phase) - order.indexOf(other.phase));
  let rows = describeInstances(sorted, nowMs);
  const whole = rows.map((row, index) => [...row, ...remarkOn(sorted[index - 1])]);
  if (measureTable(whole) <= layout.width) return formatTable(whole, layout);
  for (let left = droppableColumns; left > 0 && measureTable(rows) > layout.width; left--) {
    rows = rows.map((row) => row.slice(0, -1));
  }
  return formatTable(rows, layout).flatMap((line, index) => {
    const instance = sorted[index - 1];
    const remark = instance === undefined ? "" : explain(instance);
    return remark === "" ? [line] : [line, formatLine([{ text: `      ${remark}` }], layout)];
  });
};

/** Those that somebody may have to do something about come first. */
const order: ReadonlyArray<StatusInstance["phase"]> = ["outOfService", "registering", "draining", "inService"];

const remarkOn = (instance: StatusInstance | undefined): ReadonlyArray<Cell> =>
  instance === undefined ? header("REMARK") : [{ text: explain(instance) }];

/** Of an instance's columns, how many of the last ones aren't missed where they have no room: SINCE and the counts. */
const droppableColumns = 3;

const describeInstances = (
  instances: ReadonlyArray<StatusInstance>,
  nowMs: number,
): ReadonlyArray<ReadonlyArray<Cell>> => {
  const hasZones = instances.some(({ zone }) => zone !== undefined);
  const zoneOf = (text: string): ReadonlyArray<Cell> => (hasZones ? [{ text }] : []);
  const [first, ...rest] = header("INSTANCE", "ADDRESS", "STATE", ">SINCE", ">IN PROGRESS", ">OPEN");
  return [
    [first!, ...(hasZones ? header("ZONE") : []), ...rest],
    ...instances.map((one) => {
      const [state, tone] = phases[one.phase];
      return [
        { text: one.id },
        ...zoneOf(one.zone ?? ""),
        { text: one.port === undefined ? one.address : formatAddress(one.address, one.port) },
        { text: state, tone },
        number(spellLastChange(one, nowMs)),
        number(spellCount(one.outstanding)),
        number(spellCount(one.openConnections)),
      ];
    }),
  ];
};

const phases: Readonly<Record<StatusInstance["phase"], readonly [text: string, tone: Tone]>> = {
  inService: ["in service", "good"],
  outOfService: ["out of service", "bad"],
  registering: ["being checked", "odd"],
  draining: ["draining", "odd"],
};

/** Why nothing is sent to it, and what isn't as the configuration has it. */
const explain = (one: StatusInstance): string => {
  const why = explainPhase(one);
  return one.override === "registered" ? `${why === "" ? "" : `${why}; `}registered at run time` : why;
};

const explainPhase = (one: StatusInstance): string => {
  if (one.phase === "inService") return "";
  if (one.lookUpFailure !== undefined) return `its name has no address: ${one.lookUpFailure}`;
  const { failures = 0, lastReason } = one.healthCheck ?? {};
  if (one.phase === "draining" || failures === 0 || lastReason === undefined) {
    return one.description === "N/A" ? "" : one.description;
  }
  return `${lastReason} (${failures} ${failures === 1 ? "check" : "checks"} failed in a row)`;
};

/** When somebody drained it isn't known; when checks last spoke is no answer to that. */
const spellLastChange = ({ phase, healthCheck, outlierDetection }: StatusInstance, nowMs: number): string => {
  if (phase === "draining") return "-";
  const changes = [healthCheck, outlierDetection].flatMap((one) => one?.history.at(-1)?.at ?? []).sort();
  const last = changes.at(-1);
  return last === undefined ? "-" : spellSince(last, nowMs);
};

const units = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

/** How long ago a time of ISO 8601 was, in its two largest units. */
const spellSince = (time: string, nowMs: number): string => {
  let seconds = Math.max(0, Math.floor((nowMs - Date.parse(time)) / 1_000)) || 0;
  const first = units.findIndex(([size]) => seconds >= size);
  if (first === -1) return "0 s";
  return units
    .slice(first, first + 2)
    .flatMap(([size, unit]) => {
      const count = Math.floor(seconds / size);
      seconds -= count * size;
      return count === 0 ? [] : [`${count} ${unit}`];
    })
    .join(" ");
};

const spellCount = (count: number): string => count.toLocaleString("en");

const spellSeconds = (seconds: number | null | undefined): string => {
  if (seconds === null || seconds === undefined) return "-";
  const ms = seconds * 1_000;
  return ms >= 10_000 ? `${seconds.toFixed(1)} s` : `${ms >= 100 ? ms.toFixed(0) : ms.toPrecision(2)} ms`;
};

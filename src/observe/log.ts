// The log of the process: one line on standard error for what an operator should know, never one for a request.
//
// Lines are for people on a terminal and JSON for a collector otherwise. Owns the format and the least level; whatever a
// client, an instance or a certificate put into a message stays inside its line. Never colours what isn't a terminal.

/** How much a line matters, from the least. */
export const logLevels = ["debug", "info", "warn", "error"] as const;

/** How much a line matters. */
export type LogLevel = (typeof logLevels)[number];

/** How lines may be asked for; `auto` is `human` on a terminal and `json` elsewhere. */
export const logFormats = ["auto", "human", "json"] as const;

/** How lines are asked for. */
type LogFormat = (typeof logFormats)[number];

/** What stands beside the message; a list is a line for each member where people read. */
export type LogFields = Readonly<Record<string, string | number | boolean | ReadonlyArray<string> | null | undefined>>;

const isTerminal = process.stderr.isTTY === true;
const isColoured = isTerminal && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";

let isJson = !isTerminal;
let least = logLevels.indexOf("info");

/** Chooses how lines look from now on, and the least level that is said. */
export const configureLog = (format: LogFormat, level: LogLevel): void => {
  isJson = format === "json" || (format === "auto" && !isTerminal);
  least = logLevels.indexOf(level);
};

/** Says one line on standard error. The fields may not be named time, level or message. */
export const log = (level: LogLevel, message: string, fields: LogFields = {}): void => {
  if (logLevels.indexOf(level) < least) return;
  process.stderr.write(
    isJson ? formatJsonLine(level, message, fields, new Date()) : formatHumanLine(level, message, fields, isColoured),
  );
};

/** A line for collectors: JSON, with its newline. */
export const formatJsonLine = (level: LogLevel, message: string, fields: LogFields, time: Date): string =>
  `${escapeJson(JSON.stringify({ time: time.toISOString(), level, message, ...fields }))}\n`;

/**
 * A line for people: `elbow: message key=value`, with its newline. What goes on below it is indented, so that no text can
 * pass for a line of its own.
 */
export const formatHumanLine = (level: LogLevel, message: string, fields: LogFields, coloured: boolean): string => {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  const pairs = present
    .filter(([, value]) => !Array.isArray(value))
    .map(([name, value]) => ` ${name}=${spellValue(String(value))}`);
  const below = present.flatMap(([, value]) => (Array.isArray(value) ? value : [])).map((line) => `\n${line}`);
  const [prefix, reset] = coloured ? [`${colours[level]}elbow:`, "\x1b[0m"] : ["elbow:", ""];
  return `${prefix}${reset} ${printable(`${message}${pairs.join("")}${below.join("")}`).replaceAll("\n", "\n  ")}\n`;
};

const colours: Readonly<Record<LogLevel, string>> = {
  debug: "\x1b[2m",
  info: "\x1b[36m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};

const spellValue = (value: string): string => (/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value));

/** A text in which every control character but the newline is spelled out, those of ISO 6429 (C1) too. */
export const printable = (text: string): string => text.replaceAll(controls, spellControl);

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const controls = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The same on one line: what breaks lines becomes a blank. */
export const printableLine = (text: string): string => printable(text.replaceAll(/[\r\n]+/g, " "));

const spellControl = (character: string): string => {
  const code = character.charCodeAt(0);
  return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, "0")}`;
};

// JSON.stringify has spelled out the controls below U+0020; a terminal obeys others, too.
const escapeJson = (text: string): string =>
  text.replaceAll(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

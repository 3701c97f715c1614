/**
 * What is wrong with a configuration, said so that a person can mend it without reading code.
 * Made by the shape check and by the rules; owns how a place in the file is spelled and in what order problems are told.
 * Never decides what is wrong.
 */

import { isKeyText, keyWords } from "../../model/key-text.ts";

/** One thing to mend: where it stands, what is wrong and what would be right ("expected …"). */
export interface Problem {
  readonly path: string;
  readonly problem: string;
  readonly expected: string;
}

/** A place in the written configuration, from the outside in. */
export type Place = ReadonlyArray<string | number>;

/** A problem whose place is not yet spelled out. */
export interface Finding {
  readonly place: Place;
  readonly problem: string;
  readonly expected: string;
}

/** Spells a place as `loadBalancers.web.listeners[0].port`. */
export const spellPlace = (place: Place): string => {
  if (place.length === 0) return "the configuration";
  let text = "";
  for (const step of place) {
    if (typeof step === "number") text += `[${step}]`;
    else if (!/^[A-Za-z0-9_$-]+$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
};

/** Spells a value in a few words: texts and numbers as they are, lists and objects by kind; keys are no one's. */
export const spellValue = (value: unknown): string => {
  if (typeof value === "string" && value.includes("-----BEGIN")) return "PEM text";
  if (typeof value === "string" && isKeyText(value)) return keyWords;
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
};

/** Something that was meant to switch a check on, and is the value of no variable. */
export const describeUndefined = (place: Place): Finding => ({
  place,
  problem: "is undefined",
  expected: `a value, or no \`${place.at(-1)}\` at all`,
});

/** Joins words as "a, b or c". */
export const spellChoice = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

/** Sorts findings into the order in which their places stand in the written configuration. */
export const sortFindings = (findings: ReadonlyArray<Finding>, written: unknown): ReadonlyArray<Finding> =>
  [...findings].sort((one, other) => comparePlaces(one.place, other.place, written));

const comparePlaces = (one: Place, other: Place, written: unknown): number => {
  let value = written;
  for (let depth = 0; depth < Math.min(one.length, other.length); depth++) {
    const [first, second] = [one[depth]!, other[depth]!];
    if (first !== second) return positionOf(first, value) - positionOf(second, value);
    value = childOf(value, first);
  }
  return one.length - other.length;
};

/** What is not written at all is told after what is. */
const positionOf = (step: string | number, parent: unknown): number => {
  if (typeof step === "number") return step;
  const position = typeof parent === "object" && parent !== null ? Object.keys(parent).indexOf(step) : -1;
  return position < 0 ? Number.MAX_SAFE_INTEGER : position;
};

/** The member of a written value; undefined where there is none. */
export const childOf = (value: unknown, step: string | number): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string | number, unknown>)[step]
    : undefined;

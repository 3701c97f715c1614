/**
 * Outlier detection: which failures of an instance's traffic take it out, and for how long.
 * A load balancer's attribute; owns its shape, ranges and defaults. Beyond a Classic Load Balancer, which has none.
 * Never looks at traffic: `health/` and `control/` do.
 */
import { Effect, Schema } from "effect";
import { described } from "./described.ts";

/** Outlier detection with every member known; times in seconds, the share in percent. */
export interface OutlierDetection {
  /** Failures in a row that eject an instance's address. */
  readonly failures: number;
  /** How long the first ejection lasts; each further one in a row lasts so much longer. */
  readonly ejectionTime: number;
  /** No ejection lasts longer. */
  readonly maxEjectionTime: number;
  /** Of the addresses that may be ejected at once. */
  readonly maxEjectedShare: number;
}

/** What holds where it is on and nothing else is said. */
export const defaultOutlierDetection: OutlierDetection = {
  failures: 5,
  ejectionTime: 30,
  maxEjectionTime: 300,
  maxEjectedShare: 50,
};

const member = (key: keyof OutlierDetection, title: string, expected: string, isLegal: (value: number) => boolean) =>
  described(Schema.Number, { title, expected }, isLegal).pipe(
    Schema.withDecodingDefault(Effect.succeed(defaultOutlierDetection[key])),
  );

const seconds = (key: keyof OutlierDetection, title: string) =>
  member(key, title, "a number of seconds from 1 to 3600", (value) => value >= 1 && value <= 3600);

const description = {
  title: "a setting of outlier detection",
  expected: "true, false, or one such as { failures: 5, ejectionTime: 30, maxEjectionTime: 300, maxEjectedShare: 50 }",
};

/** On with every default, off, or on with what is written. */
export const OutlierSwitch = Schema.Union([
  Schema.Struct({
    failures: member("failures", "a number of failures", "a whole number from 1 to 1000", (value) => {
      return Number.isInteger(value) && value >= 1 && value <= 1000;
    }),
    ejectionTime: seconds("ejectionTime", "an ejection time"),
    maxEjectionTime: seconds("maxEjectionTime", "a greatest ejection time"),
    maxEjectedShare: member(
      "maxEjectedShare",
      "a share of ejected instances",
      "a percentage from 0 to 100",
      (value) => {
        return value >= 0 && value <= 100;
      },
    ),
  }).annotate(description),
  Schema.Boolean.annotate(description),
]).annotate(description);

/** What holds; undefined where it is off. */
export const findOutlierDetection = (written: typeof OutlierSwitch.Type): OutlierDetection | undefined => {
  if (written === true) return defaultOutlierDetection;
  return written === false ? undefined : written;
};

/**
 * The access log of a load balancer: whether one is kept, where, and in which format.
 * A load balancer's attribute; owns its shape, ranges and defaults. What must not stand together is the rules' affair.
 * Never opens a file.
 */
import { Effect, Schema } from "effect";
import { described } from "./described.ts";

const whole = (title: string, least: number, most: number, unit: string) =>
  described(
    Schema.Number,
    { title, expected: `a whole number of ${unit} from ${least} to ${most}` },
    (value) => Number.isInteger(value) && value >= least && value <= most,
  );

const path = (title: string, example: string) =>
  described(
    Schema.String,
    { title, expected: `a path such as "${example}"` },
    (text) => text !== "" && !text.includes("\0"),
  );

const text = (title: string, expected: string, isLegal: (value: string) => boolean) =>
  described(Schema.String, { title, expected }, isLegal);

const secret = (title: string) => text(title, "a text", (value) => value !== "");

const gibibyte = 1024 ** 3;

/** When a log file is turned over; at least one of `maxBytes` and `maxAge` (seconds). */
const Rotate = Schema.Struct({
  maxBytes: Schema.optional(whole("a greatest size", 1024, 1024 * gibibyte, "bytes")),
  maxAge: Schema.optional(whole("a greatest age", 1, 366 * 86_400, "seconds")),
  keep: whole("a number of files", 0, 1000, "files").pipe(Schema.withDecodingDefault(Effect.succeed(7))),
}).annotate({ title: "a setting of rotation", expected: "one such as { maxBytes: 104857600, keep: 7 }" });

/** A bucket ("Bucket naming rules", Amazon S3), and how it is reached. */
const S3 = Schema.Struct({
  bucket: text("a bucket", 'a bucket\'s name such as "my-logs"', (value) =>
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value),
  ),
  prefix: Schema.optional(
    text(
      "a prefix",
      'one such as "production/web", without AWSLogs, and no slash first or last',
      (value) => /^[^/\0].*[^/\0]$|^[^/\0]$/s.test(value) && !value.includes("AWSLogs") && value.length <= 512,
    ),
  ),
  region: Schema.optional(
    text("a region", 'one such as "eu-central-1"', (value) => /^[a-zA-Z0-9-]{1,64}$/.test(value)),
  ),
  endpoint: Schema.optional(
    text("an endpoint", 'a URL such as "https://s3.example.com"', (value) => /^https?:\/\/[^/\s]+/.test(value)),
  ),
  accessKeyId: Schema.optional(secret("an access key id")),
  secretAccessKey: Schema.optional(secret("a secret access key")),
  sessionToken: Schema.optional(secret("a session token")),
  maxSpoolBytes: whole("a greatest spool", 1024 * 1024, 1024 * gibibyte, "bytes").pipe(
    Schema.withDecodingDefault(Effect.succeed(gibibyte)),
  ),
}).annotate({ title: "a bucket", expected: 'one such as { bucket: "my-logs", prefix: "web" }' });

/** An access log ("Access logs for your Classic Load Balancer", AWS): of `file`, `directory` and `stdout` just one. */
export const AccessLogSetting = Schema.Struct({
  enabled: described(Schema.Boolean, { title: "a switch", expected: "true or false" }),
  file: Schema.optional(path("a file", "/var/log/elbow/access.log")),
  directory: Schema.optional(path("a folder", "/var/log/elbow")),
  stdout: Schema.optional(described(Schema.Boolean, { title: "a switch", expected: "true or false" })),
  emitInterval: described(Schema.Literals([5, 60]), { title: "an interval in minutes", expected: "5 or 60" }).pipe(
    Schema.withDecodingDefault(Effect.succeed(60 as const)),
  ),
  format: described(Schema.Literals(["clb", "json"]), { title: "a format", expected: '"clb" or "json"' }).pipe(
    Schema.withDecodingDefault(Effect.succeed("clb" as const)),
  ),
  rotate: Schema.optional(Rotate),
  s3: Schema.optional(S3),
}).annotate({
  title: "a setting of the access log",
  expected: 'one such as { enabled: true, file: "/var/log/elbow/access.log" } or { enabled: false }',
});

/** An access log with every member known; paths are absolute once a configuration has been checked. */
export interface AccessLogSetting extends Schema.Schema.Type<typeof AccessLogSetting> {}

/** What holds where a configuration says nothing. */
export const defaultAccessLog: AccessLogSetting = { enabled: false, emitInterval: 60, format: "clb" };

/** Whose account the names of log files tell of; twelve digits ("AWS account identifiers", AWS). */
export const Account = text("an account", 'twelve digits such as "000000000000"', (value) => /^\d{12}$/.test(value));

/** Which region they tell of. */
export const Region = text("a region", 'letters, digits and hyphens such as "local" or "eu-central-1"', (value) =>
  /^[a-zA-Z0-9-]{1,64}$/.test(value),
);

export const defaultAccount = "000000000000";
export const defaultRegion = "local";

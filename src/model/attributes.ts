/**
 * The attributes of a load balancer: its times, limits and modes.
 * Read once per route; owns ranges, defaults and units (seconds, as AWS has them, and bytes).
 * Never converts to milliseconds (who starts a timer does), and never compares attributes (the configuration's rules do).
 */
import { Effect, Schema, Struct } from "effect";
import { AccessLogSetting, defaultAccessLog } from "./access-log.ts";
import { BalancingKey } from "./balancing-key.ts";
import { described } from "./described.ts";
import { OutlierSwitch } from "./outlier-detection.ts";

/** A whole number from `least` to `most`, in a unit that the message names. */
const whole = (title: string, least: number, most: number, unit = "") =>
  described(
    Schema.Number,
    { title, expected: `a whole number${unit === "" ? "" : ` of ${unit}`} from ${least} to ${most}` },
    (value) => Number.isInteger(value) && value >= least && value <= most,
  );

const bytes = (title: string, least: number, most: number) => whole(title, least, most, "bytes");

/** Fractions are allowed, since tests and impatient people want them. */
const seconds = (title: string, least: number, most: number) =>
  described(
    Schema.Number,
    { title, expected: `a number of seconds from ${least} to ${most}` },
    (value) => value >= least && value <= most,
  );

/** How long an instance may take to finish where a configuration gives no time ("Configure connection draining", AWS). */
const drainingTimeout = 300;

/** What becomes of what is in progress on an instance that is deregistered. */
const ConnectionDraining = Schema.Struct({
  enabled: described(Schema.Boolean, { title: "a switch", expected: "true or false" }),
  timeout: whole("a draining timeout", 1, 3600, "seconds").pipe(
    Schema.withDecodingDefault(Effect.succeed(drainingTimeout)),
  ),
}).annotate({
  title: "a setting of connection draining",
  expected: "one such as { enabled: true, timeout: 300 } or { enabled: false }",
});

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Every attribute, with its range. */
const fields = {
  /** Seconds of silence both ways after which a connection ends ("Configure the idle connection timeout…", AWS). */
  idleTimeout: whole("an idle timeout", 1, 4000, "seconds"),
  /** Seconds that reaching one instance may take, the TLS handshake with it included. */
  connectTimeout: seconds("a connect timeout", 0.1, 300),
  /** Seconds that a client of an HTTPS or SSL listener may take for its TLS handshake, from its connection on. */
  handshakeTimeout: seconds("a handshake timeout", 0.1, 300),
  /** Seconds from the first byte of an HTTP request's head to its last. */
  requestHeadTimeout: seconds("a request head timeout", 0.1, 4000),
  /** Seconds that an HTTP request's body may take at any rate; from then on `requestBodyRate` holds. */
  requestBodyTimeout: seconds("a request body timeout", 0.1, 4000),
  /** Bytes per second that a request's body must keep up with; 0 asks for none. */
  requestBodyRate: whole("a request body rate", 0, 1_000_000_000, "bytes per second"),
  /** Seconds for which a body that nobody reads is thrown away, so that its connection can be kept. */
  unreadBodyTimeout: seconds("an unread body timeout", 0, 300),
  /** Seconds for which a client is listened to behind its last answer, so that a reset doesn't destroy it. */
  lingerTimeout: seconds("a linger timeout", 0, 60),
  /** Seconds after which an idle connection to an instance is closed. */
  idleConnectionTimeout: seconds("an idle connection timeout", 1, 4000),
  /** Idle connections kept ready for each instance of an HTTP listener. */
  minIdleConnections: whole("a least number of idle connections", 0, 64),
  /** The most idle connections kept for each instance. */
  maxIdleConnections: whole("a greatest number of idle connections", 0, 10_000),
  /** How instances share the traffic; `by-protocol` is least outstanding requests at layer 7, round robin at layer 4. */
  balancing: described(
    Schema.Literals([
      "by-protocol",
      "round-robin",
      "least-outstanding",
      "power-of-two-choices",
      "random",
      "consistent-hash",
    ]),
    {
      title: "a way of balancing",
      expected:
        '"by-protocol", "round-robin", "least-outstanding", "power-of-two-choices", "random" or "consistent-hash"',
    },
  ),
  /** What ways of balancing that have keys make them of; the client's address at layer 4, and where a request has none. */
  balancingKey: BalancingKey,
  /** Seconds in which an instance that has come comes to its whole share of the traffic; 0 for at once. */
  slowStart: seconds("a slow start", 0, 3600),
  /**
   * Whether requests and connections in progress on an instance that is deregistered may finish, and for how many seconds;
   * switched off, they are cut at once, also when checks find the instance out of service ("Configure connection draining…", AWS).
   */
  connectionDraining: ConnectionDraining,
  /** Seconds for which a request or connection may wait for room on an instance; as long as for the idle timeout by default. */
  surgeQueueTimeout: described(
    Schema.Union([Schema.Number, Schema.Literal("idleTimeout")]),
    { title: "a surge queue timeout", expected: 'a number of seconds from 0.1 to 4000, or "idleTimeout"' },
    (value) => value === "idleTimeout" || (value >= 0.1 && value <= 4000),
  ),
  /** Whether this node sends to instances of other zones than its own ("Configure cross-zone load balancing…", AWS). */
  crossZone: described(Schema.Boolean, { title: "a switch", expected: "true or false" }),
  /** Whether each request, or layer-4 connection, becomes a line in a log, and where ("Access logs for your Classic Load Balancer", AWS). */
  accessLog: AccessLogSetting,
  /** Percent of the instances: with fewer in service, all of them get traffic; 0 for never. */
  panicThreshold: described(
    Schema.Number,
    { title: "a panic threshold", expected: "a percentage from 0 to 100" },
    (value) => value >= 0 && value <= 100,
  ),
  /** Takes instances out for a while whose traffic fails. */
  outlierDetection: OutlierSwitch,
  /** What becomes of doubtful requests ("Configure desync mitigation mode for your Classic Load Balancer", AWS). */
  desyncMitigationMode: described(Schema.Literals(["monitor", "defensive", "strictest"]), {
    title: "a desync mitigation mode",
    expected: '"monitor", "defensive" or "strictest"',
  }),
  /** Lets WebSocket handshakes through HTTP listeners (RFC 6455). */
  webSocket: described(Schema.Boolean, { title: "a switch", expected: "true or false" }),
  /** Characters of a method; a longer one is answered with 405. */
  maxMethodLength: whole("a method length", 1, 4 * kibibyte, "characters"),
  /** Bytes of a request line, and of a status line. */
  maxRequestLineBytes: bytes("a request line limit", 256, mebibyte),
  /** Bytes of one header line, its folds included. */
  maxHeaderBytes: bytes("a header limit", 256, mebibyte),
  /** Bytes of a whole request head. */
  maxRequestHeadBytes: bytes("a request head limit", kibibyte, 4 * mebibyte),
  /** Bytes of a whole response head. */
  maxResponseHeadBytes: bytes("a response head limit", kibibyte, 4 * mebibyte),
  /** Header lines of one head. */
  maxHeaders: whole("a number of headers", 1, 1000),
  /** Bytes that a client may send ahead of the answer in progress before it isn't read any more. */
  maxReadAheadBytes: bytes("a read-ahead limit", kibibyte, 16 * mebibyte),
  /** Bytes of a body that nobody reads which are thrown away, so that its connection can be kept. */
  maxUnreadBodyBytes: bytes("an unread body limit", 0, 1024 * mebibyte),
};

/** Attributes with every member known. */
export const Attributes = Schema.Struct(fields);

/**
 * What is the same for every listener of a load balancer: times in seconds, limits in bytes or counts, modes.
 *
 * *Details*: `docs/configuration.md` says what each does.
 */
export interface Attributes extends Schema.Schema.Type<typeof Attributes> {}

/** Attributes as they stand in a configuration: each may be left out. */
export const WrittenAttributes = Attributes.mapFields(Struct.map(Schema.optional)).annotate({
  title: "a set of attributes",
  expected: "one such as { idleTimeout: 60 }",
});

/** What holds where a configuration says nothing. */
export const defaultAttributes: Attributes = {
  idleTimeout: 60,
  connectTimeout: 5,
  handshakeTimeout: 10,
  requestHeadTimeout: 60,
  requestBodyTimeout: 30,
  requestBodyRate: 240,
  unreadBodyTimeout: 5,
  lingerTimeout: 2,
  idleConnectionTimeout: 55,
  minIdleConnections: 1,
  maxIdleConnections: 64,
  balancing: "by-protocol",
  balancingKey: "client-address",
  slowStart: 0,
  connectionDraining: { enabled: true, timeout: drainingTimeout },
  surgeQueueTimeout: "idleTimeout",
  crossZone: true,
  accessLog: defaultAccessLog,
  panicThreshold: 0,
  outlierDetection: false,
  desyncMitigationMode: "defensive",
  webSocket: true,
  maxMethodLength: 127,
  maxRequestLineBytes: 16 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxRequestHeadBytes: 64 * 1024,
  maxResponseHeadBytes: 64 * 1024,
  maxHeaders: 100,
  maxReadAheadBytes: 64 * 1024,
  maxUnreadBodyBytes: 256 * 1024,
};

// The shapes of what the management API is asked and answers, as Schemas: the one source of its OpenAPI document.
//
// Beside operations.ts, which says where each is used; what they are read from is control/'s status. Owns names and words
// of every member; a test holds the answers of a running elbow to them.
import { Schema } from "effect";
import { described } from "../model/described.ts";
import { instanceTextDescription } from "../model/instance.ts";

const text = (description: string) => Schema.String.annotate({ description });
const count = (description: string) => Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({ description });
const seconds = (description: string) => Schema.Finite.annotate({ description });

const ProtocolName = Schema.Literals(["HTTP", "HTTPS", "TCP", "SSL"]).annotate({ identifier: "Protocol" });

const Latency = Schema.Struct({
  count: count("How often it was measured."),
  sumSeconds: seconds("All measurements together."),
  p50Seconds: seconds("Half of them took no longer; an estimate."),
  p90Seconds: seconds("90 % of them took no longer; an estimate."),
  p99Seconds: seconds("99 % of them took no longer; an estimate."),
}).annotate({
  identifier: "Latency",
  description: "How long instances take: from a request sent to its response head; at layer 4, to connect.",
});

const Listener = Schema.Struct({
  protocol: ProtocolName,
  port: count("The port that is bound."),
  address: text("The address that it is bound to; `*` stands for every address."),
  instanceProtocol: ProtocolName,
  instancePort: count("The port of instances that name none of their own."),
  openConnections: count("Client connections that are open."),
  acceptedConnections: count("Client connections that came, refused ones included."),
  requests: count("HTTP exchanges, or layer-4 connections, since the listener was opened."),
  ownErrors: count("Of these, those that elbow itself had to answer with a status from 500 up."),
  latency: Schema.NullOr(Latency).annotate({ description: "Null before the first measurement." }),
  policies: Schema.Array(Schema.String).annotate({ description: "The policies that work on it, in order." }),
}).annotate({ identifier: "Listener" });

const change = {
  at: text("ISO 8601."),
  to: text("The state that it came to."),
  reason: text("Why."),
};

const HealthCheck = Schema.Struct({
  target: text("What is asked, such as `HTTP:80/ping`."),
  passes: count("Checks passed in a row."),
  failures: count("Checks failed in a row."),
  lastReason: Schema.optionalKey(text("How the last check ended; left out before the first.")),
  lastAt: Schema.optionalKey(text("When the last check ended; ISO 8601.")),
  history: Schema.Array(
    Schema.Struct({ ...change, from: text("The state before."), checks: count("Checks in a row with that end.") }),
  ).annotate({ description: "The last changes of the state, oldest first." }),
}).annotate({ identifier: "HealthCheck" });

const OutlierDetection = Schema.Struct({
  isEjected: Schema.Boolean,
  ejections: count("Ejections in a row; the next lasts longer by the first one's time."),
  history: Schema.Array(Schema.Struct(change)).annotate({ description: "Ejections and returns, oldest first." }),
}).annotate({ identifier: "OutlierDetection" });

/** One address of one instance. */
const InstanceAnswer = Schema.Struct({
  id: text("Its id of the inventory, or how it is written."),
  address: text("An IP address; the name itself where it has not resolved."),
  port: Schema.optionalKey(count("The port that it is reached at.")),
  zone: Schema.optionalKey(text("Where it is, as the configuration says.")),
  phase: Schema.Literals(["registering", "inService", "outOfService", "draining"]),
  state: Schema.Literals(["InService", "OutOfService"]).annotate({ description: "As DescribeInstanceHealth has it." }),
  reasonCode: Schema.Literals(["ELB", "Instance", "N/A"]),
  description: text("Why; `N/A` for one in service."),
  override: Schema.optionalKey(
    Schema.Literals(["drained", "registered"]).annotate({
      description: "What was done to it at run time, and the configuration doesn't say.",
    }),
  ),
  lookUpFailure: Schema.optionalKey(text("Why its name has no address, such as `ENOTFOUND`.")),
  healthCheck: Schema.optionalKey(HealthCheck),
  outlierDetection: Schema.optionalKey(OutlierDetection),
  openConnections: count("Connections to it that are open."),
  outstanding: count("HTTP requests and layer-4 connections in progress on it."),
}).annotate({ identifier: "Instance", description: "One address of one instance." });

/** The instances of a load balancer. */
export const InstancesAnswer = Schema.Struct({
  instances: Schema.Array(InstanceAnswer),
}).annotate({ identifier: "Instances" });

/** One load balancer. */
export const LoadBalancerAnswer = Schema.Struct({
  name: Schema.String,
  address: Schema.optionalKey(text("The address that its listeners bind; every address without one.")),
  listeners: Schema.Array(Listener),
  instances: Schema.Array(InstanceAnswer).annotate({
    description: "Those that are registered, and behind them those that are gone and finish what they began.",
  }),
  deregistered: Schema.optionalKey(
    Schema.Array(Schema.String).annotate({
      description: "Ids that the configuration lists, and that were deregistered at run time.",
    }),
  ),
}).annotate({ identifier: "LoadBalancer" });

/** Every load balancer. */
export const LoadBalancersAnswer = Schema.Struct({
  loadBalancers: Schema.Array(LoadBalancerAnswer),
}).annotate({ identifier: "LoadBalancers" });

/** An instance in each load balancer that has it. */
export const InstanceEverywhereAnswer = Schema.Struct({
  loadBalancers: Schema.Array(Schema.Struct({ name: Schema.String, instances: Schema.Array(InstanceAnswer) })).annotate(
    { description: "Each load balancer that has it, with its addresses there." },
  ),
}).annotate({ identifier: "InstanceEverywhere" });

/** How a reload ended. */
export const ReloadAnswer = Schema.Struct({
  cause: Schema.Literals(["SIGHUP", "file", "API"]),
  at: text("When it was over; ISO 8601."),
  durationMs: Schema.Finite,
  isApplied: Schema.Boolean.annotate({ description: "False where it was refused, and everything stayed as it was." }),
  problems: Schema.Array(Schema.String).annotate({ description: "One line each, in the words of `elbow check`." }),
}).annotate({ identifier: "Reload" });

const Readiness = Schema.Literals(["starting", "serving", "draining"]);

/** Everything that `elbow status` shows. */
export const StatusAnswer = Schema.Struct({
  version: Schema.String,
  startedAt: text("ISO 8601."),
  readiness: Readiness,
  source: text("Where the configuration comes from."),
  lastReload: Schema.NullOr(ReloadAnswer),
  loadBalancers: Schema.Array(LoadBalancerAnswer),
}).annotate({ identifier: "Status" });

/** Whether elbow serves. */
export const HealthAnswer = Schema.Struct({ status: Readiness }).annotate({ identifier: "Health" });

/** What is here. */
export const IndexAnswer = Schema.Struct({
  name: Schema.Literal("elbow"),
  version: Schema.String,
  paths: Schema.Array(Schema.String),
}).annotate({ identifier: "Index" });

/** Something that has happened, as one event of the stream. */
export const EventAnswer = Schema.Struct({
  type: Schema.Literals(["health", "reload", "certificate", "instance", "policy", "accessLog"]),
  at: text("ISO 8601."),
  loadBalancer: Schema.optionalKey(Schema.String),
  instance: Schema.optionalKey(text("The instance's id.")),
  message: text("One line for people."),
}).annotate({ identifier: "Event" });

/** Instances to register. */
export const RegisterRequest = Schema.Struct({
  instances: Schema.Array(described(Schema.String, instanceTextDescription)).annotate({
    title: "a list of instances",
    expected: 'one such as ["10.0.0.5:80", "i-web1"]',
    description:
      "As in a load balancer's list: ids of the inventory, addresses or host names, each with an optional port.",
  }),
}).annotate({
  identifier: "Register",
  title: "a request to register instances",
  expected: 'one such as {"instances": ["10.0.0.5:80"]}',
});

/** What is answered where a request is refused (RFC 9457). */
export const ProblemAnswer = Schema.Struct({
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  detail: text("One line that says what is wrong, and where."),
  problems: Schema.optionalKey(Schema.Array(Schema.String).annotate({ description: "One line each." })),
}).annotate({ identifier: "Problem", description: "RFC 9457." });

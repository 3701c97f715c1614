// The numbers of listeners and instances as metric families, read from the running state when somebody asks.

import { reasons } from "../errors.ts";
import { isLayer7, isSecure } from "../model/protocol.ts";
import { type Labels, type MetricFamily, type Sample, sampleOf } from "../observe/metrics.ts";
import { classOf, desyncClassNames } from "../parse/http1/desync.ts";
import type { RunningListener } from "./running-listener.ts";
import type { Service } from "./service.ts";

/** Families of everything that listens, and of the instances behind it; `leaving` still has connections. */
export const readMetrics = (
  running: Iterable<RunningListener>,
  leaving: Iterable<Service>,
): ReadonlyArray<MetricFamily> => {
  const listeners = [...running].map((open) => ({ open, labels: labelsOf(open) }));
  const perListener = (read: (open: RunningListener) => number): ReadonlyArray<Sample> =>
    listeners.map(({ open, labels }) => ({ labels, value: read(open) }));
  const surges = new Map(listeners.map(({ open }) => [open.route.loadBalancer, open.route.surge]));
  const perSurge = (read: (surge: RunningListener["route"]["surge"]) => number): ReadonlyArray<Sample> =>
    [...surges].map(([name, surge]) => ({ labels: { load_balancer: name }, value: read(surge) }));
  const secureListeners = listeners.filter(({ open }) => isSecure(open.route.listener.protocol));
  const instances = instancesOf(listeners.map(({ open }) => open));
  const perInstance = (read: (member: Member) => number): ReadonlyArray<Sample> =>
    instances.map(({ labels, members }) => ({ labels, value: members.reduce((sum, one) => sum + read(one), 0) }));
  // What holds for an address holds for all of its members.
  const whether = (holds: (member: Member) => boolean): ReadonlyArray<Sample> =>
    instances.map(({ labels, members: [member] }) => ({
      labels,
      value: member !== undefined && holds(member) ? 1 : 0,
    }));
  return [
    {
      name: "elbow_connections_accepted_total",
      help: "Client connections that came to a listener.",
      type: "counter",
      samples: perListener(({ counters }) => counters.acceptedConnections),
    },
    {
      name: "elbow_connections_refused_total",
      help: "Client connections closed at once because the cap on connections was reached.",
      type: "counter",
      samples: perListener(({ counters }) => counters.refusedConnections),
    },
    {
      name: "elbow_connections_open",
      help: "Client connections that are open.",
      type: "gauge",
      samples: perListener(({ service }) => service.connections.size),
    },
    {
      name: "elbow_connections_draining",
      help: "Client connections of listeners that were removed, moved or changed protocol, which may still finish.",
      type: "gauge",
      samples: drainingOf(leaving),
    },
    {
      name: "elbow_requests_total",
      help: "HTTP exchanges by the class of the status that the client got; class none got no status.",
      type: "counter",
      samples: listeners.flatMap(({ open, labels }) =>
        isLayer7(open.route.listener.protocol) ? answersOf(open, labels) : [],
      ),
    },
    {
      name: "elbow_retries_total",
      help: "How often an HTTP request was sent again, since its connection to an instance died before an answer.",
      type: "counter",
      samples: listeners.flatMap(({ open, labels }) =>
        isLayer7(open.route.listener.protocol) ? [{ labels, value: open.counters.retries }] : [],
      ),
    },
    {
      name: "elbow_surge_queue_length",
      help: "Requests and layer-4 connections that wait for room on an instance; AWS's SurgeQueueLength.",
      type: "gauge",
      samples: perSurge(({ length }) => length),
    },
    {
      name: "elbow_spillover_total",
      help: "Requests and layer-4 connections refused because the surge queue was full; AWS's SpilloverCount.",
      type: "counter",
      samples: perSurge(({ spilled }) => spilled),
    },
    {
      name: "elbow_latency_seconds",
      help: "From a request sent to its response's head; at layer 4, to connect to an instance.",
      type: "histogram",
      samples: listeners.map(({ open, labels }) => sampleOf(labels, open.counters.latency)),
    },
    {
      name: "elbow_own_answers_total",
      help: "HTTP answers that elbow made in an instance's place, by the class of their status; among elbow_requests_total.",
      type: "counter",
      samples: listeners.flatMap(({ open, labels }) =>
        isLayer7(open.route.listener.protocol) ? ownAnswersOf(open, labels) : [],
      ),
    },
    {
      name: "elbow_surge_queue_wait_seconds",
      help: "How long requests and layer-4 connections waited for room on an instance, whether they got it or not.",
      type: "histogram",
      samples: listeners.map(({ open, labels }) => sampleOf(labels, open.counters.queueWaits)),
    },
    {
      name: "elbow_received_bytes_total",
      help: "Bytes received from clients.",
      type: "counter",
      samples: perListener(({ counters }) => counters.receivedBytes),
    },
    {
      name: "elbow_sent_bytes_total",
      help: "Bytes sent to clients.",
      type: "counter",
      samples: perListener(({ counters }) => counters.sentBytes),
    },
    {
      name: "elbow_tls_handshakes_total",
      help: "TLS handshakes that clients began, whatever became of them; elbow_faults_total has those that failed.",
      type: "counter",
      samples: secureListeners.map(({ open, labels }) => ({ labels, value: open.counters.handshakes })),
    },
    {
      name: "elbow_tls_resumed_handshakes_total",
      help: "TLS handshakes that resumed an earlier session.",
      type: "counter",
      samples: secureListeners.map(({ open, labels }) => ({ labels, value: open.counters.resumedHandshakes })),
    },
    {
      name: "elbow_tls_settled_handshakes_total",
      help: "TLS handshakes that were done, by version and cipher suite.",
      type: "counter",
      samples: secureListeners.flatMap(({ open, labels }) =>
        [...open.counters.settledHandshakes].map(([terms, value]) => {
          const [version = "", cipher = ""] = terms.split(" ");
          return { labels: { ...labels, version, cipher }, value };
        }),
      ),
    },
    {
      name: "elbow_tls_handshake_failures_total",
      help: "Client connections that ended in their TLS handshake, by reason; among elbow_faults_total.",
      type: "counter",
      samples: secureListeners.flatMap(({ open, labels }) =>
        [...open.counters.reasons]
          .filter(([reason]) => reasons[reason].phase === "handshake")
          .map(([reason, value]) => ({ labels: { ...labels, reason }, value })),
      ),
    },
    {
      name: "elbow_faults_total",
      help: "What went wrong, by reason.",
      type: "counter",
      samples: listeners.flatMap(({ open, labels }) =>
        [...open.counters.reasons].map(([reason, value]) => ({ labels: { ...labels, reason }, value })),
      ),
    },
    {
      name: "elbow_desync_requests_total",
      help: "HTTP requests that don't comply with RFC 9112, served or refused, by class and reason; their sum is AWS's DesyncMitigationMode_NonCompliant_Request_Count.",
      type: "counter",
      samples: listeners.flatMap(({ open, labels }) =>
        [...open.counters.desync].map(([reason, value]) => ({
          labels: { ...labels, class: desyncClassNames[classOf(reason)], reason },
          value,
        })),
      ),
    },
    {
      name: "elbow_backend_answers_total",
      help: "HTTP responses whose head came from an instance; at layer 4, connections made to it for a client.",
      type: "counter",
      samples: perInstance(({ counters }) => counters.answers),
    },
    {
      name: "elbow_backend_answer_seconds_total",
      help: "How long these took in all, from a request sent to its response's head; at layer 4, to connect.",
      type: "counter",
      samples: perInstance(({ counters }) => counters.answerSeconds),
    },
    {
      name: "elbow_backend_connections_total",
      help: "Connections made to an instance.",
      type: "counter",
      samples: perInstance(({ counters }) => counters.connections),
    },
    {
      name: "elbow_backend_connection_errors_total",
      help: "Connections to an instance that were refused, got no answer in time, or failed at TLS.",
      type: "counter",
      samples: perInstance(({ counters }) => counters.connectionErrors),
    },
    {
      name: "elbow_backend_authentication_errors_total",
      help: "Connections to an instance that were closed because it didn't prove to be who it should be.",
      type: "counter",
      samples: perInstance(({ counters }) => counters.authenticationErrors),
    },
    {
      name: "elbow_backend_connections_open",
      help: "Connections to an instance that are open, in use or kept.",
      type: "gauge",
      samples: perInstance(({ counters }) => counters.openConnections),
    },
    {
      name: "elbow_pool_idle_connections",
      help: "Of these, kept for requests to come.",
      type: "gauge",
      samples: perInstance(({ pool }) => pool.idleCount),
    },
    {
      name: "elbow_pool_reused_total",
      help: "How often an HTTP request went out on a connection that was kept.",
      type: "counter",
      samples: perInstance(({ pool }) => pool.reused),
    },
    {
      name: "elbow_pool_opened_ahead_total",
      help: "Connections to an instance that were opened ahead of demand; among elbow_backend_connections_total.",
      type: "counter",
      samples: perInstance(({ reserve }) => reserve.opened),
    },
    {
      name: "elbow_instance_registering",
      help: "1 while health checks have yet to say anything of the instance, else 0.",
      type: "gauge",
      samples: whether(({ isRegistering }) => isRegistering),
    },
    {
      name: "elbow_instance_ejected",
      help: "1 while outlier detection keeps traffic from the instance, else 0.",
      type: "gauge",
      samples: whether(({ watch }) => watch?.isEjected === true),
    },
    {
      name: "elbow_instance_drained",
      help: "1 while an operator keeps what is new from the instance, else 0.",
      type: "gauge",
      samples: whether(({ isDrained }) => isDrained),
    },
    {
      name: "elbow_instance_in_service",
      help: "1 where the instance is in service, by its checks, its traffic and its operator, 0 where it isn't.",
      type: "gauge",
      samples: whether(({ isInService, isDrained }) => isInService && !isDrained),
    },
    {
      name: "elbow_backend_outstanding",
      help: "HTTP requests and TCP connections in progress at an instance.",
      type: "gauge",
      samples: perInstance(({ outstanding }) => outstanding),
    },
  ];
};

/** What every sample of a listener is labelled with. */
export const labelsOf = (open: RunningListener): Labels => ({
  load_balancer: open.route.loadBalancer,
  listener: String(open.port),
  protocol: open.route.listener.protocol,
});

/** Open connections of services that drain, added up by load balancer, since several may have been one listener's. */
const drainingOf = (leaving: Iterable<Service>): ReadonlyArray<Sample> => {
  const open = new Map<string, number>();
  for (const { route, connections } of leaving) {
    open.set(route.loadBalancer, (open.get(route.loadBalancer) ?? 0) + connections.size);
  }
  return [...open].map(([name, value]) => ({ labels: { load_balancer: name }, value }));
};

const classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

const answersOf = (open: RunningListener, labels: Labels): ReadonlyArray<Sample> =>
  classes
    .map((name, index) => ({ labels: { ...labels, code: name }, value: open.counters.answers[index] as number }))
    .filter(({ value }, index) => index >= 2 || value > 0);

const ownAnswersOf = (open: RunningListener, labels: Labels): ReadonlyArray<Sample> =>
  classes
    .map((name, index) => ({ labels: { ...labels, code: name }, value: open.counters.ownAnswers[index] as number }))
    .filter(({ value }, index) => index >= 4 || value > 0);

type Member = RunningListener["route"]["registered"][number];

/** Each member once, however many listeners share it; at one address, those in clear and those with TLS together. */
const instancesOf = (listeners: ReadonlyArray<RunningListener>) => {
  const seen = new Map<string, { readonly labels: Labels; readonly members: Array<Member> }>();
  for (const { route } of listeners) {
    for (const member of route.registered) {
      const address = String(member.endpoint);
      const key = `${route.loadBalancer} ${member.id} ${address}`;
      const labels = { load_balancer: route.loadBalancer, instance: member.id, address };
      const known = seen.get(key);
      if (known === undefined) seen.set(key, { labels, members: [member] });
      else if (!known.members.includes(member)) known.members.push(member);
    }
  }
  return [...seen.values()];
};

/**
 * Takes from a written configuration every part that is sound by itself, and leaves the broken ones out.
 * Stands between the shape check and the rules, so that one broken member doesn't hide the problems of its neighbours.
 * Owns no message: what it leaves out, the shape check has already told.
 */
import { Schema, Struct } from "effect";
import { type Address, parseAddress } from "../../model/address.ts";
import { Attributes } from "../../model/attributes.ts";
import { WrittenConfiguration } from "../../model/configuration.ts";
import { WrittenHealthCheck } from "../../model/health-check.ts";
import { parseHost, splitHostAndPort } from "../../model/host.ts";
import { type Instance, WrittenInstance, WrittenInventoryEntry } from "../../model/instance.ts";
import { WrittenListener, WrittenTrustedProxies } from "../../model/listener.ts";
import { WrittenLoadBalancer } from "../../model/load-balancer.ts";
import { WrittenManagement } from "../../model/management.ts";
import type { Protocol } from "../../model/protocol.ts";
import type { WrittenTelemetry } from "../../model/telemetry.ts";
import type { Place } from "./problem.ts";
import {
  type SiftedBackendPolicies,
  type SiftedListenerSecurity,
  type SiftedPolicy,
  type SoundCertificate,
  siftBackendPolicies,
  siftListenerSecurity,
  siftPolicies,
} from "./sift-security.ts";
import { itemsOf, membersOf, take } from "./sound-parts.ts";

/** A bind address that was left out binds everything; one that is broken must not be compared with others. */
export type Bind = { readonly isKnown: true; readonly address: Address | undefined } | { readonly isKnown: false };

/** What a listener writes about PROXY headers; whether a member stands there counts even where its value is broken. */
export interface SiftedProxies {
  readonly accepts: boolean;
  readonly isAcceptWritten: boolean;
  /** Blocks of addresses, each sound. */
  readonly trusted: ReadonlyArray<string>;
  readonly areTrustedWritten: boolean;
  /** `trustedProxies: []`. */
  readonly hasEmptyTrusted: boolean;
}

/** The sound members of a listener; `instanceProtocol` is the listener's own where it was left out. */
export interface SiftedListener {
  readonly place: Place;
  readonly protocol: Protocol | undefined;
  readonly port: number | undefined;
  readonly instanceProtocol: Protocol | undefined;
  readonly isInstanceProtocolWritten: boolean;
  readonly instancePort: number | undefined;
  readonly security: SiftedListenerSecurity;
  readonly proxies: SiftedProxies;
}

/** An entry of an instance list that is a text; what it names is settled by the rules. */
export interface SiftedInstance {
  readonly place: Place;
  readonly text: string;
}

/** The sound members of a load balancer. */
export interface SiftedLoadBalancer {
  readonly place: Place;
  readonly name: string;
  readonly bind: Bind;
  readonly listeners: ReadonlyArray<SiftedListener>;
  readonly instances: ReadonlyArray<SiftedInstance>;
  /** Those that were written; the rules fill in the rest. */
  readonly attributes: Partial<Attributes>;
  readonly healthCheck: WrittenHealthCheck | undefined;
  readonly policies: ReadonlyArray<SiftedPolicy>;
  readonly backendPolicies: ReadonlyArray<SiftedBackendPolicies>;
  /** `backendPolicies: undefined`, as a mistyped variable is. */
  readonly areBackendPoliciesUndefined: boolean;
}

/** The sound members of the management server's settings. */
export interface SiftedManagement {
  readonly bind: Bind;
  readonly port: number | undefined;
  readonly isPortWritten: boolean;
  readonly socket: string | undefined;
  readonly tls: SoundCertificate | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  /** Keys that stand there, also where their values are broken. */
  readonly written: ReadonlySet<string>;
  /** Of these, those of credentials that stand there with `undefined`, as a mistyped variable is. */
  readonly undefinedKeys: ReadonlyArray<string>;
}

/** The sound members of a configuration; an inventory id whose entry is broken maps to undefined. */
export interface SiftedConfiguration {
  readonly management: SiftedManagement;
  readonly shutdownGrace: number | undefined;
  readonly maxConnections: number | undefined;
  readonly cookieSecret: string | ReadonlyArray<string> | undefined;
  readonly watch: boolean | undefined;
  readonly zone: string | undefined;
  readonly account: string | undefined;
  readonly region: string | undefined;
  readonly telemetry: WrittenTelemetry | undefined;
  readonly inventory: ReadonlyMap<string, Omit<Instance, "id"> | undefined>;
  readonly loadBalancers: ReadonlyArray<SiftedLoadBalancer>;
}

/** Takes every sound part of a written configuration. */
export const siftConfiguration = (written: unknown): SiftedConfiguration => {
  const root = membersOf(written);
  return {
    management: siftManagement(membersOf(root.get("management"))),
    shutdownGrace: take(WrittenConfiguration.fields.shutdownGrace, root.get("shutdownGrace")),
    maxConnections: take(WrittenConfiguration.fields.maxConnections, root.get("maxConnections")),
    watch: take(WrittenConfiguration.fields.watch, root.get("watch")),
    cookieSecret: take(WrittenConfiguration.fields.cookieSecret, root.get("cookieSecret")),
    zone: take(WrittenConfiguration.fields.zone, root.get("zone")),
    account: take(WrittenConfiguration.fields.account, root.get("account")),
    region: take(WrittenConfiguration.fields.region, root.get("region")),
    telemetry: take(WrittenConfiguration.fields.telemetry, root.get("telemetry")),
    inventory: new Map([...membersOf(root.get("instances"))].map(([id, entry]) => [id, siftInventoryEntry(entry)])),
    loadBalancers: [...membersOf(root.get("loadBalancers"))].map(([name, value]) => siftLoadBalancer(name, value)),
  };
};

const siftManagement = (members: ReadonlyMap<string, unknown>): SiftedManagement => {
  const { fields } = WrittenManagement;
  return {
    bind: siftBind(members.get("address")),
    port: take(fields.port, members.get("port")),
    isPortWritten: members.get("port") !== undefined,
    socket: take(fields.socket, members.get("socket")),
    tls: take(fields.tls, members.get("tls")),
    token: take(fields.token, members.get("token")),
    tokenFile: take(fields.tokenFile, members.get("tokenFile")),
    written: new Set(members.keys()),
    undefinedKeys: ["tls", "token", "tokenFile"].filter((key) => members.has(key) && members.get(key) === undefined),
  };
};

const siftLoadBalancer = (name: string, written: unknown): SiftedLoadBalancer => {
  const place: Place = ["loadBalancers", name];
  const members = membersOf(written);
  return {
    place,
    name,
    bind: siftBind(members.get("address")),
    listeners: itemsOf(members.get("listeners")).map((item, index) =>
      siftListener([...place, "listeners", index], item),
    ),
    instances: itemsOf(members.get("instances")).flatMap((item, index) => {
      const text = take(WrittenInstance, item);
      return text === undefined ? [] : [{ place: [...place, "instances", index], text }];
    }),
    attributes: siftAttributes(members.get("attributes")),
    healthCheck: take(WrittenHealthCheck, members.get("healthCheck")),
    policies: siftPolicies([...place, "policies"], members.get("policies")),
    backendPolicies: siftBackendPolicies([...place, "backendPolicies"], members.get("backendPolicies")),
    areBackendPoliciesUndefined: members.has("backendPolicies") && members.get("backendPolicies") === undefined,
  };
};

/** A member of the wrong kind is left out, and so is one that nobody knows. */
const siftAttributes = (written: unknown): Partial<Attributes> => {
  const sound = [...membersOf(written)].filter(([key, value]) => take(SomeAttributes, { [key]: value }) !== undefined);
  return take(SomeAttributes, Object.fromEntries(sound)) ?? {};
};

const SomeAttributes = Attributes.mapFields(Struct.map(Schema.optionalKey));

const siftListener = (place: Place, written: unknown): SiftedListener => {
  const members = membersOf(written);
  const { fields } = WrittenListener;
  const protocol = take(fields.protocol, members.get("protocol"));
  const isInstanceProtocolWritten = members.get("instanceProtocol") !== undefined;
  return {
    place,
    protocol,
    port: take(fields.port, members.get("port")),
    instanceProtocol: isInstanceProtocolWritten
      ? take(fields.instanceProtocol, members.get("instanceProtocol"))
      : protocol,
    isInstanceProtocolWritten,
    instancePort: take(fields.instancePort, members.get("instancePort")),
    security: siftListenerSecurity(place, members),
    proxies: siftProxies(members.get("acceptProxyProtocol"), members.get("trustedProxies")),
  };
};

const siftProxies = (accept: unknown, trusted: unknown): SiftedProxies => ({
  accepts: take(WrittenListener.fields.acceptProxyProtocol, accept) === true,
  isAcceptWritten: accept !== undefined,
  trusted: itemsOf(trusted).flatMap((item) => take(WrittenTrustedProxies, [item]) ?? []),
  areTrustedWritten: trusted !== undefined,
  hasEmptyTrusted: Array.isArray(trusted) && trusted.length === 0,
});

const siftInventoryEntry = (written: unknown): Omit<Instance, "id"> | undefined => {
  const entry = take(WrittenInventoryEntry, written);
  if (entry === undefined) return undefined;
  const { host, port } = typeof entry === "string" ? splitHostAndPort(entry)! : { ...entry, host: entry.address };
  const zone = typeof entry === "string" ? undefined : entry.zone;
  const tags = typeof entry === "string" ? undefined : entry.tags;
  const weight = typeof entry === "string" ? undefined : entry.weight;
  const maxConnections = typeof entry === "string" ? undefined : entry.maxConnections;
  return {
    host: parseHost(host)!,
    ...(port === undefined ? {} : { port }),
    ...(zone === undefined ? {} : { zone }),
    ...(tags === undefined ? {} : { tags }),
    ...(weight === undefined ? {} : { weight }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
  };
};

const siftBind = (written: unknown): Bind => {
  if (written === undefined) return { isKnown: true, address: undefined };
  const text = take(WrittenLoadBalancer.fields.address, written);
  return text === undefined ? { isKnown: false } : { isKnown: true, address: parseAddress(text) };
};

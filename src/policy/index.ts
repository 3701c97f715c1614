/**
 * What configuration files and policies import as `elbow`: the contract between elbow and its users' code.
 * Bound to that name by tsconfig inside this repository and by virtual-module.ts everywhere else.
 * Owns the helpers that give user code its types; never runs any of it.
 */
import type { WrittenConfiguration } from "../model/configuration.ts";

export { Schema } from "effect";
export type { WrittenConfiguration } from "../model/configuration.ts";
export type { CookieAttribute } from "../model/cookie-attribute.ts";
export type { WrittenProtocol } from "../model/protocol.ts";
export type { ProxiedCertificate, ProxiedConnection, ProxiedTls } from "../model/proxied-connection.ts";
export type { NegotiationTerms, SecurityPolicy, TlsProtocol } from "../model/security-policy.ts";
export {
  type Balancer,
  type BalancerKey,
  type BalancerMember,
  type BalancerOptions,
  type BalancerPolicy,
  defineBalancer,
} from "./balancer.ts";
export { hashBytes, hashText, mixBits } from "./hash.ts";
export { Heap, type HeapItem } from "./heap.ts";
export {
  type BackendPreambleContext,
  definePolicy,
  type NegotiateContext,
  type OnError,
  type Policy,
  type PublicKey,
  type Stickiness,
  type StickRequest,
  type StickResponse,
} from "./policy.ts";
export { makeRandom } from "./random.ts";
export { defineSecurityPolicy } from "./security-policy.ts";
export {
  type Answer,
  answer,
  type ClientContext,
  type ConnectionContext,
  type FaultContext,
  type HeadEdit,
  type LogContext,
  type Refusal,
  type RequestContext,
  type RequestEdit,
  type ResponseContext,
  redirect,
  refuse,
  type Selection,
} from "./traffic.ts";
export { WeightTree } from "./weight-tree.ts";

/** A configuration, a promise of one, or a function that gives either; a function is called at every (re)load. */
export type ConfigurationSource =
  | WrittenConfiguration
  | Promise<WrittenConfiguration>
  | (() => WrittenConfiguration | Promise<WrittenConfiguration>);

/** Gives its argument back, typed: the default export of a configuration file. */
export const defineConfig = (source: ConfigurationSource): ConfigurationSource => source;

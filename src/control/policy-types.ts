/**
 * The policy types that are built in, by the names that the Elastic Load Balancing API has for them.
 * Asked when a configuration is checked and when routes are made; owns which modules of policies/ these are. A user's module
 * is a policy type as well, and goes the same ways with what it exports.
 * Never calls a hook.
 */
import backendServerAuthentication from "../../policies/backend-auth/backend-server-authentication.ts";
import publicKey from "../../policies/backend-auth/public-key.ts";
import proxyProtocol from "../../policies/proxy-protocol/proxy-protocol.ts";
import applicationCookie from "../../policies/stickiness/application-cookie.ts";
import loadBalancerCookie from "../../policies/stickiness/load-balancer-cookie.ts";
import sslNegotiation from "../../policies/tls/ssl-negotiation.ts";
import type { Policy } from "../policy/policy.ts";

/** A policy whose attributes only its own Schema knows, and whose state only its own hooks. */
// biome-ignore lint/suspicious/noExplicitAny: hooks take their attributes, so that no other type would do for all.
export type AnyPolicy = Policy<any, any>;

const policies: ReadonlyArray<AnyPolicy> = [
  sslNegotiation,
  publicKey,
  backendServerAuthentication,
  proxyProtocol,
  loadBalancerCookie,
  applicationCookie,
];

const byType: ReadonlyMap<string, AnyPolicy> = new Map(policies.map((policy) => [policy.type, policy]));

/** The names of the built-in policy types. */
export const policyTypes: ReadonlyArray<string> = [...byType.keys()];

/** The built-in policy of this type. */
export const findPolicyType = (type: string): AnyPolicy | undefined => byType.get(type);

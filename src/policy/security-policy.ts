/**
 * The contract of a security policy as a module: data under a name.
 * Implemented by policies/tls/, read by tls/security-policies.ts.
 */
import type { SecurityPolicy } from "../model/security-policy.ts";

/** Gives its argument back, typed: the default export of a security policy. */
export const defineSecurityPolicy = (policy: SecurityPolicy): SecurityPolicy => policy;

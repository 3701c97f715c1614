/**
 * ELBSample-OpenSSLDefaultCipherPolicy: the sample with the defaults of an old OpenSSL.
 * Named by listeners, listed in src/tls/security-policies.ts. From the output of DescribeLoadBalancerPolicies (AWS,
 * Elastic Load Balancing API 2012-06-01).
 */
import { defineSecurityPolicy } from "elbow";

export default defineSecurityPolicy({
  name: "ELBSample-OpenSSLDefaultCipherPolicy",
  aliases: ["ELBSample-OpenSSLDefaultNegotiationPolicy"],
  protocols: ["SSLv3", "TLSv1"],
  hasServerOrder: false,
  ciphers: ["AES128-SHA", "AES256-SHA", "DES-CBC3-SHA", "RC4-SHA", "RC4-MD5"],
});

/**
 * ELBSecurityPolicy-2011-08: SSL 3.0 and TLS 1.0; the first of them all.
 * Named by listeners, listed in src/tls/security-policies.ts. From the output of DescribeLoadBalancerPolicies (AWS,
 * Elastic Load Balancing API 2012-06-01).
 */
import { defineSecurityPolicy } from "elbow";

export default defineSecurityPolicy({
  name: "ELBSecurityPolicy-2011-08",
  protocols: ["SSLv3", "TLSv1"],
  hasServerOrder: false,
  ciphers: [
    "DHE-RSA-AES128-SHA",
    "AES128-SHA",
    "AES256-SHA",
    "DHE-DSS-AES128-SHA",
    "CAMELLIA128-SHA",
    "EDH-RSA-DES-CBC3-SHA",
    "DES-CBC3-SHA",
    "RC4-SHA",
    "DHE-RSA-AES256-SHA",
    "DHE-DSS-AES256-SHA",
    "DHE-RSA-CAMELLIA256-SHA",
    "DHE-DSS-CAMELLIA256-SHA",
    "CAMELLIA256-SHA",
    "EDH-DSS-DES-CBC3-SHA",
    "DHE-RSA-CAMELLIA128-SHA",
    "DHE-DSS-CAMELLIA128-SHA",
  ],
});

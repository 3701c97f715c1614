/**
 * ELBSecurityPolicy-2014-10: TLS 1.0 to 1.2, with DHE and RC4: the answer to POODLE, without SSL 3.0.
 * Named by listeners, listed in src/tls/security-policies.ts. From the output of DescribeLoadBalancerPolicies (AWS,
 * Elastic Load Balancing API 2012-06-01).
 */
import { defineSecurityPolicy } from "elbow";

export default defineSecurityPolicy({
  name: "ELBSecurityPolicy-2014-10",
  protocols: ["TLSv1", "TLSv1.1", "TLSv1.2"],
  hasServerOrder: true,
  ciphers: [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "DHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
    "AES256-SHA",
    "DHE-DSS-AES128-SHA",
    "ECDHE-RSA-RC4-SHA",
    "RC4-SHA",
  ],
});

/**
 * ELBSecurityPolicy-TLS13-1-2-2021-06: TLS 1.2 and 1.3, forward secrecy always.
 * Named by listeners, listed in src/tls/security-policies.ts. From AWS, "Security policies for your Application Load
 * Balancer".
 */
import { defineSecurityPolicy } from "elbow";

export default defineSecurityPolicy({
  name: "ELBSecurityPolicy-TLS13-1-2-2021-06",
  protocols: ["TLSv1.2", "TLSv1.3"],
  hasServerOrder: true,
  ciphers: [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
  ],
});

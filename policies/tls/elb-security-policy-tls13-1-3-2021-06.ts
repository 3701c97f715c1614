/**
 * ELBSecurityPolicy-TLS13-1-3-2021-06: TLS 1.3 alone.
 * Named by listeners, listed in src/tls/security-policies.ts. From AWS, "Security policies for your Application Load
 * Balancer".
 */
import { defineSecurityPolicy } from "elbow";

export default defineSecurityPolicy({
  name: "ELBSecurityPolicy-TLS13-1-3-2021-06",
  protocols: ["TLSv1.3"],
  hasServerOrder: true,
  ciphers: [],
});

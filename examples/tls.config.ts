// TLS on both sides: HTTPS and SSL in front, two sites by name, instances that must prove who they are, all on loopback.
// It needs certificates: `npm run elbow -- cert issue --name localhost --name site.test --ip 127.0.0.1` makes some, and prints
// where it has put them. docs/configuration.md has every key.
import { defineConfig } from "elbow";

export default defineConfig({
  instances: {
    "i-web1": "127.0.0.1",
    "i-web2": "127.0.0.2",
  },

  loadBalancers: {
    web: {
      address: "127.0.0.1",
      listeners: [
        {
          protocol: "HTTPS",
          port: 8443,
          // Encrypted again behind; "HTTP" would go on in clear.
          instanceProtocol: "HTTPS",
          instancePort: 3443,
          // Paths are relative to this file; PEM text will do as well. For several sites, write `certificates: [...]`.
          certificate: { cert: "../certs/localhost.pem", key: "../certs/localhost.key" },
          // What is offered when nothing is written; `elbow policy list` has the others.
          policies: ["ELBSecurityPolicy-TLS13-1-2-Res-2021-06"],
        },
        {
          protocol: "SSL",
          port: 8444,
          instanceProtocol: "TCP",
          instancePort: 3000,
          certificate: { cert: "../certs/localhost.pem", key: "../certs/localhost.key" },
          policies: ["tls13-only"],
        },
      ],
      instances: ["i-web1", "i-web2"],

      policies: {
        "tls13-only": { type: "SSLNegotiationPolicyType", attributes: { "Protocol-TLSv1.3": true } },
      },
      // Instances behind port 3443 show a certificate for localhost that the development authority has signed. To pin
      // public keys instead, as AWS does, name a BackendServerAuthenticationPolicyType policy here.
      backendPolicies: { 3443: [{ ca: "../certs/authority.pem", serverName: "localhost" }] },
    },
  },
});

// elbow in a container: the configuration of compose.yaml. Names are those of its services, asked for every 30 s.
import { defineConfig } from "elbow";

export default defineConfig({
  // The container's own loopback: `docker compose exec elbow elbow status` gets there, and nobody else does.
  management: { address: "127.0.0.1", port: 9090 },

  loadBalancers: {
    web: {
      listeners: [{ protocol: "HTTP", port: 80, instancePort: 80, policies: ["hello"] }],
      instances: ["web1", "web2"],
      healthCheck: { target: "HTTP:80/health", interval: 5, timeout: 2, unhealthyThreshold: 2, healthyThreshold: 2 },
      // A line for each request on standard output, where `docker compose logs` has it.
      attributes: { accessLog: { enabled: true, stdout: true, format: "json" } },
      policies: { hello: { module: "./policies/hello.ts", attributes: { text: "from elbow" } } },
    },
  },
});

// Three instances with quick health checks, for docs/walkthrough-instances.md: kill one, slow one down, take one out.
// The instances are examples/instance.ts on ports 3001, 3002 and 3003.
import { defineConfig } from "elbow";

export default defineConfig({
  instances: {
    "i-web1": "127.0.0.1:3001",
    "i-web2": "127.0.0.1:3002",
    "i-web3": "127.0.0.1:3003",
  },

  loadBalancers: {
    web: {
      address: "127.0.0.1",
      listeners: [{ protocol: "HTTP", port: 8080, instancePort: 3000 }],
      instances: ["i-web1", "i-web2", "i-web3"],
      // The quickest that AWS allows. Each instance is asked at the port of its own, which stands in for 3000.
      healthCheck: { target: "HTTP:3000/ping", interval: 5, timeout: 2, unhealthyThreshold: 2, healthyThreshold: 2 },
      attributes: { idleTimeout: 10, connectTimeout: 2, connectionDraining: { enabled: true, timeout: 30 } },
    },
  },
});

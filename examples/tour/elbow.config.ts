// The configuration of the README's tour: one instance behind one HTTP listener that has a policy of our own.
import { defineConfig } from "elbow";

export default defineConfig({
  management: { port: 9090 },
  loadBalancers: {
    web: {
      address: "127.0.0.1",
      listeners: [{ protocol: "HTTP", port: 8080, instancePort: 3001, policies: ["greeting"] }],
      instances: ["127.0.0.1"],
      policies: { greeting: { module: "./policies/greeting.ts", attributes: { to: "world" } } },
    },
  },
});

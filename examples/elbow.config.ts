// A small configuration to start from: two instances behind an HTTP and a TCP listener, on loopback.
// Check it with `npm run elbow -- check --config examples/elbow.config.ts`; docs/configuration.md has every key.
import { defineConfig } from "elbow";

export default defineConfig({
  // Health, metrics and the API. Elsewhere than on loopback it needs `tls` and a `token` or `tokenFile`.
  management: { address: "127.0.0.1", port: 9090 },

  // After SIGTERM open connections may finish for so many seconds; then they are cut.
  shutdownGrace: 30,

  // The inventory gives instances their ids. A port written here overrides the listeners' instance port.
  instances: {
    "i-web1": "127.0.0.1:3001",
    "i-web2": { address: "127.0.0.1", port: 3002, zone: "a" },
  },

  loadBalancers: {
    web: {
      // Without an address a load balancer binds every address of the machine, IPv4 and IPv6.
      address: "127.0.0.1",
      listeners: [
        // Requests are parsed and balanced one by one. The instance protocol is the listener's own, unless written.
        { protocol: "HTTP", port: 8080, instancePort: 3000 },
        // Bytes pass unread; connections are balanced.
        { protocol: "TCP", port: 8081, instancePort: 3000 },
      ],
      // Ids of the inventory, addresses or host names; this one goes to the listeners' instance port, 3000.
      instances: ["i-web1", "i-web2", "127.0.0.1"],
      // Seconds, bytes and modes; each has a default. These are the ones that people change first.
      attributes: { idleTimeout: 60, connectTimeout: 5, desyncMitigationMode: "defensive", webSocket: true },
    },
  },
});

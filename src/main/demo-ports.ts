// The ports of demo mode and the flags that move them. It stands apart from main/demo.ts so that the command line can
// name the defaults without loading a web server.

/** The ports of demo mode; 0 asks for any free one. */
export interface DemoPorts {
  readonly http: number;
  readonly tcp: number;
  readonly https: number;
  readonly ssl: number;
  readonly management: number;
}

/** Where demo mode listens when no flag moves it. */
export const defaultDemoPorts: DemoPorts = { http: 8080, tcp: 8081, https: 8443, ssl: 8444, management: 9090 };

/** The flag that moves each demo port, by the path of the setting as `BindError` names it. */
export const demoFlags: Readonly<Record<string, string>> = {
  "loadBalancers.demo.listeners[0].port": "--http-port",
  "loadBalancers.demo.listeners[1].port": "--tcp-port",
  "loadBalancers.demo.listeners[2].port": "--https-port",
  "loadBalancers.demo.listeners[3].port": "--ssl-port",
  "management.port": "--management-port",
};

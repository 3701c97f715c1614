// The start-up table: every listener with what stands behind it, the management server, and one command to try.
import { expect, test } from "bun:test";
import type { InstanceStatus, LoadBalancerStatus } from "../../../src/control/status.ts";
import { formatStartUpTable } from "../../../src/main/start-up-table.ts";
import { version } from "../../../src/main/version.ts";

const listener = (protocol: "HTTP" | "TCP" | "HTTPS" | "SSL", port: number, address = "127.0.0.1") => ({
  protocol,
  port,
  address,
  instanceProtocol: protocol,
  instancePort: 80,
  openConnections: 0,
  acceptedConnections: 0,
  requests: 0,
  ownErrors: 0,
  latency: null,
  policies: [],
});

const instance = (id: string, address: string, port: number | undefined) => ({
  id,
  address,
  port,
  phase: "inService" as const,
  state: "InService" as const,
  reasonCode: "N/A" as const,
  description: "N/A",
  openConnections: 0,
  outstanding: 0,
});

const table = (status: ReadonlyArray<LoadBalancerStatus>, hasTrial = true, authorityFile?: string) =>
  formatStartUpTable({
    ...{ title: "a title", management: { address: "127.0.0.1", port: 9090 } },
    ...{ status, hasTrial, authorityFile },
  });

test("one row for each listener and one for the management server, in columns", () => {
  const text = table([
    {
      name: "web",
      address: "127.0.0.1",
      listeners: [listener("HTTP", 8080), listener("TCP", 81)],
      instances: [instance("i-1", "10.0.0.1", undefined), instance("10.0.0.2:3000", "10.0.0.2", 3000)],
    },
  ]);
  expect(text).toBe(`elbow ${version}: a title

  LISTENS ON      PROTOCOL  FOR         SENDS TO
  127.0.0.1:8080  HTTP      web         HTTP to i-1 10.0.0.1:80, 10.0.0.2:3000
  127.0.0.1:81    TCP       web         TCP to i-1 10.0.0.1:80, 10.0.0.2:3000
  127.0.0.1:9090  HTTP      management  /docs, /healthz, /metrics, /api/v1/status

Try: curl http://127.0.0.1:8080/
`);
});

test("many instances are counted, none is said", () => {
  const many = ["1", "2", "3", "4", "5"].map((n) => instance(`i-${n}`, `10.0.0.${n}`, undefined));
  const text = table([
    { name: "many", address: undefined, listeners: [listener("TCP", 81, "::")], instances: many },
    { name: "none", address: undefined, listeners: [listener("TCP", 82, "*")], instances: [] },
  ]);
  expect(text).toContain("*:82 ");
  expect(text).toContain("[::]:81");
  expect(text).toContain("i-3 10.0.0.3:80, 2 more\n");
  expect(text).not.toContain("i-4");
  expect(text).toContain("no instance yet");
});

test("an instance that gets nothing is shown with why", () => {
  const unknown = instance("name.test", "name.test", 80);
  const out = { phase: "registering", state: "OutOfService", reasonCode: "ELB", description: "any" } as const;
  const remarkOf = (status: Partial<InstanceStatus>): string | undefined => {
    const instances = [{ ...unknown, ...status }];
    const text = table([{ name: "web", address: undefined, listeners: [listener("TCP", 81)], instances }]);
    return /TCP to name\.test:80(.*)\n/.exec(text)?.[1];
  };
  expect(remarkOf({})).toBe("");
  expect(remarkOf({ ...out, lookUpFailure: "ENOTFOUND" })).toBe(" (not resolved)");
  expect(remarkOf(out)).toBe(" (being checked)");
  expect(remarkOf({ ...out, phase: "outOfService" })).toBe(" (out of service)");
  expect(remarkOf({ phase: "draining" })).toBe(" (draining)");
});

test("a listener shows the instances at its own instance port", () => {
  const listeners = [listener("HTTP", 8080), { ...listener("TCP", 8081), instancePort: 22 }];
  const instances = [instance("i-1", "10.0.0.1", 80), instance("i-1", "10.0.0.1", 22)];
  const lines = table([{ name: "web", address: undefined, listeners, instances }]).split("\n");
  expect(lines[3]).toEndWith("HTTP to i-1 10.0.0.1:80");
  expect(lines[4]).toEndWith("TCP to i-1 10.0.0.1:22");
});

test.each([
  ["*", "curl http://127.0.0.1:80/"],
  ["0.0.0.0", "curl http://127.0.0.1:80/"],
  ["::", "curl http://[::1]:80/"],
  ["192.0.2.1", "curl http://192.0.2.1:80/"],
])("the command to try for a listener on %s dials a real address", (address, command) => {
  const status = [{ name: "web", address: undefined, listeners: [listener("HTTP", 80, address)], instances: [] }];
  expect(table(status)).toEndWith(`\nTry: ${command}\n`);
  expect(table(status, false)).not.toContain("Try");
});

test("HTTPS is tried without trust, and with it where the authority is known", () => {
  const listeners = [listener("SSL", 444), listener("HTTPS", 443), listener("HTTP", 80), listener("HTTPS", 4430)];
  const status = [{ name: "web", address: undefined, listeners, instances: [] }];
  const without = "\nTry: curl http://127.0.0.1:80/\n     curl -k https://127.0.0.1:443/\n";
  expect(table(status)).toEndWith(without);
  expect(table(status, true, "/var/lib/elbow/ca.pem")).toEndWith(
    `${without}     curl --cacert /var/lib/elbow/ca.pem https://127.0.0.1:443/\n`,
  );
  expect(table(status, true, "/home/o'hara/a b")).toContain(" --cacert '/home/o'\\''hara/a b' https:");
  expect(table([{ ...status[0]!, listeners: [listener("HTTPS", 443)] }])).toEndWith(
    "\nTry: curl -k https://127.0.0.1:443/\n",
  );
  expect(table([{ ...status[0]!, listeners: [listener("HTTP", 80)] }], true, "/a")).not.toContain("--cacert");
});

test("without an HTTP or HTTPS listener there is nothing to try", () => {
  const listeners = [listener("TCP", 80), listener("SSL", 81)];
  expect(table([{ name: "web", address: undefined, listeners, instances: [] }])).not.toContain("Try");
});

test("a Unix socket of the management server has a row of its own", () => {
  const management = { address: "127.0.0.1", port: 9443, isSecure: true, socket: "/run/elbow/m.sock" };
  const lines = formatStartUpTable({ title: "a title", management, status: [], hasTrial: false }).split("\n");
  expect(lines.slice(3, 5).map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["127.0.0.1:9443", "HTTPS", "management", "/docs, /healthz, /metrics, /api/v1/status"],
    ["/run/elbow/m.sock", "HTTP", "management", "/docs, /healthz, /metrics, /api/v1/status"],
  ]);
});

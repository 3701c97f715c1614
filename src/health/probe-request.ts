// The request of an HTTP check, as bytes. Pure; what may stand in it, the model has checked.
import type { HealthCheck } from "../model/health-check.ts";

/** What an instance's log shows ("Configure health checks…", AWS; older pages and server logs have it so). */
const userAgent = "ELB-HealthChecker/1.0";

/**
 * `GET path` with Host, User-Agent, Accept, `Connection: close` and the configured headers, which may replace the two in
 * the middle. `address` is the instance's, with its port.
 */
export const writeProbeRequest = (check: HealthCheck, address: { toString(): string }): Uint8Array => {
  const own = check.headers.map(([name]) => name.toLowerCase());
  const standard = [
    ["User-Agent", userAgent],
    ["Accept", "*/*"],
  ] as const;
  const fields = [
    ["Host", check.host ?? address.toString()] as const,
    ...standard.filter(([name]) => !own.includes(name.toLowerCase())),
    ...check.headers,
    ["Connection", "close"] as const,
  ];
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`GET ${encodePath(check.target.path ?? "/")} HTTP/1.1\r\n${lines}\r\n`, "latin1");
};

/** Other characters than ASCII go as percent-encoded UTF-8 (RFC 3986 §2.5). */
const encodePath = (path: string): string => path.replace(/[^\x21-\x7e]+/g, encodeURIComponent);

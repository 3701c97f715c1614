// Health checks of instances that demand a PROXY header: it goes before the TLS handshake, says that nobody is behind it, and
// has the version of the instance port; without it such an instance is out of service.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { defaultHealthCheck, type HealthCheck } from "../../src/model/health-check.ts";
import type { Listener } from "../../src/model/listener.ts";
import type { Protocol } from "../../src/model/protocol.ts";
import { writeProxyHeader } from "../../src/parse/proxy-protocol/header-writer.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import type { FakeInstance } from "../support/fake-instance.ts";
import { ProxiedTlsInstance } from "../support/proxied-tls-instance.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const unknown = writeProxyHeader(1, {
  clientAddress: "",
  clientPort: 0,
  proxyAddress: "",
  proxyPort: 0,
  isLocal: true,
});
const local = writeProxyHeader(2, { clientAddress: "", clientPort: 0, proxyAddress: "", proxyPort: 0, isLocal: true });

const checking = (
  instance: FakeInstance,
  protocol: Protocol,
  check: Partial<HealthCheck>,
  listener: Partial<Listener>,
) => {
  const configuration = configurationOf([{ protocol: "TCP", listeners: [listener], instances: [instance] }]);
  const target = protocol === "HTTPS" ? { protocol, port: 9, path: "/ping" } : { protocol, port: 9 };
  const healthCheck: HealthCheck = { ...defaultHealthCheck, target, interval: 5, timeout: 2, ...check };
  return { ...configuration, loadBalancers: configuration.loadBalancers.map((one) => ({ ...one, healthCheck })) };
};

describe.each(["SSL", "HTTPS"] as const)("a target of %s", (protocol) => {
  test.each([
    ["version 1", { version: 1 }, unknown],
    ["version 2", { version: 2 }, local],
    ["version 1 where the instance port has no policy", undefined, unknown],
  ] as const)("%s", async (_, instancePreamble, header) => {
    using instance = await ProxiedTlsInstance.proxied(answerText("well"));
    const listener = instancePreamble === undefined ? {} : { instancePreamble };
    await using elbow = await startElbow(checking(instance, protocol, { proxyProtocol: true }, listener));
    await eventually(() => elbow.status()[0]?.instances[0]?.state === "InService", { what: "a pass" });
    expect(instance.headers[0]).toEqual(Buffer.from(header));
    expect(instance.scriptErrors).toEqual([]);
  });

  test("without it the instance is out of service", async () => {
    using instance = await ProxiedTlsInstance.proxied(answerText("well"));
    await using elbow = await startElbow(checking(instance, protocol, { timeout: 0.5 }, {}));
    const checked = await eventually(() => {
      const one = elbow.status()[0]?.instances[0];
      return one?.healthCheck?.failures === 1 ? one : undefined;
    });
    expect(checked.state).toBe("OutOfService");
    expect(checked.healthCheck?.lastReason).toStartWith("TLS handshake failed");
    expect(instance.scriptErrors.length).toBe(1);
  });
});

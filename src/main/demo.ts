// Demo mode: what elbow does when nobody told it anything. It owns two instances of its own and the configuration that
// puts a load balancer named `demo` in front of them; main/serve.ts runs that configuration like any other.
// It never reads a configuration, and is never reached when there is one.

import { Effect, type Scope } from "effect";
import { defaultAttributes } from "../model/attributes.ts";
import type { CertificateSource } from "../model/certificate-source.ts";
import { type Configuration, defaultShutdownGrace } from "../model/configuration.ts";
import type { Instance } from "../model/instance.ts";
import { descriptors } from "../net/descriptors.ts";
import { tellNotice } from "../observe/notices.ts";
import { defaultSecurityPolicy } from "../tls/security-policies.ts";
import { type DemoCertificate, ensureDemoCertificate } from "./demo-certificate.ts";
import { acquireDemoInstance, type DemoInstance } from "./demo-instance.ts";
import type { DemoPorts } from "./demo-ports.ts";

/** Demo mode, ready to be served. */
export interface Demo {
  readonly configuration: Configuration;
  readonly certificate: DemoCertificate;
}

/** The configuration of demo mode: one load balancer with an HTTP, a TCP, an HTTPS and an SSL listener over the instances. */
export const makeDemoConfiguration = (
  ports: DemoPorts,
  instances: ReadonlyArray<DemoInstance>,
  certificate: CertificateSource,
): Configuration => {
  // Each instance has its own port, so the instance port of the listeners is never used; it must only be a port.
  const instancePort = instances[0]?.port ?? 80;
  const security = { certificates: [certificate], policy: defaultSecurityPolicy };
  return {
    management: { address: "127.0.0.1", port: ports.management },
    shutdownGrace: defaultShutdownGrace,
    loadBalancers: [
      {
        name: "demo",
        address: "127.0.0.1",
        listeners: [
          { protocol: "HTTP", port: ports.http, instanceProtocol: "HTTP", instancePort },
          { protocol: "TCP", port: ports.tcp, instanceProtocol: "TCP", instancePort },
          { protocol: "HTTPS", port: ports.https, instanceProtocol: "HTTP", instancePort, security },
          { protocol: "SSL", port: ports.ssl, instanceProtocol: "TCP", instancePort, security },
        ],
        instances: instances.map(({ id, port }): Instance => ({ id, host: "127.0.0.1", port })),
        attributes: defaultAttributes,
      },
    ],
  };
};

/** Starts the demo instances for the life of the scope and makes the configuration that balances over them. */
export const acquireDemo = Effect.fnUntraced(function* (ports: DemoPorts): Effect.fn.Return<Demo, never, Scope.Scope> {
  // The instances' ends of their connections are this process's too.
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      descriptors.perBackendConnection = 2;
    }),
    () =>
      Effect.sync(() => {
        descriptors.perBackendConnection = 1;
      }),
  );
  const instances = yield* Effect.all([acquireDemoInstance("i-demo1"), acquireDemoInstance("i-demo2")]);
  const certificate = yield* ensureDemoCertificate();
  if (certificate.remark !== undefined) tellNotice(certificate.remark);
  return { configuration: makeDemoConfiguration(ports, instances, certificate.source), certificate };
});

// HTTPS and SSL listeners as tests write them: a certificate of the test authority, a security policy by its name, and
// what is asked of clients.
import type { CertificateSource } from "../../src/model/certificate-source.ts";
import type { Listener } from "../../src/model/listener.ts";
import type { ClientAuth, ListenerSecurity } from "../../src/model/security.ts";
import type { SecurityPolicy } from "../../src/model/security-policy.ts";
import { findSecurityPolicy } from "../../src/tls/security-policies.ts";
import { inlineSource, issueTestCertificate } from "./certificates.ts";

/** What a test says of a listener's TLS; everything has a default. */
export interface WrittenSecurity {
  /** Default: one ECDSA certificate for `localhost`. */
  readonly certificates?: ReadonlyArray<CertificateSource>;
  /** A predefined policy's name, or a policy; default what a configuration file gets. */
  readonly policy?: string | SecurityPolicy;
  readonly clientAuth?: ClientAuth;
}

/** The security of a listener. */
export const securityOf = async (written: WrittenSecurity = {}): Promise<ListenerSecurity> => {
  const { policy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", clientAuth } = written;
  const found = typeof policy === "string" ? findSecurityPolicy(policy) : policy;
  if (found === undefined) throw new Error(`no policy ${policy}`);
  return {
    certificates: written.certificates ?? [inlineSource(await issueTestCertificate({ names: ["localhost"] }))],
    policy: found,
    ...(clientAuth === undefined ? {} : { clientAuth }),
  };
};

/** An HTTPS or SSL listener whose instances are spoken to in clear, unless the test says otherwise. */
export const secureListener = async (
  protocol: "HTTPS" | "SSL",
  written: WrittenSecurity &
    Partial<Pick<Listener, "instanceProtocol" | "instanceSecurity" | "port" | "instancePort">> = {},
): Promise<Partial<Listener>> => {
  const {
    instanceProtocol = protocol === "HTTPS" ? "HTTP" : "TCP",
    instanceSecurity,
    port,
    instancePort,
    ...security
  } = written;
  return {
    protocol,
    instanceProtocol,
    security: await securityOf(security),
    ...(instanceSecurity === undefined ? {} : { instanceSecurity }),
    ...(port === undefined ? {} : { port }),
    ...(instancePort === undefined ? {} : { instancePort }),
  };
};

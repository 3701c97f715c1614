// Written TLS for the tests of the check: listeners of each kind, policies, and keys to trust.
import { generateKeyPairSync } from "node:crypto";
import { refuse, web } from "./written.ts";

export const certificate = { cert: "certs/site.pem", key: "certs/site.key" };
export const https = {
  protocol: "HTTPS",
  port: 8443,
  instanceProtocol: "HTTP",
  instancePort: 80,
  certificate,
};
/** With a member `certificates` to come. */
export const { certificate: _, ...httpsWithoutCertificate } = https;
export const ssl = { ...https, protocol: "SSL", port: 8444, instanceProtocol: "TCP" };
export const reencrypting = { ...https, instanceProtocol: "HTTPS", instancePort: 443 };

export const listenerPlace = "loadBalancers.web.listeners[0]";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** A key pair, and its public half as AWS wants it. */
export const keys = { publicKey, privateKey };
export const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
export const spkiText = Buffer.from(spki).toString("base64");

export const negotiation = (attributes: Readonly<Record<string, boolean | string>>) => ({
  type: "SSLNegotiationPolicyType",
  attributes,
});
export const publicKeyPolicy = (PublicKey: unknown) => ({ type: "PublicKeyPolicyType", attributes: { PublicKey } });
export const authentication = (PublicKeyPolicyName: unknown) => ({
  type: "BackendServerAuthenticationPolicyType",
  attributes: { PublicKeyPolicyName },
});

/** What is wrong with a load balancer that has these policies and a sound listener that uses none of them. */
export const refusePolicies = (policies: object): ReadonlyArray<string> =>
  refuse(web({ policies })).map((line) => line.replace("loadBalancers.web.policies.", ""));

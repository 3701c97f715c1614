/**
 * Takes the sound parts of what a configuration writes about TLS: certificates, client authentication and policies.
 * The part of sift.ts for encryption; what is broken by itself is left out here and told by the shape check.
 * Owns no message, resolves no path and knows no policy type.
 */
import type { TlsProtocol } from "../../model/security-policy.ts";
import {
  WrittenCertificate,
  WrittenClientAuth,
  WrittenInstanceAuthority,
  WrittenModulePolicy,
  WrittenSecurityPolicy,
  WrittenTypedPolicy,
} from "../../model/written-security.ts";
import type { Place } from "./problem.ts";
import { itemsOf, membersOf, take } from "./sound-parts.ts";

/** A certificate as written: paths or PEM text. */
export type SoundCertificate = typeof WrittenCertificate.Type;

/** Something that was written, and where. */
export interface Placed<T> {
  readonly place: Place;
  readonly value: T;
}

/** What a listener writes about TLS; whether a member stands there at all counts even where its value is broken. */
export interface SiftedListenerSecurity {
  /** Of `certificate` and `certificates` alike. */
  readonly certificates: ReadonlyArray<Placed<SoundCertificate>>;
  readonly isCertificateWritten: boolean;
  readonly areCertificatesWritten: boolean;
  /** `certificates: []`. */
  readonly hasEmptyCertificates: boolean;
  readonly policies: ReadonlyArray<Placed<string>>;
  readonly clientAuth: Placed<typeof WrittenClientAuth.Type> | undefined;
  readonly isClientAuthWritten: boolean;
  /** Keys that stand there with `undefined`, as a mistyped variable is. */
  readonly undefinedKeys: ReadonlyArray<string>;
}

/** A security policy that is written out; members are undefined where they are broken. */
export interface SiftedSecurityPolicy {
  readonly protocols: ReadonlyArray<TlsProtocol> | undefined;
  readonly hasServerOrder: boolean | undefined;
  readonly ciphers: ReadonlyArray<string> | undefined;
}

/** A policy of a load balancer; `type` and `attributes` are undefined where they are broken, and those that are left out are none. */
export interface SiftedPolicy {
  readonly place: Place;
  readonly name: string;
  /** There for a security policy that is written out, which has neither `type` nor `attributes`. */
  readonly securityPolicy: SiftedSecurityPolicy | undefined;
  readonly type: string | undefined;
  /** There for a policy that is a module of the user's: its path as written. */
  readonly module: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
}

/** The back-end policies of one instance port, as its key is written. */
export interface SiftedBackendPolicies {
  readonly place: Place;
  readonly port: string;
  readonly entries: ReadonlyArray<Placed<string | typeof WrittenInstanceAuthority.Type>>;
}

/** Takes what a listener at `place` writes about TLS. */
export const siftListenerSecurity = (place: Place, members: ReadonlyMap<string, unknown>): SiftedListenerSecurity => {
  const [certificate, certificates] = [members.get("certificate"), members.get("certificates")];
  const clientAuth = members.get("clientAuth");
  const soundClientAuth = take(WrittenClientAuth, clientAuth);
  return {
    certificates: [
      ...placed([...place, "certificate"], take(WrittenCertificate, certificate)),
      ...itemsOf(certificates).flatMap((item, index) =>
        placed([...place, "certificates", index], take(WrittenCertificate, item)),
      ),
    ],
    isCertificateWritten: certificate !== undefined,
    areCertificatesWritten: certificates !== undefined,
    hasEmptyCertificates: Array.isArray(certificates) && certificates.length === 0,
    policies: itemsOf(members.get("policies")).flatMap((item, index) =>
      typeof item === "string" ? [{ place: [...place, "policies", index], value: item }] : [],
    ),
    clientAuth: placed([...place, "clientAuth"], soundClientAuth)[0],
    isClientAuthWritten: clientAuth !== undefined,
    undefinedKeys: ["certificate", "certificates", "policies", "clientAuth"].filter(
      (key) => members.has(key) && members.get(key) === undefined,
    ),
  };
};

/** Takes the policies of a load balancer, those with broken members too: their names are taken. */
export const siftPolicies = (place: Place, written: unknown): ReadonlyArray<SiftedPolicy> =>
  [...membersOf(written)].map(([name, value]) => {
    const members = membersOf(value);
    const { attributes } = members.has("module") ? WrittenModulePolicy.fields : WrittenTypedPolicy.fields;
    return {
      place: [...place, name],
      name,
      securityPolicy: siftSecurityPolicy(members),
      type: members.has("module") ? undefined : take(WrittenTypedPolicy.fields.type, members.get("type")),
      module: take(WrittenModulePolicy.fields.module, members.get("module")),
      attributes: take(attributes, members.get("attributes") ?? {}),
    };
  });

const siftSecurityPolicy = (members: ReadonlyMap<string, unknown>): SiftedSecurityPolicy | undefined => {
  const { protocols, hasServerOrder, ciphers } = WrittenSecurityPolicy.fields;
  const isTyped = members.has("type") || members.has("module") || members.has("attributes");
  if (isTyped || !["protocols", "hasServerOrder", "ciphers"].some((key) => members.has(key))) return undefined;
  return {
    protocols: take(protocols, members.get("protocols")),
    hasServerOrder: take(hasServerOrder, members.get("hasServerOrder")),
    ciphers: take(ciphers, members.get("ciphers")),
  };
};

/** Takes the back-end policies of a load balancer, by instance port. */
export const siftBackendPolicies = (place: Place, written: unknown): ReadonlyArray<SiftedBackendPolicies> =>
  [...membersOf(written)].map(([port, value]) => {
    const own: Place = [...place, port];
    const entries = itemsOf(value).flatMap((item, index) =>
      placed([...own, index], typeof item === "string" ? item : take(WrittenInstanceAuthority, item)),
    );
    return { place: own, port, entries };
  });

const placed = <T>(place: Place, value: T | undefined): ReadonlyArray<Placed<T>> =>
  value === undefined ? [] : [{ place, value }];

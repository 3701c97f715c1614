// From keys to what listeners answer TLS clients with: the contexts of every HTTPS and SSL listener.
//
// What hasn't changed keeps its contexts, and with them the sessions that clients resume, across reloads and renewals.
import { Effect } from "effect";
import type { Listener } from "../model/listener.ts";
import { isLayer7, isSecure } from "../model/protocol.ts";
import type { InstanceJudge } from "../model/security.ts";
import { type BackendSecurity, type KeyJudge, makeBackendSecurity, pinOf } from "../tls/backend-security.ts";
import { CertificateError } from "../tls/certificate-error.ts";
import { effectivePolicy } from "../tls/effective-policy.ts";
import { keyOf, ServerContexts, type ServerContextsParts } from "../tls/server-contexts.ts";
import type { Keys } from "./keychain.ts";
import { guardJudge } from "./own-hooks.ts";
import { boundOf } from "./policies.ts";
import type { WantedListener } from "./routes.ts";

/** Contexts by a listener's key; none for those in clear. */
export type ListenerSecurities = ReadonlyMap<string, ServerContexts>;

/** Makes what isn't there already. *Fails with*: what the TLS library refuses; nothing was changed. */
export const makeSecurities = (
  wanted: ReadonlyArray<WantedListener>,
  keys: Keys,
  before: ListenerSecurities,
): Effect.Effect<ListenerSecurities, CertificateError> =>
  Effect.try({
    try: () => {
      const securities = new Map<string, ServerContexts>();
      for (const one of wanted) {
        // Made here, where it may still fail, though it is used by the back end.
        backendSecurityOf(one.listener, keys)?.secureContext;
        const parts = partsOf(one, keys);
        if (parts === undefined) continue;
        const known = before.get(one.key);
        securities.set(one.key, known?.key === keyOf(parts) ? known : new ServerContexts(parts));
      }
      return securities;
    },
    catch: (cause) =>
      cause instanceof CertificateError
        ? cause
        : new CertificateError({
            label: "the TLS library",
            problem: `refuses a certificate or an authority: ${cause instanceof Error ? cause.message : String(cause)}`,
            expected: "one that it takes",
          }),
  });

const partsOf = ({ listener }: WantedListener, keys: Keys): ServerContextsParts | undefined => {
  const { security, protocol } = listener;
  if (security === undefined) return undefined;
  const { clientAuth } = security;
  return {
    certificates: security.certificates.map((source) => keys.certificate(source)),
    policy: effectivePolicy(security.policy),
    clientAuth: clientAuth && { authority: keys.authority(clientAuth.ca), mode: clientAuth.mode },
    // RFC 7301 §6: its registered name. Other protocols are the business of whoever speaks them.
    applicationProtocol: isLayer7(protocol) ? "http/1.1" : undefined,
  };
};

/** What the instances behind a listener must prove; undefined where they are spoken to in clear. */
export const backendSecurityOf = (
  { instanceProtocol, instanceSecurity = {} }: Listener,
  keys: Keys,
): BackendSecurity | undefined => {
  if (!isSecure(instanceProtocol)) return undefined;
  const { authority } = instanceSecurity;
  const judges = (instanceSecurity.judges ?? []).map(makeJudge);
  return makeBackendSecurity(instanceSecurity, authority && keys.authority(authority.ca), judges);
};

const makeJudge = ({ use, keys }: InstanceJudge): KeyJudge => ({
  policy: use.name,
  key: JSON.stringify([use.name, use.module?.version, use.written, ...keys.map(({ spki }) => pinOf(spki))]),
  trusts: guardJudge(
    boundOf(use),
    keys.map(({ spki }) => ({ spki, pin: pinOf(spki) })),
  ),
});

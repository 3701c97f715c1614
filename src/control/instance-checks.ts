// Health checks of the instances of every load balancer that asks for them: one target for each address of each instance.
//
// Follows configuration and names: who is new is asked, who stays keeps state and history, who has gone is asked no more.
// Owns the targets; who is picked is the memberships' affair, and when to ask the checker's.
import type { HealthChecker } from "../health/checker.ts";
import type { HealthTarget } from "../health/health-target.ts";
import type { ProbeResult, ProbeTerms } from "../health/probe.ts";
import type { HealthChange } from "../health/thresholds.ts";
import type { Configuration } from "../model/configuration.ts";
import type { HealthCheck } from "../model/health-check.ts";
import type { Instance } from "../model/instance.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { isSecure } from "../model/protocol.ts";
import { Endpoint } from "../net/endpoint.ts";
import type { LoadBalancerCounters } from "../observe/counters.ts";
import { writeProxyHeader } from "../parse/proxy-protocol/header-writer.ts";
import { BackendAuthentication } from "../tls/backend-authentication.ts";
import { type BackendSecurity, makeBackendSecurity } from "../tls/backend-security.ts";
import { addressesOf } from "./addresses.ts";
import { tellHealthEvent } from "./health-events.ts";
import type { Keys } from "./keychain.ts";
import { backendSecurityOf } from "./listener-security.ts";
import type { Names } from "./resolver.ts";

interface Checked {
  readonly target: HealthTarget;
  /** What its TLS must prove; the same object as long as the same is asked, so that old answers count. */
  readonly securityKey: string;
  readonly security: BackendAuthentication | undefined;
}

export class InstanceChecks {
  /** Checks by load balancer and result, as long as the load balancer is asked for them. */
  readonly counts = new Map<string, Record<"passed" | "failed" | "inconclusive", number>>();
  private readonly checked = new Map<string, Checked>();

  constructor(
    private readonly checker: HealthChecker["Service"],
    /** An address of a load balancer's instance came into service, or went out of it. */
    private readonly onChange: (loadBalancer: string) => void,
    /** The counts of a load balancer, which outlive its instances. */
    private readonly countersOf: (loadBalancer: string) => LoadBalancerCounters | undefined = () => undefined,
  ) {}

  /** The target of an address; undefined where nothing is asked. */
  find(loadBalancer: string, instance: Instance, address: string): HealthTarget | undefined {
    return this.checked.get(checkKeyOf(loadBalancer, instance, address))?.target;
  }

  /** The same where the load balancer asks by what holds; of who is asked for what is still to hold, that isn't so. */
  findAsked(loadBalancer: LoadBalancer, instance: Instance, address: string): HealthTarget | undefined {
    return loadBalancer.healthCheck && this.find(loadBalancer.name, instance, address);
  }

  /** Asks everyone whom a configuration names, and who isn't asked yet, from now on; answers the new targets. */
  add(configuration: Configuration, names: Names, keys: Keys): ReadonlyArray<HealthTarget> {
    const added: Array<HealthTarget> = [];
    for (const one of wantedChecks(configuration, names, keys)) {
      if (this.checked.has(one.key)) continue;
      added.push(this.register(one));
    }
    return added;
  }

  /** The targets of a load balancer's instances, where they are asked already. */
  of(loadBalancer: LoadBalancer, names: Names): ReadonlyArray<HealthTarget> {
    return addressesOf(loadBalancer, names).flatMap(
      ({ instance, address }) => this.find(loadBalancer.name, instance, address) ?? [],
    );
  }

  /** Makes the configuration's checks those that are made: who has gone is asked no more, the others as it says now. */
  follow(configuration: Configuration, names: Names, keys: Keys): void {
    const gone = new Set(this.checked.keys());
    for (const one of wantedChecks(configuration, names, keys)) {
      gone.delete(one.key);
      const known = this.checked.get(one.key);
      if (known === undefined) {
        this.register(one);
        continue;
      }
      const security = known.securityKey === one.securityKey ? known.security : makeSecurity(one);
      this.checked.set(one.key, { target: known.target, securityKey: one.securityKey, security });
      this.checker.reconfigure(known.target, makeTerms(one, security), one.endpoint);
    }
    const asked = new Set(configuration.loadBalancers.flatMap(({ name, healthCheck }) => (healthCheck ? [name] : [])));
    for (const name of this.counts.keys()) if (!asked.has(name)) this.counts.delete(name);
    for (const key of gone) {
      const { target } = this.checked.get(key) as Checked;
      this.checker.deregister(target);
      this.checked.delete(key);
    }
  }

  private count(loadBalancer: string, { isConclusive, isHealthy, isConnected }: ProbeResult): void {
    const totals = isConclusive && !isConnected ? this.countersOf(loadBalancer) : undefined;
    if (totals !== undefined) totals.connectionErrors++;
    const counts = this.counts.get(loadBalancer) ?? { passed: 0, failed: 0, inconclusive: 0 };
    counts[isConclusive ? (isHealthy ? "passed" : "failed") : "inconclusive"]++;
    this.counts.set(loadBalancer, counts);
  }

  private register(one: WantedCheck): HealthTarget {
    const security = makeSecurity(one);
    const observer = {
      onChange: (target: HealthTarget, change: HealthChange) => {
        tellHealthEvent(one.loadBalancer, one.instance.id, target.endpoint, change.to, spellCause(change));
        this.onChange(one.loadBalancer);
      },
      onResult: (_: HealthTarget, result: ProbeResult) => this.count(one.loadBalancer, result),
    };
    const target = this.checker.register(one.instance.id, one.endpoint, makeTerms(one, security), observer);
    this.checked.set(one.key, { target, securityKey: one.securityKey, security });
    return target;
  }
}

const spellCause = ({ checks, reason }: HealthChange): string =>
  `${checks} check${checks === 1 ? "" : "s"} in a row: ${reason}`;

/** One address that is to be asked. */
interface WantedCheck {
  readonly key: string;
  readonly loadBalancer: string;
  readonly instance: Instance;
  readonly endpoint: Endpoint;
  readonly check: HealthCheck;
  readonly security: BackendSecurity | undefined;
  readonly securityKey: string;
  /** Of the PROXY protocol, where checks begin with its header: as the instance port has it. */
  readonly preambleVersion: 1 | 2;
}

const wantedChecks = (configuration: Configuration, names: Names, keys: Keys): ReadonlyArray<WantedCheck> =>
  configuration.loadBalancers.flatMap((loadBalancer) => {
    const { healthCheck: check, name } = loadBalancer;
    if (check === undefined) return [];
    const security = securityOf(loadBalancer, check, keys);
    const atPort = loadBalancer.listeners.find(({ instancePort }) => instancePort === check.target.port);
    return addressesOf(loadBalancer, names).map(({ instance, address }) => ({
      key: checkKeyOf(name, instance, address),
      loadBalancer: name,
      instance,
      endpoint: new Endpoint(address, portOf(loadBalancer, instance, check)),
      check,
      security,
      preambleVersion: atPort?.instancePreamble?.version ?? 1,
      securityKey: security === undefined ? "" : `${instance.host} ${security.key}`,
    }));
  });

/** An instance's own port stands in for the instance ports of listeners, also where a check asks there. */
const portOf = ({ listeners }: LoadBalancer, { port }: Instance, { target }: HealthCheck): number =>
  port !== undefined && listeners.some(({ instancePort }) => instancePort === target.port) ? port : target.port;

/** Back-end authentication holds for checks too ("Troubleshoot a Classic Load Balancer: Health checks", AWS). */
const securityOf = ({ listeners }: LoadBalancer, { target }: HealthCheck, keys: Keys): BackendSecurity | undefined => {
  if (!isSecure(target.protocol)) return undefined;
  const listener = listeners.find(
    ({ instancePort, instanceProtocol }) => instancePort === target.port && isSecure(instanceProtocol),
  );
  return (listener && backendSecurityOf(listener, keys)) ?? makeBackendSecurity();
};

const makeSecurity = ({ security, instance, endpoint }: WantedCheck): BackendAuthentication | undefined =>
  security && new BackendAuthentication(security, instance.host, `${instance.id} at ${endpoint} (health check)`);

const makeTerms = (
  { check, preambleVersion }: WantedCheck,
  security: BackendAuthentication | undefined,
): ProbeTerms => ({
  check,
  ...(security === undefined ? {} : { security }),
  // The ends of a check aren't known before it is made, and nobody is behind it: version 2 has a word for that.
  ...(check.proxyProtocol ? { preamble: writeProxyHeader(preambleVersion, ownConnection) } : {}),
});

const ownConnection = { clientAddress: "", clientPort: 0, proxyAddress: "", proxyPort: 0, isLocal: true };

/** An instance that moves to another port of its own is asked as a new one: its traffic goes there, too. */
const checkKeyOf = (loadBalancer: string, { id, port }: Instance, address: string): string =>
  `${loadBalancer} ${id} ${address} ${port ?? ""}`;

// How each of the three proxies is configured and started: whether it is installed, its ports, its configuration from the
// templates in bench/rivals. It writes files and starts nothing; each proxy gets a directory of its own, and the system's
// configuration and services are never touched.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CertificateFiles, Certificates } from "./certificates.ts";
import { findProgram, readProgramOutput } from "./programs.ts";
import type { Front } from "./workloads.ts";

export type ProxyName = "elbow" | "nginx" | "haproxy";

/** The order in which they take turns. */
export const proxyNames: ReadonlyArray<ProxyName> = ["elbow", "nginx", "haproxy"];

/** Where proxies are started: their core, the back end's ports, certificates, and a directory for their files. */
export interface Place {
  readonly core: number;
  readonly backendPort: number;
  /** The back end's port with TLS. */
  readonly secureBackendPort: number;
  readonly certificates: Certificates;
  readonly directory: string;
  /** elbow's compiled program, instead of the sources. */
  readonly elbowBinary?: string;
}

/** Thrown when a proxy can't take part; the reason stands in the table. */
export class ProxyMissing extends Error {}

const repository = join(import.meta.dir, "..");

/** Replaces every `{{NAME}}`; throws for a name that has no value. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{([A-Z_]+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template names {{${name}}}, which has no value`);
    return value;
  });
}

function readTemplate(name: string): string {
  // Comments go first: they may speak of placeholders.
  return readFileSync(join(import.meta.dir, "rivals", name), "utf8").replace(/^\s*#.*\n/gm, "");
}

/** Finds free loopback ports; another process could take one before it is used, which shows as a failed start. */
export function chooseFreePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }),
  );
  const ports = listeners.map((listener) => listener.port);
  for (const listener of listeners) listener.stop(true);
  return ports;
}

/** How a proxy is started, and where its listeners will be. */
export interface Launch {
  readonly command: string[];
  readonly ports: Partial<Record<Front, number>>;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

// The stream module is compiled in, loaded from a file, or absent.
function findNginxStream(nginx: string): string | undefined {
  const options = readProgramOutput([nginx, "-V"]);
  if (/--with-stream(?:\s|$)/.test(options)) return "";
  const directory = /--modules-path=(\S+)/.exec(options)?.[1] ?? "/usr/lib/nginx/modules";
  const file = join(directory, "ngx_stream_module.so");
  return existsSync(file) ? `load_module ${file};` : undefined;
}

const fronts: ReadonlyArray<Front> = ["http", "tcp", "https", "https-rsa", "https-https", "ssl"];

function choosePorts(): Record<Front, number> {
  const free = chooseFreePorts(fronts.length);
  return Object.fromEntries(fronts.map((front, at) => [front, free[at]])) as Record<Front, number>;
}

// What the templates of both rivals name: `{{HTTPS_RSA_PORT}}` is the port of the front `https-rsa`.
function listValues(place: Place, ports: Record<Front, number>): Record<string, string> {
  return {
    ...Object.fromEntries(fronts.map((front) => [`${front.toUpperCase().replace("-", "_")}_PORT`, `${ports[front]}`])),
    BACKEND_PORT: String(place.backendPort),
    SECURE_BACKEND_PORT: String(place.secureBackendPort),
  };
}

/** `accessLog` is the directive's value. */
function prepareNginx(place: Place, directory: string, accessLog = "off"): Launch {
  const nginx = findProgram("nginx");
  if (nginx === undefined) throw new ProxyMissing("not installed: `apt-get install nginx libnginx-mod-stream`");
  const ports = choosePorts();
  const loadModule = findNginxStream(nginx);
  const { ecdsa, rsa } = place.certificates;
  const values = {
    ...listValues(place, ports),
    ...{ ECDSA_CERT: ecdsa.cert, ECDSA_KEY: ecdsa.key, RSA_CERT: rsa.cert, RSA_KEY: rsa.key },
    DIRECTORY: directory,
    ACCESS_LOG: accessLog,
    // As root, nginx would give its worker another user, who can't enter our directory.
    USER: process.getuid?.() === 0 ? "user root;" : "",
    LOAD_MODULE: loadModule ?? "",
  };
  const stream = loadModule === undefined ? "" : fillTemplate(readTemplate("nginx-stream.conf"), values);
  const file = join(directory, "nginx.conf");
  writeFileSync(file, fillTemplate(readTemplate("nginx.conf"), { ...values, STREAM: stream }));
  const { tcp, ssl, ...layer7 } = ports;
  return {
    command: [nginx, "-p", directory, "-e", join(directory, "nginx-error.log"), "-c", file],
    ports: loadModule === undefined ? layer7 : ports,
  };
}

function prepareHaproxy(place: Place, directory: string): Launch {
  const haproxy = findProgram("haproxy");
  if (haproxy === undefined) throw new ProxyMissing("not installed: `apt-get install haproxy`");
  const ports = choosePorts();
  const { ecdsa, rsa } = place.certificates;
  const file = join(directory, "haproxy.cfg");
  const values = { ...listValues(place, ports), ECDSA_FILE: ecdsa.both, RSA_FILE: rsa.both };
  writeFileSync(file, fillTemplate(readTemplate("haproxy.cfg"), values));
  return { command: [haproxy, "-db", "-f", file], ports };
}

// AES-128-GCM comes first in it, for either kind of key.
const securityPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";

function listListeners(place: Place, ports: Record<Front, number>) {
  const instancePort = place.backendPort;
  const secure = ({ cert, key }: CertificateFiles) => ({ certificate: { cert, key }, policies: [securityPolicy] });
  const ecdsa = secure(place.certificates.ecdsa);
  const plain = { instanceProtocol: "HTTP", instancePort };
  const encrypted = { instanceProtocol: "HTTPS", instancePort: place.secureBackendPort };
  return [
    { protocol: "HTTP", port: ports.http, ...plain },
    { protocol: "TCP", port: ports.tcp, instanceProtocol: "TCP", instancePort },
    { protocol: "HTTPS", port: ports.https, ...plain, ...ecdsa },
    { protocol: "HTTPS", port: ports["https-rsa"], ...plain, ...secure(place.certificates.rsa) },
    { protocol: "HTTPS", port: ports["https-https"], ...encrypted, ...ecdsa },
    { protocol: "SSL", port: ports.ssl, instanceProtocol: "TCP", instancePort, ...ecdsa },
  ];
}

function prepareElbow(place: Place, directory: string): Launch {
  const ports = choosePorts();
  const [management = 0] = chooseFreePorts(1);
  const file = join(directory, "elbow.json");
  const configuration = {
    management: { address: "127.0.0.1", port: management },
    shutdownGrace: 1,
    loadBalancers: {
      bench: {
        address: "127.0.0.1",
        listeners: listListeners(place, ports),
        instances: ["127.0.0.1"],
        attributes: { idleTimeout: 3600 },
      },
    },
  };
  writeFileSync(file, JSON.stringify(configuration, null, 2));
  return { ...launchElbow(place, file, directory), ports };
}

/** How elbow is started with a configuration; its state goes into `directory`. */
export function launchElbow(place: Place, file: string, directory: string): Omit<Launch, "ports"> {
  const program =
    place.elbowBinary === undefined
      ? [process.execPath, join(repository, "src", "main.ts")]
      : [resolve(place.elbowBinary)];
  return { command: [...program, "run", "--config", file], cwd: repository, env: { STATE_DIRECTORY: directory } };
}

const prepare = { elbow: prepareElbow, nginx: prepareNginx, haproxy: prepareHaproxy } as const;

/** nginx with its own access log on or off; throws `ProxyMissing` where it isn't installed. */
export function launchNginx(place: Place, directory: string, isLogging: boolean): Launch {
  const log = join(directory, "access.log");
  return prepareNginx(place, directory, isLogging ? `${log} clb buffer=256k flush=250ms` : "off");
}

/** Writes a proxy's configuration into a directory and says how it is started; throws `ProxyMissing` without the program. */
export const prepareLaunch = (name: ProxyName, place: Place, directory: string): Launch =>
  prepare[name](place, directory);

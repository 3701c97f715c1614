// The three proxies of the bench: whether each is installed, how it is configured and started, and whether it answers
// rightly. It owns their ports and processes; it measures nothing. Each runs in the foreground from a directory of its
// own and never touches the system's configuration or services.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ReadAnswer } from "./answers.ts";
import { exchange, exchangeOnce } from "./client.ts";
import {
  anyHost,
  browserFields,
  makeBrowserGet,
  makeChunkedPost,
  makeGet,
  makePipelined,
  makePost,
} from "./messages.ts";
import { type Child, describeEnd, endChild, hasEnded, listTree, readLogTail, startChild } from "./processes.ts";
import { chunkedTarget, targetBytes } from "./requests.ts";
import { type Layer, pipelinedCount } from "./workloads.ts";

export type ProxyName = "elbow" | "nginx" | "haproxy";

/** The order in which they take turns. */
export const proxyNames: ReadonlyArray<ProxyName> = ["elbow", "nginx", "haproxy"];

/** Where proxies are started: their core, the back end's port, and a directory for their files. */
export interface Place {
  readonly core: number;
  readonly backendPort: number;
  readonly directory: string;
  /** elbow's compiled program, instead of the sources. */
  readonly elbowBinary?: string;
}

/** A proxy that answers. */
export interface RunningProxy {
  readonly name: ProxyName;
  readonly child: Child;
  readonly ports: Readonly<Partial<Record<Layer, number>>>;
  /** The processes whose CPU and memory count: all, but not nginx's idle master. */
  readonly listPids: () => number[];
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

/** Finds a program on the path or in the system directories that a plain user's path leaves out. */
export function findProgram(name: string): string | undefined {
  return Bun.which(name) ?? ["/usr/sbin", "/usr/local/sbin"].map((d) => join(d, name)).find((f) => existsSync(f));
}

/** What a program prints about itself, whichever stream it uses. */
export function readProgramOutput(command: string[]): string {
  const result = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe", timeout: 5000 });
  return `${result.stdout}${result.stderr}`;
}

interface Launch {
  readonly command: string[];
  readonly ports: Partial<Record<Layer, number>>;
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

function prepareNginx(place: Place, directory: string): Launch {
  const nginx = findProgram("nginx");
  if (nginx === undefined) throw new ProxyMissing("not installed: `apt-get install nginx libnginx-mod-stream`");
  const [httpPort = 0, tcpPort = 0] = chooseFreePorts(2);
  const loadModule = findNginxStream(nginx);
  const values = {
    HTTP_PORT: String(httpPort),
    TCP_PORT: String(tcpPort),
    BACKEND_PORT: String(place.backendPort),
    DIRECTORY: directory,
    // As root, nginx would give its worker another user, who can't enter our directory.
    USER: process.getuid?.() === 0 ? "user root;" : "",
    LOAD_MODULE: loadModule ?? "",
  };
  const stream = loadModule === undefined ? "" : fillTemplate(readTemplate("nginx-stream.conf"), values);
  const file = join(directory, "nginx.conf");
  writeFileSync(file, fillTemplate(readTemplate("nginx.conf"), { ...values, STREAM: stream }));
  return {
    command: [nginx, "-p", directory, "-e", join(directory, "nginx-error.log"), "-c", file],
    ports: loadModule === undefined ? { http: httpPort } : { http: httpPort, tcp: tcpPort },
  };
}

function prepareHaproxy(place: Place, directory: string): Launch {
  const haproxy = findProgram("haproxy");
  if (haproxy === undefined) throw new ProxyMissing("not installed: `apt-get install haproxy`");
  const [http = 0, tcp = 0] = chooseFreePorts(2);
  const file = join(directory, "haproxy.cfg");
  const values = { HTTP_PORT: String(http), TCP_PORT: String(tcp), BACKEND_PORT: String(place.backendPort) };
  writeFileSync(file, fillTemplate(readTemplate("haproxy.cfg"), values));
  return { command: [haproxy, "-db", "-f", file], ports: { http, tcp } };
}

function prepareElbow(place: Place, directory: string): Launch {
  const [http = 0, tcp = 0, management = 0] = chooseFreePorts(3);
  const file = join(directory, "elbow.json");
  const instancePort = place.backendPort;
  const configuration = {
    management: { address: "127.0.0.1", port: management },
    shutdownGrace: 1,
    loadBalancers: {
      bench: {
        address: "127.0.0.1",
        listeners: [
          { protocol: "HTTP", port: http, instanceProtocol: "HTTP", instancePort },
          { protocol: "TCP", port: tcp, instanceProtocol: "TCP", instancePort },
        ],
        instances: ["127.0.0.1"],
        attributes: { idleTimeout: 3600 },
      },
    },
  };
  writeFileSync(file, JSON.stringify(configuration, null, 2));
  const program =
    place.elbowBinary === undefined
      ? [process.execPath, join(repository, "src", "main.ts")]
      : [resolve(place.elbowBinary)];
  return {
    command: [...program, "run", "--config", file],
    ports: { http, tcp },
    cwd: repository,
    env: { STATE_DIRECTORY: directory },
  };
}

const prepare = { elbow: prepareElbow, nginx: prepareNginx, haproxy: prepareHaproxy } as const;

const startMs = 10_000;

async function waitUntilReady(child: Child, port: number): Promise<void> {
  const giveUpAt = performance.now() + startMs;
  while (performance.now() < giveUpAt) {
    if (hasEnded(child)) throw new ProxyMissing(`did not start: ${describeEnd(child)}`);
    const isReady = await exchangeOnce(port, "/100").then(
      (exchanged) => {
        exchanged.close();
        return exchanged.answers[0]?.status === 200;
      },
      () => false,
    );
    if (isReady) return;
    await Bun.sleep(50);
  }
  throw new ProxyMissing(`did not answer on port ${port} in ${startMs} ms: ${readLogTail(child)}`);
}

/** One thing that a proxy must do rightly before it is measured. */
interface Check {
  readonly title: string;
  readonly request: Uint8Array;
  /** What must be true of every answer. */
  readonly isRight: (answer: ReadAnswer) => boolean;
  /** Answers to expect. */
  readonly count?: number;
}

const sizeChecks: ReadonlyArray<Check> = [...targetBytes].map(([target, size]) => ({
  title: target,
  request: makeGet(target, anyHost),
  isRight: (answer) => answer.body.length === size && answer.isChunked === (target === chunkedTarget),
}));

const postBytes = 1024;

function listHttpChecks(port: number): ReadonlyArray<Check> {
  const hasField = (head: string, name: string, value: string) =>
    head.split("\r\n").some((line) => {
      const colon = line.indexOf(":");
      return line.slice(0, colon).toLowerCase() === name.toLowerCase() && line.slice(colon + 1).trim() === value;
    });
  const added = [
    ["X-Forwarded-For", "127.0.0.1"],
    ["X-Forwarded-Proto", "http"],
    ["X-Forwarded-Port", String(port)],
  ] as const;
  const passed = [["Host", anyHost] as const, ...browserFields.filter(([name]) => name !== "Connection")];
  return [
    ...added.map(([name, value]) => ({
      title: `${name}: ${value}`,
      request: makeGet("/head", anyHost),
      isRight: (answer: ReadAnswer) => hasField(answer.body, name, value),
    })),
    ...passed.map(([name, value]) => ({
      title: `a browser's ${name}`,
      request: makeBrowserGet("/head", anyHost),
      isRight: (answer: ReadAnswer) => hasField(answer.body, name, value),
    })),
    {
      title: "a POST",
      request: makePost("/count", anyHost, postBytes),
      isRight: (answer) => answer.body === String(postBytes),
    },
    {
      title: "a POST in chunks",
      request: makeChunkedPost("/count", anyHost, postBytes, 300),
      isRight: (answer) => answer.body === String(postBytes),
    },
    {
      title: "pipelined requests",
      request: makePipelined("/100", anyHost, pipelinedCount),
      count: pipelinedCount,
      isRight: (answer) => answer.body.length === 100,
    },
  ];
}

async function checkOnce(port: number, check: Check): Promise<void> {
  const { answers, close } = await exchange(port, check.request, check.count);
  close();
  const wrong = answers.find((answer) => answer.status !== 200 || !check.isRight(answer));
  if (wrong === undefined) return;
  throw new ProxyMissing(`fails at ${check.title}: ${wrong.status}, ${wrong.body.length} bytes`);
}

// The work is the same only when every answer is whole and every proxy sends the same headers on.
async function checkAnswers(proxy: RunningProxy): Promise<void> {
  for (const port of Object.values(proxy.ports)) {
    for (const check of sizeChecks) await checkOnce(port, check);
  }
  const { http } = proxy.ports;
  if (http === undefined) return;
  for (const check of listHttpChecks(http)) await checkOnce(http, check);
}

let started = 0;

/** Starts a proxy and checks its answers; throws `ProxyMissing` when it is not installed, does not start or answers wrongly. */
export async function startProxy(name: ProxyName, place: Place): Promise<RunningProxy> {
  const directory = join(place.directory, `${name}-${++started}`);
  mkdirSync(directory);
  const { ports, ...launch } = prepare[name](place, directory);
  const child = startChild({ name, core: place.core, directory, ...launch });
  const listPids = () => {
    const tree = listTree(child.pid);
    return name === "nginx" && tree.length > 1 ? tree.slice(1) : tree;
  };
  const proxy: RunningProxy = { name, child, ports, listPids };
  try {
    for (const port of Object.values(ports)) await waitUntilReady(child, port);
    await checkAnswers(proxy);
    return proxy;
  } catch (error) {
    await endChild(child);
    throw error instanceof ProxyMissing ? error : new ProxyMissing(String(error));
  }
}

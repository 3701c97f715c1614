// elbow inside the test process: the control layer with a configuration applied, listeners on port 0 unless the test
// says otherwise, and a count of the fibers it runs. It talks to the data plane through Control only, as main does.
import { Effect, Layer, ManagedRuntime, Metric } from "effect";
import { Control, type ControlOptions, layerControl } from "../../src/control/control.ts";
import { type Attributes, defaultAttributes } from "../../src/model/attributes.ts";
import type { Configuration } from "../../src/model/configuration.ts";
import { toCookieSecret } from "../../src/model/cookie-secret.ts";
import type { Instance } from "../../src/model/instance.ts";
import type { Listener } from "../../src/model/listener.ts";
import type { LoadBalancer } from "../../src/model/load-balancer.ts";
import type { Protocol } from "../../src/model/protocol.ts";

/** Instances as tests write them: something with a port on 127.0.0.1, a bare port there, or a whole Instance. */
export type WrittenInstance = number | { readonly port: number } | Instance;

/** A load balancer as tests write it; everything has a default but the instances. */
export interface WrittenLoadBalancer {
  readonly name?: string;
  /** Default `127.0.0.1`. */
  readonly address?: string;
  /** Default: one listener of this protocol, or TCP. */
  readonly protocol?: Protocol;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly listeners?: ReadonlyArray<Partial<Listener>>;
  readonly instances: ReadonlyArray<WrittenInstance>;
  readonly attributes?: Partial<Attributes>;
}

const toInstance = (written: WrittenInstance): Instance => {
  if (typeof written === "number") return { id: `127.0.0.1:${written}`, host: "127.0.0.1", port: written };
  if ("id" in written) return written;
  return { id: `127.0.0.1:${written.port}`, host: "127.0.0.1", port: written.port };
};

const toListener = (written: Partial<Listener>, protocol: Protocol): Listener => ({
  protocol,
  port: 0,
  instanceProtocol: written.protocol ?? protocol,
  // Every instance of these tests overrides it.
  instancePort: 9,
  ...written,
});

const toLoadBalancer = (written: WrittenLoadBalancer): LoadBalancer => {
  const protocol = written.protocol ?? "TCP";
  return {
    name: written.name ?? "test",
    address: written.address ?? "127.0.0.1",
    listeners: (written.listeners ?? [{ port: written.port ?? 0 }]).map((listener) => toListener(listener, protocol)),
    instances: written.instances.map(toInstance),
    // Tests count the connections of their instances: none is opened ahead of demand unless a test asks for it.
    attributes: { ...defaultAttributes, minIdleConnections: 0, ...written.attributes },
  };
};

/** What stickiness cookies are made with where a test names no secret. */
const testSecret = toCookieSecret("0123456789abcdef0123456789abcdef");

/** A whole configuration from load balancers as tests write them. */
export const configurationOf = (
  loadBalancers: ReadonlyArray<WrittenLoadBalancer>,
  options: Partial<Pick<Configuration, "maxConnections" | "shutdownGrace" | "cookieSecrets" | "zone">> = {},
): Configuration => ({
  management: { address: "127.0.0.1", port: 0 },
  shutdownGrace: 30,
  cookieSecrets: [testSecret],
  ...options,
  loadBalancers: loadBalancers.map(toLoadBalancer),
});

/** elbow at work inside this process. */
export interface RunningElbow extends AsyncDisposable {
  readonly control: Control["Service"];
  /** Runs what the control layer was asked for. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>;
  readonly status: () => ReturnType<Control["Service"]["status"]>;
  /** The port of a load balancer's listener (default: the first of the first). */
  readonly port: (listener?: number, loadBalancer?: string) => number;
  readonly apply: (configuration: Configuration) => Promise<void>;
  readonly shutdown: (graceMs: number) => Promise<void>;
  /** Sums over all load balancers. */
  readonly openConnections: () => number;
  readonly outstanding: () => number;
  /** How many of the runtime's fibers have started and not ended. */
  readonly activeFibers: () => number;
  /** Ends everything; idempotent. */
  readonly stop: () => Promise<void>;
}

/** Starts elbow in this process with one load balancer, or with a whole configuration. */
export const startElbow = async (
  written: WrittenLoadBalancer | Configuration,
  options: ControlOptions = {},
): Promise<RunningElbow> => {
  let activeFibers = 0;
  const fibers = Layer.succeed(Metric.FiberRuntimeMetrics, {
    recordFiberStart: () => void activeFibers++,
    recordFiberEnd: () => void activeFibers--,
  });
  const runtime = ManagedRuntime.make(layerControl(options).pipe(Layer.provideMerge(fibers)));
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await runtime.dispose();
  };
  try {
    const control = await runtime.runPromise(Control.use((service) => Effect.succeed(service)));
    const configuration = "loadBalancers" in written ? written : configurationOf([written]);
    await runtime.runPromise(control.apply(configuration));
    const total = (count: (one: ReturnType<typeof control.status>[number]) => number) =>
      control.status().reduce((sum, one) => sum + count(one), 0);
    return {
      control,
      run: (effect) => runtime.runPromise(effect),
      status: () => control.status(),
      port: (listener = 0, loadBalancer) => {
        const found = control.status().find((one) => loadBalancer === undefined || one.name === loadBalancer);
        const port = found?.listeners[listener]?.port;
        if (port === undefined) throw new Error(`no listener ${listener} in ${JSON.stringify(control.status())}`);
        return port;
      },
      apply: (next) => runtime.runPromise(control.apply(next)),
      shutdown: (graceMs) => runtime.runPromise(control.shutdown(graceMs)),
      openConnections: () =>
        total((one) => one.listeners.reduce((sum, { openConnections }) => sum + openConnections, 0)),
      outstanding: () => total((one) => one.instances.reduce((sum, { outstanding }) => sum + outstanding, 0)),
      activeFibers: () => activeFibers,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

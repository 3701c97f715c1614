// An elbow whose one load balancer has policies of examples/policies/, named by their modules in a configuration file as a user's
// would be, in front of instances with tags.
import { join, resolve } from "node:path";
import { Effect } from "effect";
import { loadConfiguration } from "../../src/control/configuration/load.ts";
import { startElbow } from "./elbow.ts";
import { FakeInstance, type Script } from "./fake-instance.ts";
import { makeFolder } from "./folder.ts";
import { freePort } from "./port.ts";

const modules = resolve(import.meta.dir, "../../examples/policies");

/** What a test writes. */
export interface ExampleGround {
  /** Attributes by the module's name without its ending, in the order in which listeners name them. */
  readonly policies: Readonly<Record<string, object>>;
  /** The instances: what they do, and their tags. */
  readonly instances: ReadonlyArray<{ readonly script: Script; readonly tags?: Readonly<Record<string, string>> }>;
  /** What the listeners have beside ports and policies; default one HTTP listener. */
  readonly listeners?: ReadonlyArray<object>;
  readonly attributes?: object;
}

/** Starts it; files with a relative path are in `folder`. */
export const startExample = async ({
  policies,
  instances: written,
  listeners = [{ protocol: "HTTP" }],
  attributes,
}: ExampleGround) => {
  const instances = written.map(({ script }) => FakeInstance.start(script));
  const folder = makeFolder();
  const ports = listeners.map(() => freePort());
  const file = folder.write("elbow.json", {
    instances: Object.fromEntries(
      written.map(({ tags = {} }, index) => [
        `i-${index}`,
        { address: "127.0.0.1", port: instances[index]?.port, tags },
      ]),
    ),
    loadBalancers: {
      web: {
        address: "127.0.0.1",
        listeners: listeners.map((listener, index) => ({
          ...{ port: ports[index], instancePort: 80, policies: Object.keys(policies) },
          ...listener,
        })),
        instances: written.map((_, index) => `i-${index}`),
        attributes: { minIdleConnections: 0, ...attributes },
        policies: Object.fromEntries(
          Object.entries(policies).map(([name, given]) => [
            name,
            { module: join(modules, `${name}.ts`), attributes: given },
          ]),
        ),
      },
    },
  });
  const elbow = await startElbow(await Effect.runPromise(loadConfiguration(file)));
  return {
    elbow,
    instances,
    instance: instances[0] as FakeInstance,
    ports,
    port: ports[0] as number,
    folder: folder.path,
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      for (const instance of instances) instance.stop();
      folder[Symbol.dispose]();
    },
  };
};

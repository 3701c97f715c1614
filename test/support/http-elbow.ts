// An elbow with one HTTP listener, which most tests of layer 7 begin with.
import type { Attributes } from "../../src/model/attributes.ts";
import { type RunningElbow, startElbow, type WrittenLoadBalancer } from "./elbow.ts";
import { FakeInstance, type Script } from "./fake-instance.ts";

/** One HTTP listener in front of whatever is written. */
export const startHttp = (written: Omit<WrittenLoadBalancer, "protocol">): Promise<RunningElbow> =>
  startElbow({ protocol: "HTTP", ...written });

/** One HTTP listener in front of instances that behave as the scripts say, all of them stopped together. */
export const startServing = async (
  scripts: Script | readonly [Script, ...ReadonlyArray<Script>],
  attributes: Partial<Attributes> = {},
) => {
  const instances = [scripts].flat().map((script) => FakeInstance.start(script));
  const elbow = await startHttp({ instances, attributes });
  return {
    instances,
    instance: instances[0] as FakeInstance,
    elbow,
    port: elbow.port(),
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      for (const instance of instances) instance.stop();
    },
  };
};

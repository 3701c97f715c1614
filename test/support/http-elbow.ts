// An elbow with one HTTP listener and one instance, which most tests of layer 7 begin with.
import { startElbow } from "./elbow.ts";
import { FakeInstance, type Script } from "./fake-instance.ts";

/** Both, started; the instance answers as the script says. */
export const startHttp = async (script: Script) => {
  const instance = FakeInstance.start(script);
  const elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  return {
    instance,
    elbow,
    port: elbow.port(),
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      instance.stop();
    },
  };
};

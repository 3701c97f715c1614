// An HTTP instance that answers with its name, and holds back what a test wants held: the answers to /slow, and the rest of
// those to /begun.
import { FakeInstance, type Script } from "./fake-instance.ts";
import { formatResponse, header } from "./http-message.ts";
import { serveHttp } from "./scripts.ts";

/** An instance with requests in the test's hands. */
export interface HeldInstance extends Disposable {
  readonly instance: FakeInstance;
  readonly port: number;
  /** Requests that are held back now. */
  readonly held: () => number;
  /** Answers what is held back, and holds nothing more. */
  readonly release: () => void;
  /** The status of its health checks' answers. */
  checkStatus: number;
}

/** Starts an instance called `name`. */
export const startHeld = (name: string): HeldInstance => {
  const gate = Promise.withResolvers<void>();
  let held = 0;
  const hold = async () => {
    held++;
    await gate.promise;
    held--;
  };
  const script: Script = serveHttp(async (request, connection) => {
    if (header(request, "user-agent")?.startsWith("ELB-HealthChecker") === true) {
      return formatResponse("", { status: `${started.checkStatus} Whatever` });
    }
    if (request.target === "/begun") {
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
      await hold();
      return "lf";
    }
    if (request.target === "/slow") await hold();
    return formatResponse(name);
  });
  const instance = FakeInstance.start(script);
  const started: HeldInstance = {
    instance,
    port: instance.port,
    held: () => held,
    release: () => gate.resolve(),
    checkStatus: 200,
    [Symbol.dispose]: () => instance.stop(),
  };
  return started;
};

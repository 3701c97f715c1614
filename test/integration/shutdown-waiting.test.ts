// The end of the process while it waits for the first answers of health checks, at its start and in a reload: it comes at
// once, and nothing is bound any more.
import { expect, setDefaultTimeout, test } from "bun:test";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** Far below the health check's timeout. */
const soonMs = 5000;

const loadBalancerOf = (port: number, { port: instancePort }: { readonly port: number }) => ({
  address: "127.0.0.1",
  listeners: [{ protocol: "HTTP", port, instancePort }],
  instances: ["127.0.0.1"],
});

/** Its answer is waited for, for a minute. */
const slowCheckOf = ({ port }: { readonly port: number }) => ({
  healthCheck: { target: `HTTP:${port}/ping`, interval: 120, timeout: 60 },
});

const refuses = (port: number): Promise<boolean> =>
  RawClient.connect(port).then(
    (client) => {
      client.dispose();
      return false;
    },
    () => true,
  );

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s in the first round: exit code 0 soon, and no listener",
  async (signal) => {
    using silent = FakeInstance.start(silence);
    const port = freePort();
    const written = { loadBalancers: { test: { ...loadBalancerOf(port, silent), ...slowCheckOf(silent) } } };
    await using elbow = await ElbowProcess.start(written, { until: "starting" });
    await eventually(() => silent.connections.length > 0, { what: "the first check" });
    expect(await refuses(port)).toBe(true);
    elbow.signal(signal);
    expect(await elbow.exitCode(soonMs)).toBe(0);
    expect(elbow.output).not.toContain("LISTENS ON");
  },
);

test("SIGTERM while a reload waits: exit code 0 soon, and nothing of the reload came about", async () => {
  using silent = FakeInstance.start(silence);
  using old = FakeInstance.start(answerText("old"));
  const [port, other] = [freePort(), freePort()];
  const test = loadBalancerOf(port, old);
  await using elbow = await ElbowProcess.start({ loadBalancers: { test } });
  elbow.reload({
    loadBalancers: { test, more: { ...loadBalancerOf(other, silent), ...slowCheckOf(silent) } },
  });
  await eventually(() => silent.connections.length > 0, { what: "the first check" });
  using client = await RawClient.connect(port);
  expect((await exchange(client, "/")).body.toString()).toBe("old");
  expect(await refuses(other)).toBe(true);
  elbow.signal("SIGTERM");
  expect(await elbow.exitCode(soonMs)).toBe(0);
  expect(elbow.output).not.toContain("reloaded");
});

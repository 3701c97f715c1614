// Access logs of a serving process: SIGUSR1, standard output, policies' fields, and that a stop writes everything.
import { expect, setDefaultTimeout, test } from "bun:test";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { ElbowCommand } from "../support/elbow-command.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { readLine, textLines } from "../support/log-lines.ts";
import { freePort } from "../support/port.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const policy = `import { answer, definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "Teapot",
  attributes: Schema.Struct({}),
  admit: (_attributes, context) => (context.kind === "request" && context.path === "/tea" ? answer(418, "short") : undefined),
  log: (_attributes, { status }) => ({ team: "a", isTea: status === 418 }),
});
`;

test("SIGUSR1 opens the file anew, and what a policy answers and adds is logged", async () => {
  const instance = FakeInstance.start(answerText("ok"));
  const [port, managementPort] = [freePort(), freePort()];
  using folder = makeFolder({
    "policy.ts": policy,
    "elbow.json": {
      management: { port: managementPort },
      watch: false,
      loadBalancers: {
        web: {
          address: "127.0.0.1",
          listeners: [{ protocol: "HTTP", port, instancePort: 80, policies: ["teapot"] }],
          instances: [`127.0.0.1:${instance.port}`],
          policies: { teapot: { module: "./policy.ts" } },
          attributes: { accessLog: { enabled: true, file: "access.log", format: "json" } },
        },
      },
    },
  });
  const path = join(folder.path, "access.log");
  {
    await using elbow = await ElbowCommand.serving(["run", "--config", "elbow.json"], { cwd: folder.path });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    expect((await fetch(`http://127.0.0.1:${port}/tea`, { headers: { traceparent } })).status).toBe(418);
    await eventually(() => textLines(path).length === 1);
    expect(JSON.parse(textLines(path)[0] as string)).toMatchObject({
      status: 418,
      backendStatus: 0,
      sentBytes: 5,
      requestProcessingTime: -1,
      traceId: traceparent,
      fields: { team: "a", isTea: true },
    });
    renameSync(path, `${path}.1`);
    elbow.process.kill("SIGUSR1");
    await eventually(async () => {
      await fetch(`http://127.0.0.1:${port}/`);
      return textLines(path).length > 0;
    });
    const metrics = await (await fetch(`http://127.0.0.1:${managementPort}/metrics`)).text();
    expect(metrics).toContain(`elbow_access_log_dropped_total{destination="${path}"} 0\n`);
    for (let index = 0; index < 20; index++) await fetch(`http://127.0.0.1:${port}/last`);
    elbow.process.kill("SIGTERM");
    await elbow.process.exited;
  }
  expect(textLines(path).filter((line) => line.includes("/last"))).toHaveLength(20);
  instance.stop();
});

test("lines on standard output", async () => {
  const port = freePort();
  using folder = makeFolder({
    "elbow.json": {
      management: { port: freePort() },
      watch: false,
      loadBalancers: {
        web: {
          address: "127.0.0.1",
          listeners: [{ protocol: "HTTP", port, instancePort: 80 }],
          instances: [],
          attributes: { accessLog: { enabled: true, stdout: true } },
        },
      },
    },
  });
  // The lines have standard output to themselves, without the table of what listens.
  await using elbow = ElbowCommand.start(["run", "--config", "elbow.json"], { cwd: folder.path });
  await elbow.says(/serving configuration/, "stderr", 15_000);
  expect((await fetch(`http://127.0.0.1:${port}/x`)).status).toBe(503);
  const line = await eventually(() => elbow.stdout.split("\n").find((text) => text.includes(`:${port}/x `)));
  expect(readLine(line).counts).toBe("503 0 0 0");
  expect(elbow.stdout.trimEnd().split("\n").map(readLine)).toHaveLength(1);
});

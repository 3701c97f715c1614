// The secret behind stickiness cookies, from a configuration file or kept from start to start: who makes the same cookies,
// and what is said where there is no secret.
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ElbowCommand } from "../support/elbow-command.ts";
import type { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { StickyClient, startNamed } from "../support/sticky-clients.ts";

setDefaultTimeout(30_000);

const secret = "a secret that stands in a file, long enough";

/** A folder with a state directory of its own and a file whose one listener has a stickiness policy, unless it is told not to. */
const makeNode = (port: number, instances: ReadonlyArray<FakeInstance>) => {
  const folder = makeFolder();
  const management = { port: freePort() };
  const env = { STATE_DIRECTORY: join(folder.path, "state") };
  const write = (rest: object = {}, names: ReadonlyArray<string> = ["hour"]) =>
    folder.write(
      "elbow.json",
      JSON.stringify({
        management,
        ...rest,
        loadBalancers: {
          web: {
            address: "127.0.0.1",
            listeners: [{ protocol: "HTTP", port, instancePort: 9, policies: names }],
            instances: instances.map((one) => `127.0.0.1:${one.port}`),
            policies: {
              hour: { type: "LBCookieStickinessPolicyType", attributes: { CookieExpirationPeriod: "3600" } },
            },
          },
        },
      }),
    );
  return {
    write,
    secretFile: join(env.STATE_DIRECTORY, "cookie-secret"),
    serve: () => ElbowCommand.serving(["run", "--config", "elbow.json"], { cwd: folder.path, env }),
    run: (command: string) => ElbowCommand.run([command, "--config", "elbow.json"], { cwd: folder.path, env }),
    env,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
};

test("it is made at the first start that needs one, and a restart keeps it", async () => {
  using a = startNamed("a");
  using b = startNamed("b");
  using c = startNamed("c");
  const port = freePort();
  using node = makeNode(port, [a, b, c]);
  const client = new StickyClient(port);
  node.write({}, []);
  {
    await using elbow = await node.serve();
    await client.visit();
    expect(client.value).toBe("");
    expect(existsSync(node.secretFile)).toBe(false);
    node.write();
    expect((await node.run("check")).exitCode).toBe(0);
    expect(existsSync(node.secretFile)).toBe(false);
    elbow.process.kill("SIGHUP");
    await elbow.says(/: reloaded /, "stdout");
    expect(statSync(node.secretFile).mode & 0o777).toBe(0o600);
    await client.visit();
  }
  const kept = readFileSync(node.secretFile, "utf8");
  const { value } = client;
  expect(value).toMatch(/^[0-9A-F]{138}$/);
  await using elbow = await node.serve();
  expect(await client.visits()).toMatch(/^[abc]$/);
  expect(client.value).toBe(value);
  expect(readFileSync(node.secretFile, "utf8")).toBe(kept);
  expect(elbow.all).not.toContain(kept.trim());
});

test("one that can't be used refuses the start, and a reload; a secret in the file needs none", async () => {
  using a = startNamed("a");
  const port = freePort();
  using node = makeNode(port, [a]);
  node.write({}, []);
  await using elbow = await node.serve();
  // The directory is there once something is kept.
  node.write();
  elbow.process.kill("SIGHUP");
  await elbow.says(/: reloaded /, "stdout");
  const { value } = await signIn(port);
  chmodSync(node.secretFile, 0o644);
  elbow.process.kill("SIGHUP");
  const words = `elbow: a stickiness policy needs a secret: the cookie secret ${node.secretFile}: other users may read it (chmod 600 would end that); or write one as \`cookieSecret\`\n`;
  await elbow.says(/chmod 600/);
  expect(elbow.stderr).toEndWith(
    `elbow: reload refused, everything stays as it was cause=SIGHUP\n  ${words.replace("elbow: ", "")}`,
  );
  expect((await signIn(port)).value.length).toBe(value.length);
  expect(await node.run("run")).toEqual({ exitCode: 1, stdout: "", stderr: words });

  writeFileSync(node.secretFile, "short\n");
  chmodSync(node.secretFile, 0o600);
  const refused = await node.run("run");
  expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toContain(`${node.secretFile}: a line of it has fewer than 32 characters`);
  expect(refused.stderr).not.toContain("short");

  node.write({ cookieSecret: secret });
  elbow.process.kill("SIGHUP");
  await elbow.says(/: reloaded [\s\S]+: reloaded /, "stdout");
  expect((await signIn(port)).value).not.toBe(value);
  expect(readFileSync(node.secretFile, "utf8")).toBe("short\n");
});

const signIn = async (port: number): Promise<StickyClient> => {
  const client = new StickyClient(port);
  await client.visit();
  return client;
};

test("two processes with one secret, one of them with a newer one in front, know each other's cookies", async () => {
  using a = startNamed("a");
  using b = startNamed("b");
  using c = startNamed("c");
  const [port, otherPort] = [freePort(), freePort()];
  using one = makeNode(port, [a, b, c]);
  using other = makeNode(otherPort, [a, b, c]);
  one.write({ cookieSecret: secret });
  other.write({ cookieSecret: ["a newer secret, for both of them in the end", secret] });
  await using first = await one.serve();
  await using second = await other.serve();
  const client = await signIn(port);
  const { value } = client;
  const name = await client.visit();
  client.port = otherPort;
  expect([await client.visits(6), client.value]).toEqual([name, value]);
  const stranger = await signIn(otherPort);
  stranger.port = port;
  const theirs = stranger.value;
  await stranger.visit();
  expect(stranger.value).not.toBe(theirs);
  expect(existsSync(one.env.STATE_DIRECTORY)).toBe(false);
  expect(first.all + second.all).not.toContain("secret");
  const management = await fetch(`http://127.0.0.1:${first.ports.at(-1)}/api/v1/load-balancers`);
  expect(await management.text()).not.toContain(secret);
});

// What commands make of an answer that isn't what they asked for: another program's, one without an end, one that breaks
// lines. A scripted server stands in for elbow; how it is found is management-client.test.ts's.
import { expect, setDefaultTimeout, test } from "bun:test";
import { ElbowCommand } from "../support/elbow-command.ts";
import { type Folder, makeFolder } from "../support/folder.ts";
import { answer, serveManagement } from "../support/scripted-management.ts";

setDefaultTimeout(30_000);

const status = (folder: Folder, args: ReadonlyArray<string>) =>
  ElbowCommand.run(["status", "--json", ...args], { cwd: folder.path });

const change = (override?: "drained") => ({
  instances: [
    {
      ...{ id: "i-web1", address: "127.0.0.1", port: 80, phase: "inService", state: "InService" },
      ...{ reasonCode: "N/A", description: "N/A", openConnections: 0, outstanding: 0 },
      ...(override === undefined ? {} : { override }),
    },
  ],
});
const everywhere = (override?: "drained") => ({ loadBalancers: [{ name: "web", ...change(override) }] });

test.each<readonly [string, ReadonlyArray<string>, object, number]>([
  ["JSON of something else", ["drain", "i-web1"], { hello: 1 }, 69],
  ["no load balancer", ["drain", "i-web1"], { loadBalancers: [] }, 69],
  ["another instance", ["drain", "i-web2"], everywhere("drained"), 69],
  ["an instance that isn't drained", ["drain", "i-web1"], everywhere(), 69],
  ["one that is", ["drain", "i-web1"], everywhere("drained"), 0],
  ["one of one load balancer", ["drain", "i-web1", "--load-balancer", "web"], change("drained"), 0],
  ["one of one load balancer that isn't", ["drain", "i-web1", "--load-balancer", "web"], change(), 69],
  ["one that still is", ["undrain", "i-web1"], everywhere("drained"), 69],
  ["one that isn't any more", ["undrain", "i-web1"], everywhere(), 0],
])("%s, answered to %p", async (_name, args, body, code) => {
  using server = serveManagement({ fetch: () => Response.json(body) });
  using folder = makeFolder();
  const place = `http://127.0.0.1:${server.port}`;
  const { exitCode, stdout, stderr } = await ElbowCommand.run([...args, "--json", "--management", place], {
    cwd: folder.path,
  });
  expect(exitCode).toBe(code);
  if (code === 0) return expect([stderr, JSON.parse(stdout)]).toEqual(["", body]);
  const words = `its answer doesn't show that ${args[1]} was ${args[0]}ed; elbow status tells`;
  expect([stdout, stderr]).toEqual(["", `elbow: ${place}: ${words}\n`]);
});

test("--wait: an instance that isn't drained any more isn't waited for", async () => {
  const answers = [everywhere("drained"), { ...answer, loadBalancers: [{ name: "web", listeners: [], ...change() }] }];
  using server = serveManagement({ fetch: () => Response.json(answers.shift() ?? {}) });
  using folder = makeFolder();
  const args = ["drain", "i-web1", "--wait", "--management", `http://127.0.0.1:${server.port}`];
  const { exitCode, stdout, stderr } = await ElbowCommand.run(args, { cwd: folder.path });
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toBe("elbow: i-web1 isn't drained any more: somebody has undrained it, or elbow was started anew\n");
});

test("status --json, too, is the status of an elbow or a failure", async () => {
  using server = serveManagement({ fetch: () => Response.json({ hello: 1 }) });
  using folder = makeFolder();
  const { exitCode, stdout, stderr } = await status(folder, ["--management", `http://127.0.0.1:${server.port}`]);
  expect([exitCode, stdout]).toEqual([69, ""]);
  expect(stderr).toMatch(/its status isn't one that elbow \S+ understands/);
});

test("an answer without an end is left", async () => {
  const block = new Uint8Array(1_048_576);
  let blocks = 0;
  const pull = (controller: ReadableStreamDefaultController): void => {
    // An end all the same, so that a client that reads everything fails this test and nothing else.
    if (++blocks > 200) controller.close();
    else controller.enqueue(block);
  };
  using server = serveManagement({ fetch: () => new Response(new ReadableStream({ pull })) });
  using folder = makeFolder();
  const { exitCode, stderr } = await status(folder, ["--management", `http://127.0.0.1:${server.port}`]);
  expect([exitCode, stderr]).toEqual([69, expect.stringMatching(/its answer is longer than any of elbow \S+\n$/)]);
  expect(blocks).toBeLessThan(200);
});

test("what breaks lines in a refusal breaks none on the terminal", async () => {
  const fetch = () => Response.json({ detail: "one\ntwo", problems: ["three\r\nfour"] }, { status: 422 });
  using server = serveManagement({ fetch });
  using folder = makeFolder();
  const { exitCode, stderr } = await ElbowCommand.run(["reload", "--management", `http://127.0.0.1:${server.port}`], {
    cwd: folder.path,
  });
  expect([exitCode, stderr]).toEqual([1, "elbow: reload refused, everything stays as it was\nthree four\n"]);
});

const problem = (code: number, detail: string) => () =>
  Response.json({ type: "about:blank", title: "", status: code, detail }, { status: code });

test.each([
  ["a page", () => new Response("<html>"), 69, /something answers there, with status 200, that is no elbow/],
  ["other JSON", () => Response.json({ hello: 1 }), 69, /its status isn't one that elbow \S+ understands/],
  ["an empty 404", () => new Response("", { status: 404 }), 69, /with status 404, that is no elbow/],
  ["a redirect", () => Response.redirect("http://192.0.2.1/"), 69, /with status 302, that is no elbow/],
  ["401", problem(401, "no"), 1, /it wants a token \(ELBOW_TOKEN or --token-file has the one to show\)/],
  ["403", problem(403, "The Host header is odd."), 1, /The Host header is odd\./],
])("%s is one line and its exit code", async (_name, fetch, code, words) => {
  using server = serveManagement({ fetch });
  using folder = makeFolder();
  const { exitCode, stdout, stderr } = await ElbowCommand.run(
    ["status", "--management", `http://127.0.0.1:${server.port}`],
    { cwd: folder.path },
  );
  expect([exitCode, stdout]).toEqual([code, ""]);
  expect(stderr).toMatch(/^elbow: http:\/\/127\.0\.0\.1:\d+: [^\n]+\n$/);
  expect(stderr).toMatch(words);
});

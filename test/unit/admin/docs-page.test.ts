// The page at /docs: one file that loads nothing, a policy that lets nothing else run, and its script at work in a stand-in for
// a browser's document: everything documented is shown, and a request that is tried is sent as it should be.

import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { makeAdminApp } from "../../../src/admin/app.ts";
import { docsPage } from "../../../src/admin/docs-page.ts";
import { operations } from "../../../src/admin/operations.ts";
import { adminSources, askAdmin } from "../../support/admin.ts";
import { type PageElement, runPage } from "../../support/page-document.ts";

const app = makeAdminApp(adminSources());
const fetchPage = () => askAdmin(app, "/docs");

test("its policy allows its own script and style, and nothing from anywhere else", async () => {
  const response = await fetchPage();
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const policy = response.headers.get("content-security-policy") ?? "";
  const page = await response.text();
  const hashes = [...page.matchAll(/<(?:script|style)>([\s\S]*?)<\/(?:script|style)>/g)].map(
    ([, text = ""]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
  );
  expect(hashes.length).toBe(2);
  for (const hash of hashes) expect(policy).toContain(hash);
  expect(policy).toStartWith("default-src 'none'; ");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  expect([...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, target]) => target)).toEqual([
    "data:,",
    "/openapi.json",
  ]);
  expect(page).not.toMatch(/\son\w+=|style="/);
});

test("no text of the document ends the script that it stands in", () => {
  const page = docsPage({ openapi: "3.1.1", info: "</script><script>alert(1)</script>" });
  expect(page).not.toContain("alert(1)</script><");
  expect([...page.matchAll(/<\/script>/g)].length).toBe(2);
});

test("it shows every operation and every schema", async () => {
  const { main } = runPage(await (await fetchPage()).text(), async () => new Response());
  expect(
    main
      .all("operation")
      .map(({ id }) => id)
      .sort(),
  ).toEqual(operations.map(({ id }) => id).sort());
  const schemas = main.all("schema").map(({ id }) => id);
  for (const name of ["Status", "LoadBalancer", "Instance", "Listener", "Problem", "Event", "Register"]) {
    expect(schemas).toContain(`schema-${name}`);
  }
  const text = main.text;
  for (const { path, summary } of operations) {
    expect(text).toContain(path);
    expect(text).toContain(summary);
  }
});

test("a request that is tried is sent with token, filled path and body, and its answer shown", async () => {
  const sent: Array<readonly [string, RequestInit]> = [];
  const { main, token } = runPage(await (await fetchPage()).text(), async (path, init) => {
    sent.push([path, init]);
    return Response.json({ instances: ["<b>"] });
  });
  const operation = main.all("operation").find(({ id }) => id === "registerInstances") as PageElement;
  const input = operation.find("input");
  input.value = "we/b";
  token.value = " secret ";
  const form = operation.find("form");
  expect(JSON.parse(operation.find("textarea").value)).toEqual({ instances: ["10.0.0.5:80"] });
  form.dispatch("submit");
  const output = operation.find("pre");
  for (let turn = 0; turn < 50 && !output.textContent.includes("}"); turn++) await Bun.sleep(1);
  expect(sent).toEqual([
    [
      "/api/v1/load-balancers/we%2Fb/instances",
      expect.objectContaining({
        method: "POST",
        headers: { authorization: "Bearer secret", "content-type": "application/json" },
      }),
    ],
  ]);
  expect(output.textContent).toContain('"<b>"');
  expect(output.textContent).toStartWith("200");
});

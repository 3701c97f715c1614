// The OpenAPI document: its structure, and that it and the app have the same operations.
import { expect, test } from "bun:test";
import { makeAdminApp } from "../../../src/admin/app.ts";
import { operations } from "../../../src/admin/operations.ts";
import { adminSources, askAdmin } from "../../support/admin.ts";
import type { OpenApi } from "../../support/json-schema.ts";

const app = makeAdminApp(adminSources());
const read = async (): Promise<OpenApi> => (await askAdmin(app, "/openapi.json")).json() as Promise<OpenApi>;

test("it is OpenAPI 3.1 of this version, and every reference leads somewhere", async () => {
  const api = await read();
  expect(api.openapi).toMatch(/^3\.1\.\d+$/);
  expect(api.info.version).toBe("1.2.3");
  const text = JSON.stringify(api);
  const refs = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, ref]) => ref ?? "");
  expect(refs.length).toBeGreaterThan(30);
  for (const ref of refs) {
    expect(ref).toStartWith("#/components/schemas/");
    expect(Object.keys(api.components.schemas)).toContain(ref.slice("#/components/schemas/".length));
  }
  expect(text).not.toContain("$defs");
  for (const name of Object.keys(api.components.schemas)) expect(name).toMatch(/^[A-Za-z0-9._-]+$/);
});

test("operations have ids of their own, parameters for each brace, and an answer and refusals with shapes", async () => {
  const { paths } = await read();
  const all = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
  expect(all.map(({ operation }) => operation.operationId).sort()).toEqual(operations.map(({ id }) => id).sort());
  for (const { path, method, operation } of all) {
    const braces = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
    expect((operation.parameters ?? []).map(({ name }) => name)).toEqual(braces);
    for (const parameter of operation.parameters ?? []) expect(parameter).toMatchObject({ in: "path", required: true });
    expect(operation.responses["200"]).toBeDefined();
    for (const [status, { description, content }] of Object.entries(operation.responses)) {
      expect(description).not.toBe("");
      const [type] = Object.keys(content);
      if (Number(status) >= 400 && path !== "/healthz") expect(type).toBe("application/problem+json");
    }
    expect(operation.requestBody !== undefined).toBe(method === "post" && path.endsWith("/instances"));
  }
});

test("what is documented is answered, and nothing else is", async () => {
  const { paths } = await read();
  for (const [path, item] of Object.entries(paths)) {
    const real = path.replaceAll(/\{\w+\}/g, "x");
    for (const method of ["get", "post", "put", "patch", "delete"]) {
      const response = await askAdmin(app, real, { method: method.toUpperCase() });
      const isThere = Object.hasOwn(item, method);
      expect(`${method} ${path}: ${response.status === 405 ? "no" : "yes"}`).toBe(
        `${method} ${path}: ${isThere ? "yes" : "no"}`,
      );
      await response.body?.cancel();
    }
  }
});

test("an operation is documented with what it may be refused with, and with nothing else", async () => {
  const { paths } = await read();
  const statuses = (method: string, path: string) => Object.keys(paths[path]?.[method]?.responses ?? {}).map(Number);
  expect(statuses("get", "/docs")).toEqual([200, 403, 500]);
  const instances = "/api/v1/load-balancers/{name}/instances";
  expect(statuses("get", instances)).not.toContain(503);
  for (const [method, path] of [
    ["post", instances],
    ["delete", `${instances}/{id}`],
    ["post", `${instances}/{id}/drain`],
    ["post", "/api/v1/instances/{id}/undrain"],
  ] as const) {
    expect(statuses(method, path)).toContain(503);
  }
});

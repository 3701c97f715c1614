// The management app without a socket, over sources that a test can look into.
import { Effect } from "effect";
import { type AdminApp, type AdminBindings, type AdminSources, makeAdminApp } from "../../src/admin/app.ts";

/** Sources of an elbow that serves nothing. */
export const adminSources = (overrides: Partial<AdminSources> = {}): AdminSources => ({
  version: "1.2.3",
  startedAt: "2026-01-02T03:04:05.000Z",
  source: "a test",
  readiness: () => "serving",
  metrics: () => [{ name: "m", help: "h", type: "counter", samples: [{ labels: {}, value: 7 }] }],
  control: {
    status: () => [],
    register: () => Effect.void,
    deregister: () => Effect.void,
    drain: () => Effect.void,
    undrain: () => Effect.void,
  },
  reload: () => Promise.resolve(undefined),
  lastReload: () => undefined,
  ...overrides,
});

/** Asks an app as a server would: with a Host of loopback unless the test says otherwise. */
export const askAdmin = async (
  app: AdminApp,
  path: string,
  init: RequestInit = {},
  bindings: AdminBindings = {},
): Promise<Response> =>
  app.fetch(
    new Request(`http://localhost:9090${path}`, {
      ...init,
      headers: { host: "localhost:9090", ...(init.headers as Record<string, string>) },
    }),
    bindings,
  );

/** Makes an app and asks it once. */
export const askOnce = (path: string, init: RequestInit = {}, overrides: Partial<AdminSources> = {}) =>
  askAdmin(makeAdminApp(adminSources(overrides)), path, init);

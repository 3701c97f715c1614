// The page at /docs in a real browser, where this machine has one: its policy lets its script run, and everything is shown.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Effect, Exit, Scope } from "effect";
import { operations } from "../../src/admin/operations.ts";
import { openAdminServer } from "../../src/admin/server.ts";
import { adminSources } from "../support/admin.ts";
import { makeFolder } from "../support/folder.ts";

setDefaultTimeout(60_000);

const browser = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
  .map((name) => Bun.which(name))
  .find((path) => path !== null);

test.skipIf(browser === undefined)("a browser shows every operation (skipped without Chromium or Chrome)", async () => {
  using folder = makeFolder();
  const scope = Effect.runSync(Scope.make());
  try {
    const server = await Effect.runPromise(
      openAdminServer(adminSources(), { address: "127.0.0.1", port: 0 }).pipe(Scope.provide(scope)),
    );
    const child = Bun.spawn(
      [
        browser as string,
        ...["--headless", "--disable-gpu", "--no-sandbox", "--no-first-run", `--user-data-dir=${folder.path}`],
        ...["--virtual-time-budget=5000", "--dump-dom", `http://127.0.0.1:${server.place().port}/docs`],
      ],
      { stdout: "pipe", stderr: "ignore", timeout: 45_000 },
    );
    const page = await new Response(child.stdout).text();
    for (const { id, summary } of operations) {
      expect(page).toContain(`id="${id}" class="operation"`);
      expect(page).toContain(summary);
    }
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void));
  }
});

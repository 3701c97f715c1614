// The page at /docs in a real browser, where this machine has one: its policy lets its script run, and everything is shown.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Effect, Exit, Scope } from "effect";
import { docsPage } from "../../src/admin/docs-page.ts";
import { makeOpenApi } from "../../src/admin/openapi.ts";
import { operations } from "../../src/admin/operations.ts";
import { openAdminServer } from "../../src/admin/server.ts";
import { adminSources } from "../support/admin.ts";
import { makeFolder } from "../support/folder.ts";

setDefaultTimeout(60_000);

/** A page that shows another in a frame of a telephone's width, everything opened, and writes down how wide that has become. */
const frame = `<iframe id="frame" src="/docs" style="width:360px;height:600px;border:0"></iframe><p id="said"></p><script>
frame.onload = () => {
  const page = frame.contentDocument;
  for (const one of page.querySelectorAll("details")) one.open = true;
  said.textContent = "width " + page.documentElement.scrollWidth;
};
</script>`;

const browser = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
  .map((name) => Bun.which(name))
  .find((path) => path !== null);

/** What a page has become in a browser. */
const showIn = async (browser: string, folder: string, url: string): Promise<string> => {
  const child = Bun.spawn(
    [
      browser,
      ...["--headless", "--disable-gpu", "--no-sandbox", "--no-first-run", `--user-data-dir=${folder}`],
      ...["--virtual-time-budget=5000", "--dump-dom", url],
    ],
    { stdout: "pipe", stderr: "ignore", timeout: 45_000 },
  );
  return new Response(child.stdout).text();
};

test.skipIf(browser === undefined)("a browser shows every operation (skipped without Chromium or Chrome)", async () => {
  using folder = makeFolder();
  const scope = Effect.runSync(Scope.make());
  try {
    const server = await Effect.runPromise(
      openAdminServer(adminSources(), { address: "127.0.0.1", port: 0 }).pipe(Scope.provide(scope)),
    );
    const page = await showIn(browser as string, folder.path, `http://127.0.0.1:${server.place().port}/docs`);
    for (const { id, summary } of operations) {
      expect(page).toContain(`id="${id}" class="operation"`);
      expect(page).toContain(summary);
    }
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void));
  }
});

test.skipIf(browser === undefined)(
  "on 360 pixels nothing scrolls sideways (skipped without Chromium or Chrome)",
  async () => {
    using folder = makeFolder();
    const page = docsPage(makeOpenApi(operations, "1.2.3"));
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: ({ url }) =>
        new Response(new URL(url).pathname === "/docs" ? page : frame, { headers: { "content-type": "text/html" } }),
    });
    try {
      const width = /width (\d+)/.exec(await showIn(browser as string, folder.path, server.url.href))?.[1];
      expect(Number(width)).toBeGreaterThan(300);
      expect(Number(width)).toBeLessThanOrEqual(360);
    } finally {
      await server.stop(true);
    }
  },
);

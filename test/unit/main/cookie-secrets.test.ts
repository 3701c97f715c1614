// Who is asked for a cookie secret, and when.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { withCookieSecrets } from "../../../src/main/cookie-secrets.ts";
import { toCookieSecret } from "../../../src/model/cookie-secret.ts";
import { configurationOf } from "../../support/elbow.ts";
import { makeFolder } from "../../support/folder.ts";
import { byDuration } from "../../support/sticky-clients.ts";

const own = [toCookieSecret("a secret of the configuration's own")];
const withListener = (listener: object, secrets?: typeof own) => {
  const { cookieSecrets: _, ...rest } = configurationOf([{ protocol: "HTTP", listeners: [listener], instances: [] }]);
  return secrets === undefined ? rest : { ...rest, cookieSecrets: secrets };
};

test("none is made where nobody needs it, or there is one", async () => {
  using folder = makeFolder();
  const environment = { STATE_DIRECTORY: join(folder.path, "state") };
  for (const configuration of [withListener({}), withListener({ stickiness: byDuration() }, own)]) {
    expect(await Effect.runPromise(withCookieSecrets(configuration, environment))).toBe(configuration);
  }
  expect(existsSync(environment.STATE_DIRECTORY)).toBe(false);
});

test("it is the same at every start", async () => {
  using folder = makeFolder();
  const environment = { STATE_DIRECTORY: join(folder.path, "state") };
  const ask = () => Effect.runPromise(withCookieSecrets(withListener({ stickiness: byDuration() }), environment));
  const { cookieSecrets = [] } = await ask();
  expect(cookieSecrets.map(({ length }) => length)).toEqual([44]);
  expect((await ask()).cookieSecrets).toEqual(cookieSecrets);
});

test("where none can be kept, it is told what else could be done", async () => {
  const asked = withCookieSecrets(withListener({ stickiness: byDuration() }), { STATE_DIRECTORY: "state" });
  expect(await Effect.runPromise(Effect.flip(asked))).toMatchObject({
    text: "elbow: a stickiness policy needs a secret: the state directory state: it must be an absolute path; name another with STATE_DIRECTORY; or write one as `cookieSecret`",
    exitCode: 1,
  });
});

// The work of `elbow policy new`: a commented policy to start from, in the folder `policies` of the working directory. It never
// overwrites a file.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { Effect } from "effect";
import { CommandFailure, makeUsageFailure } from "./command-failure.ts";
import starter from "./policy-starter.txt" with { type: "text" };
import { spellSystemError } from "./system-error.ts";

const folder = "policies";

/** Whether a text may name a policy and its file. */
const isName = (name: string): boolean => /^[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?$/.test(name);

/** Writes a policy of this name, or prints it; fails with exit code 1 where its file is there or can't be made. */
export const writePolicy = Effect.fnUntraced(function* (
  name: string,
  { isPrinted, isJson }: { readonly isPrinted: boolean; readonly isJson: boolean },
): Effect.fn.Return<void, CommandFailure> {
  if (!isName(name)) {
    return yield* makeUsageFailure(
      `${JSON.stringify(name)} is not a policy name (expected 1 to 64 letters, digits and hyphens, such as geo-block)`,
    );
  }
  const text = starter.replaceAll("{NAME}", name);
  const file = `${folder}/${name}.ts`;
  const use = { policies: { [name]: { module: `./${file}`, attributes: { text: "hello" } } } };
  if (isPrinted) {
    process.stdout.write(isJson ? `${JSON.stringify({ written: [], text, use }, null, 2)}\n` : text);
    return;
  }
  const refuse = (problem: string) => new CommandFailure({ text: `elbow: ${file} ${problem}`, exitCode: 1 });
  if (existsSync(file)) return yield* refuse("is there already, and stays as it is");
  try {
    mkdirSync(folder, { recursive: true });
    // `wx`: what somebody else has made since isn't overwritten either.
    writeFileSync(file, text, { flag: "wx" });
  } catch (error) {
    return yield* refuse(`can't be written: ${spellSystemError(error as NodeJS.ErrnoException)}`);
  }
  process.stdout.write(
    isJson
      ? `${JSON.stringify({ written: [file], use }, null, 2)}\n`
      : [
          `wrote ${file}`,
          "",
          "Name it in a load balancer of your configuration, and then in a listener:",
          "",
          `  policies: { "${name}": { module: "./${file}", attributes: { text: "hello" } } },`,
          `  listeners: [{ protocol: "HTTP", port: 8080, instancePort: 80, policies: ["${name}"] }],`,
          "",
          `Then \`elbow check\`; \`elbow policy check ${file}\` looks at the policy alone.`,
          "",
        ].join("\n"),
  );
});

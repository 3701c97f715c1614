/**
 * The text of `elbow.d.ts`: the types of the module `elbow` for editors, where neither elbow's sources nor Effect are.
 * Printed by `elbow policy types`; owns how its parts are put together. The contract comes from editor-contract.txt, and
 * the configuration is spelled from the Schema that this very program checks files with.
 * Never read by elbow itself.
 */
import { WrittenConfiguration } from "../model/configuration.ts";
import contract from "./editor-contract.txt" with { type: "text" };
import { version } from "./version.ts";
import { spellWrittenType } from "./written-type.ts";

const header = `// The types of the module "elbow", for editors and tsc: put this file beside your configuration and policies.
// Made by \`elbow policy types\`, elbow ${version}; make it anew after an update. At run time elbow brings the module itself.
`;

/** Where a module of Node's has no types, its exports may be anything; an installed package of types goes before this, and beside `process`. */
const builtins = `declare module "node:*";

declare namespace NodeJS {
  interface ProcessEnv {
    [name: string]: string | undefined;
  }
  interface Process {
    env: ProcessEnv;
  }
}

/** As much of it as configurations ask for; a package of types adds the rest. */
declare var process: NodeJS.Process;
`;

/** The text of a declaration file for the module `elbow`, with all that it names. */
export const editorTypes = (): string => {
  const configuration = `  type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json };

  /** What \`defineConfig\` accepts: the shape that people write, before defaults and rules. */
  export type WrittenConfiguration = ${spellWrittenType(WrittenConfiguration, "  ")};
`;
  return `${header}\n${builtins}\ndeclare module "elbow" {\n${contract}\n${configuration}\n  export {};\n}\n`;
};

// `bun run build`: makes dist/elbow, one file that needs neither Bun nor node_modules. A script of its own, outside every
// path of the running program; it owns how the binary is made. It never installs or downloads anything.

import { mkdirSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Compiles the command line into one executable; rejects with the bundler's messages when that fails. */
export const buildBinary = async (outfile: string): Promise<void> => {
  mkdirSync(dirname(outfile), { recursive: true });
  await Bun.build({
    entrypoints: [resolve(root, "src/main.ts")],
    target: "bun",
    format: "esm",
    minify: true,
    // Bytecode halves the time to the first listener; source maps cost nothing until a stack trace is printed.
    bytecode: true,
    sourcemap: "inline",
    compile: {
      outfile,
      // A server must not run a preload or take secrets from whatever directory it happens to be started in.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadTsconfig: false,
      // Read where a user's module imports a package from the node_modules beside it: most say in it where their code is.
      autoloadPackageJson: true,
    },
  });
  // Bun writes the source map beside the binary as well as into it.
  rmSync(`${outfile}.map`, { force: true });
};

if (import.meta.main) {
  const outfile = resolve(process.argv[2] ?? resolve(root, "dist/elbow"));
  await buildBinary(outfile);
  process.stdout.write(`${outfile} (${Math.round(statSync(outfile).size / 1e6)} MB)\n`);
}

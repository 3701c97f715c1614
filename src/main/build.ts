// `bun run build`: makes dist/elbow, one file that needs neither Bun nor node_modules. A script of its own, outside every
// path of the running program; it owns how the binary is made. It never installs or downloads anything.

import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Compiles the command line into one executable; rejects with the bundler's messages when that fails. */
const buildBinary = async (outfile: string): Promise<void> => {
  mkdirSync(dirname(outfile), { recursive: true });
  // Bun writes source maps beside the binary as well as into it.
  const folder = mkdtempSync(join(dirname(outfile), ".build-"));
  try {
    await compile(join(folder, "elbow"));
    renameSync(join(folder, "elbow"), outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const compile = async (outfile: string): Promise<void> => {
  await Bun.build({
    entrypoints: [resolve(root, "src/main.ts")],
    target: "bun",
    format: "esm",
    minify: true,
    // Bytecode halves the time to the first listener; source maps cost nothing until a stack trace is printed.
    bytecode: true,
    // What few need, such as the help of another command or the library of certificates, is read only when it is loaded.
    splitting: true,
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
};

if (import.meta.main) {
  const outfile = resolve(process.argv[2] ?? resolve(root, "dist/elbow"));
  await buildBinary(outfile);
  process.stdout.write(`${outfile} (${Math.round(statSync(outfile).size / 1e6)} MB)\n`);
}

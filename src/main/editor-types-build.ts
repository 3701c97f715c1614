/**
 * Writes editor-contract.txt: what `elbow` exports, as one ambient module that needs nothing but itself.
 * A script of its own, run after a change of src/policy/ (`bun run src/main/editor-types-build.ts`); a test tells when it
 * was forgotten. Owns how the declarations that tsc emits become one text.
 * Never types the configuration: editor-types.ts spells that from its Schema, in the running program.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = resolve(root, "src/main/editor-contract.txt");

/** Made elsewhere: `Schema` is declared by hand, the configuration spelled from its Schema. */
const foreignNames = ["Schema", "WrittenConfiguration"];

/** A declaration of one name, with the comment above it. */
interface Declaration {
  readonly name: string;
  readonly text: string;
}

/** What tsc says that the policy contract and the files under it declare, in the order of the files. */
const emitDeclarations = (): { readonly index: string; readonly files: ReadonlyArray<string> } => {
  const folder = mkdtempSync(join(tmpdir(), "elbow-types-"));
  try {
    const options = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        ...{ noEmit: false, noCheck: true, declaration: true, emitDeclarationOnly: true, paths: {} },
        ...{ outDir: folder, rootDir: join(root, "src"), typeRoots: [join(root, "node_modules")] },
      },
      include: [],
      files: [join(root, "src/policy/index.ts")],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
    const tsc = Bun.spawnSync([process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
    if (tsc.exitCode !== 0) throw new Error(`tsc failed:\n${tsc.stdout}${tsc.stderr}`);
    const paths = [...new Bun.Glob("**/*.d.ts").scanSync(folder)].sort();
    const read = (path: string) => readFileSync(join(folder, path), "utf8");
    return { index: read("policy/index.d.ts"), files: paths.map(read) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const declarationStart =
  /^(?:export )?(?:declare )?(?:const|let|function|class|abstract class|interface|type|namespace) ([\w$]+)/;

/** The declarations of an emitted file; imports, exports and the comment that heads the file are left out. */
const splitDeclarations = (file: string): ReadonlyArray<Declaration> => {
  // A statement begins where a line does, and ends before the next; a comment belongs to what it touches.
  const pieces = file.split(/^(?=\/\*\*|export |declare |import |type |interface )/m);
  return pieces.flatMap((piece, index) => {
    const [, name] = declarationStart.exec(piece) ?? [];
    if (name === undefined) return [];
    const above = pieces[index - 1] ?? "";
    return [{ name, text: `${above.startsWith("/**") ? above : ""}${piece}` }];
  });
};

const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\//g, "");

/** The names that a file exports, its own declarations and those of others. */
const exportedNames = (index: string): ReadonlySet<string> => {
  const lists = [...index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = ""]) => list.split(","));
  const named = lists.map((one) => one.replace(/^\s*type\s/, "").trim()).filter((name) => name !== "");
  return new Set([...named, ...splitDeclarations(index).map(({ name }) => name)]);
};

/** Those declarations that are exported, and those that they speak of, in their order. */
const selectDeclarations = (all: ReadonlyArray<Declaration>, exported: ReadonlySet<string>) => {
  const wanted = new Set([...exported].filter((name) => !foreignNames.includes(name)));
  for (const name of wanted) {
    for (const { text } of all.filter((one) => one.name === name)) {
      const words = new Set(withoutComments(text).match(/[\w$]+/g));
      for (const other of all) {
        if (words.has(other.name) && !foreignNames.includes(other.name)) wanted.add(other.name);
      }
    }
  }
  // A Schema that has the name of its type is no part of the contract.
  return all.filter(({ name, text }) => wanted.has(name) && !/^(?:export )?declare const .*: Schema\./m.test(text));
};

const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ");

const toMember = ({ name, text }: Declaration, exported: ReadonlySet<string>): string => {
  const bare = text
    .replaceAll(/^(?:export )?(?:declare )?(?=[a-z])/gm, "")
    .replaceAll(/^(?: {4})+/gm, (margin) => margin.slice(margin.length / 2));
  const start = /^(?=(?:const|let|function|class|abstract class|interface|type|namespace) )/m;
  return indent(exported.has(name) ? bare.replace(start, "export ") : bare);
};

/** The text of editor-contract.txt as the sources are now; throws when tsc fails; their types are checked elsewhere. */
export const buildContract = (): string => {
  const { index, files } = emitDeclarations();
  const exported = exportedNames(index);
  const selected = selectDeclarations(files.flatMap(splitDeclarations), exported);
  const schema = readFileSync(join(root, "src/main/editor-schema.d.ts"), "utf8");
  const schemaMember = splitDeclarations(schema)
    .map(({ text }) => indent(text.replace("export declare", "export")))
    .join("");
  return `${selected.map((one) => toMember(one, exported)).join("\n")}\n${schemaMember}`;
};

if (import.meta.main) {
  writeFileSync(target, buildContract());
  process.stdout.write(`${target}\n`);
}

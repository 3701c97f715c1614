// A folder of a test's own under the system's temporary directory, filled with files, gone when the test is.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A temporary folder. */
export interface Folder extends Disposable {
  readonly path: string;
  /** Writes a file and returns its absolute path; an object is written as JSON. */
  readonly write: (name: string, content: string | object) => string;
}

/** Makes a folder with these files in it. */
export const makeFolder = (files: Readonly<Record<string, string | object>> = {}): Folder => {
  // Not a hyphen at the end: what is random behind it may then look like the beginning of a key, which messages leave out.
  const path = mkdtempSync(join(tmpdir(), "elbow-test0"));
  const write = (name: string, content: string | object): string => {
    const file = join(path, name);
    // Whatever the umask: what others may write is refused in places.
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content), { mode: 0o644 });
    return file;
  };
  for (const [name, content] of Object.entries(files)) write(name, content);
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};

// Watches the files that a configuration was read from, and says when one of them holds something else.
//
// Asks the file system for each of them twice a second: that sees through editors that put another file in the place of the
// old one, mounts that tell nobody of changes, and links that are switched. A change counts when two looks in a row see the
// same, so that a file is not read while it is written, and only if the content is another. Never reads what isn't asked for.
import { readFile, realpath, stat } from "node:fs/promises";
import { Effect } from "effect";
import { hashContent } from "../control/configuration/module-graph.ts";
import { isLead, leadsTo, type ReadFiles } from "../control/configuration/read-files.ts";

const lookEveryMs = 500;

/** What is watched, and for whom. */
interface Watch {
  /** The files as they were read last; asked at each look. */
  readonly files: () => ReadFiles;
  /** Whether a change matters now. */
  readonly isOn: () => boolean;
  /** Runs when something else stands in a file; there are no looks while it runs. */
  readonly onChange: Effect.Effect<void>;
  readonly everyMs?: number;
}

/** Looks for changes, for ever. */
export const watchFiles = ({ files, isOn, onChange, everyMs = lookEveryMs }: Watch): Effect.Effect<never> => {
  const looker = new FileLooker();
  const look = Effect.promise(() => (isOn() ? looker.look(files()) : Promise.resolve(false)));
  return Effect.forever(
    Effect.andThen(
      Effect.sleep(everyMs),
      Effect.flatMap(look, (isChanged) => (isChanged ? onChange : Effect.void)),
    ),
  );
};

/** Remembers how files looked. */
export class FileLooker {
  /** Of the last look. */
  private seen = new Map<string, string>();
  /** How those looked whose content was compared. */
  private readonly judged = new Map<string, string>();

  /** Looks at all of them once; whether one that has settled holds something else than was read of it. */
  async look(files: ReadFiles): Promise<boolean> {
    const paths = [...files.keys()];
    const looks = await Promise.all(paths.map((path) => describe(path, isLead(files.get(path)))));
    const now = new Map(paths.map((path, index) => [path, looks[index] as string]));
    const moved = paths.filter((path) => now.get(path) !== this.judged.get(path));
    const isSettled = moved.every((path) => now.get(path) === this.seen.get(path));
    this.seen = now;
    if (!isSettled) return false;
    let isChanged = false;
    for (const path of moved) {
      const held = await (isLead(files.get(path)) ? findLead(path) : hashFile(path));
      this.judged.set(path, now.get(path) as string);
      if (held !== files.get(path)) isChanged = true;
    }
    for (const path of this.judged.keys()) if (!now.has(path)) this.judged.delete(path);
    return isChanged;
  }
}

/** What changes when a file is written or another one takes its place; of a path with links, where it leads to as well. */
const describe = async (path: string, isThroughLinks: boolean): Promise<string> => {
  try {
    // Two releases may share one file.
    const lead = isThroughLinks ? await findLead(path) : "";
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs} ${lead}`;
  } catch {
    return "none";
  }
};

const hashFile = (path: string): Promise<string | undefined> => readFile(path).then(hashContent, () => undefined);

const findLead = (path: string): Promise<string | undefined> => realpath(path).then(leadsTo, () => undefined);

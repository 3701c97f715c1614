// Entries that are whole, waiting to become lines a few dozen at a time.
//
// Between the pipeline, which fills an entry when something is over, and the logs, which spell it: a request waits for no
// spelling but that of a batch, whose code is warm by its second line. Owns the entries, which are used again, and the time
// that one may wait.
import { AccessEntry } from "./access-entry.ts";

/** So many wait at most; more would make a pause that others notice. */
const maxCount = 64;
/** How long one may wait, in milliseconds. */
const waitMs = 100;

/** Spells one entry. */
export interface EntryWriter {
  writeLine(entry: AccessEntry): void;
}

interface Pending {
  readonly entry: AccessEntry;
  writer: EntryWriter | undefined;
}

const pending: Array<Pending> = [];
let count = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** The entry to be filled next: empty, and nobody's until {@link addEntry}. */
export const nextEntry = (isLayer7: boolean): AccessEntry => {
  const { entry } = pending[count] ?? grow();
  entry.begin(isLayer7);
  return entry;
};

const grow = (): Pending => {
  const one: Pending = { entry: new AccessEntry(), writer: undefined };
  pending.push(one);
  return one;
};

/** The entry that was filled last is whole; the writer gets it soon. */
export const addEntry = (writer: EntryWriter): void => {
  (pending[count] as Pending).writer = writer;
  count++;
  if (count === maxCount) writePendingEntries();
  else if (timer === undefined) timer = setTimeout(onDue, waitMs);
};

const onDue = (): void => {
  timer = undefined;
  writePendingEntries();
};

/** Gives all that wait to their writers now: before these change, or are asked what they have. */
export const writePendingEntries = (): void => {
  const due = count;
  count = 0;
  for (let index = 0; index < due; index++) {
    const one = pending[index] as Pending;
    one.writer?.writeLine(one.entry);
    one.writer = undefined;
    one.entry.end();
  }
};

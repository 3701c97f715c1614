// A change that broke something before it had changed anything: code of the user's, or of elbow's own.
//
// Refuses the change; what serves goes on. Told by whoever asked for it; owns the words.
import { Data } from "effect";
import { framesOf, isEngines, spellThrown } from "../observe/thrown.ts";

export class PrepareError extends Data.TaggedError("PrepareError")<{
  readonly defect: unknown;
}> {
  override get message(): string {
    const place = framesOf(this.defect).find(({ file }) => !isEngines(file))?.place;
    return `it can't be prepared: ${spellThrown(this.defect)}${place === undefined ? "" : ` (${place})`}`;
  }
}

// The fields that policies add to the line of a request or connection: checked, joined, and kept within a line's bounds.
//
// Read by the chain (chain.ts) at a request's end, only where a log has a place for them. Owns the bound: a line that
// doesn't fit in a buffer of its log would be lost whole, so that a field that is too large is its policy's error instead.
import { UnfitValue } from "./errors.ts";
import { entriesOf } from "./lines.ts";

/** Fields of a line, by their names. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** What all policies may add to one line, in characters of names and values. */
const fieldsMaxLength = 16 * 1024;

/** The fields so far with those that a `log` hook adds, the last of a name; throws where that can't be. */
export const addFields = (known: LogFields | undefined, added: unknown): LogFields => {
  const fields: Record<string, string | number | boolean> = { ...known };
  for (const [name, field] of entriesOf("fields", added)) {
    if (field === undefined) continue;
    if (!isFit(field)) throw new UnfitValue(`a field ${JSON.stringify(name)} that is no text, number or truth value`);
    fields[name] = field;
  }
  const length = Object.entries(fields).reduce((sum, [name, field]) => sum + name.length + String(field).length, 0);
  if (length > fieldsMaxLength) {
    throw new UnfitValue(`so much that its line's fields come to ${length} characters; ${fieldsMaxLength} are allowed`);
  }
  return fields;
};

const isFit = (field: unknown): field is string | number | boolean =>
  typeof field === "string" || typeof field === "boolean" || Number.isFinite(field);

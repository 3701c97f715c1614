// What a policy changes in a head, checked and turned into bytes.
//
// Read by the chain (chain.ts), which remembers it (memo.ts), and carried out by the writers of heads
// (parse/http1/serialise.ts). Owns the edits of several policies joined, so that what is the same each time costs a look-up.
import { bytesOf, isTargetByte } from "../../parse/http1/bytes.ts";
import { HeadChange } from "../../parse/http1/head-change.ts";
import { isHostValue } from "../../parse/http1/host-value.ts";
import { UnfitValue } from "./errors.ts";
import {
  encodeText,
  entriesOf,
  type HeadLine,
  joinLines,
  makeLine,
  membersOf,
  readName,
  readValue,
  spell,
} from "./lines.ts";

export class PolicyEdit {
  readonly change: HeadChange;

  constructor(
    /** Lower-case. */
    readonly leftOut: ReadonlySet<string>,
    readonly lines: ReadonlyArray<HeadLine>,
    readonly path: Uint8Array | undefined,
    readonly host: Uint8Array | undefined,
    readonly isRequest: boolean,
  ) {
    this.change = new HeadChange(
      [...leftOut].map(bytesOf),
      joinLines(lines),
      lines.reduce((longest, { bytes }) => Math.max(longest, bytes.length), 0),
      path,
      host,
      isRequest,
    );
  }
}

const responseMembers = ["remove", "set", "add"];
const requestMembers = [...responseMembers, "path"];

const joined = new WeakMap<PolicyEdit, WeakMap<PolicyEdit, PolicyEdit>>();

/** What a `requestHead` hook wants changed; throws where that can't be. */
export const readRequestEdit = (value: unknown): PolicyEdit => read(value, true);

/** What a `responseHead` hook wants changed; throws where that can't be. */
export const readResponseEdit = (value: unknown): PolicyEdit => read(value, false);

/** One edit behind another, as one: what the second removes or sets is gone from the first. */
export const joinEdits = (first: PolicyEdit | undefined, second: PolicyEdit): PolicyEdit => {
  if (first === undefined) return second;
  let behind = joined.get(first);
  if (behind === undefined) {
    behind = new WeakMap();
    joined.set(first, behind);
  }
  let both = behind.get(second);
  if (both === undefined) {
    both = new PolicyEdit(
      new Set([...first.leftOut, ...second.leftOut]),
      [...first.lines.filter(({ name }) => !second.leftOut.has(name)), ...second.lines],
      second.path ?? first.path,
      second.host ?? first.host,
      second.isRequest,
    );
    behind.set(second, both);
  }
  return both;
};

const read = (value: unknown, isRequest: boolean): PolicyEdit => {
  const { remove, set, add, path } = membersOf("an edit", isRequest ? requestMembers : responseMembers, value);
  const leftOut = new Set<string>();
  const lines: Array<HeadLine> = [];
  let host: Uint8Array | undefined;
  if (remove !== undefined && !Array.isArray(remove)) throw new UnfitValue("`remove`, which is no list of names");
  for (const name of remove ?? []) {
    const lower = readName(name, isRequest);
    if (isRequest && lower === "host") throw new UnfitValue("`remove` with Host, without which no request may go");
    leftOut.add(lower);
  }
  for (const [name, text] of entriesOf("`set`", set)) {
    const lower = readName(name, isRequest);
    if (isRequest && lower === "host") host = readHost(readValue(name, text), text);
    else {
      // Without a value too: nobody else's may stand where the policy meant its own.
      leftOut.add(lower);
      if (text !== undefined) lines.push(makeLine(name, readValue(name, text)));
    }
  }
  for (const [name, texts] of entriesOf("`add`", add)) {
    const lower = readName(name, isRequest);
    if (isRequest && lower === "host") throw new UnfitValue("`add` with Host, of which a request has one: `set` it");
    if (texts === undefined) continue;
    for (const text of Array.isArray(texts) ? texts : [texts]) lines.push(makeLine(name, readValue(name, text)));
  }
  return new PolicyEdit(leftOut, lines, path === undefined ? undefined : readPath(path), host, isRequest);
};

const readHost = (bytes: Uint8Array, text: unknown): Uint8Array => {
  if (bytes.length === 0 || !isHostValue(bytes, 0, bytes.length)) throw new UnfitValue(`a Host of ${spell(text)}`);
  return bytes;
};

/** Origin form (RFC 9112 §3.2.1), of the bytes that a client's target may have. */
const readPath = (path: unknown): Uint8Array => {
  if (typeof path !== "string" || !path.startsWith("/")) {
    throw new UnfitValue(`a path of ${spell(path)}, which doesn't begin with "/"`);
  }
  const bytes = encodeText(path);
  if (bytes === undefined) {
    throw new UnfitValue(`a path with a character above U+00FF, which is no byte: ${spell(path)}`);
  }
  if (!bytes.every((byte) => isTargetByte[byte] === 1)) {
    throw new UnfitValue(`a path with a blank or control character: ${spell(path)}`);
  }
  return bytes;
};

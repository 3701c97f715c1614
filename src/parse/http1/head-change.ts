// What changes in a head on its way, worked out beforehand: which lines go, which come, another path, another host.
//
// Asked by the writers of heads (serialise.ts). Whoever makes one has checked every byte of it: names, values, the path's
// and the host's. Owns no head; it is the same for any number of them.
import { equalsIgnoringCase } from "./bytes.ts";
import { beginsLike } from "./field-name.ts";

export class HeadChange {
  /** One bit for each length that a name in {@link leftOut} has, by its last five bits. */
  private readonly lengths: number;

  constructor(
    /** Lower-case names of the fields that don't go on. */
    readonly leftOut: ReadonlyArray<Uint8Array>,
    /** Whole lines that come behind the others. */
    readonly lines: Uint8Array,
    /** The longest of them, in bytes. */
    readonly longestLineBytes: number,
    /** Path and query in the place of the target. */
    readonly path: Uint8Array | undefined = undefined,
    /** What Host says instead. */
    readonly host: Uint8Array | undefined = undefined,
    /** Names that differ in nothing but marks don't go on either: to many instances `X_User` is `X-User`. */
    private readonly hasLookAlikes = false,
  ) {
    this.lengths = leftOut.reduce((lengths, name) => lengths | (1 << (name.length & 31)), 0);
  }

  /** Whether the field whose name is `bytes[start, end)` doesn't go on. */
  leavesOut(bytes: Uint8Array, start: number, end: number): boolean {
    if ((this.lengths & (1 << ((end - start) & 31))) === 0) return false;
    const { leftOut, hasLookAlikes } = this;
    for (let index = 0; index < leftOut.length; index++) {
      const name = leftOut[index] as Uint8Array;
      if (equalsIgnoringCase(bytes, start, end, name)) return true;
      if (hasLookAlikes && end - start === name.length && beginsLike(bytes, start, name)) return true;
    }
    return false;
  }
}

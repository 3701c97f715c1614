// A growing buffer that heads are written into; reused, so that a message in steady state allocates nothing.

const initialBytes = 1024;
/** Runs shorter than this are copied byte by byte: cheaper than a call. */
const shortRun = 16;
/** Copies a part without making a view of it first, which `set` would need and which costs more than the copying. */
const copy = Buffer.prototype.copy as unknown as {
  call(source: Uint8Array, target: Uint8Array, at: number, start: number, end: number): number;
};

export class ByteWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(capacityBytes = initialBytes) {
    this.bytes = new Uint8Array(capacityBytes);
  }

  clear(): void {
    this.length = 0;
  }

  /** What has been written, as a view: valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  put(source: Uint8Array): void {
    this.putRun(source, 0, source.length);
  }

  /** Copies `source[start, end)`. */
  putRun(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const { bytes, length } = this;
    if (count < shortRun) {
      for (let index = 0; index < count; index++) bytes[length + index] = source[start + index] as number;
    } else {
      copy.call(source, bytes, length, start, end);
    }
    this.length = length + count;
  }

  /** A number in upper-case hexadecimal, as chunk sizes are written. */
  putHex(value: number): void {
    this.reserve(16);
    let digits = 1;
    for (let rest = Math.floor(value / 16); rest > 0; rest = Math.floor(rest / 16)) digits++;
    let rest = value;
    for (let index = digits - 1; index >= 0; index--) {
      const digit = rest % 16;
      this.bytes[this.length + index] = digit < 10 ? 0x30 + digit : 0x37 + digit;
      rest = (rest - digit) / 16;
    }
    this.length += digits;
  }
}

// PROXY headers of version 2 for tests, put together from their parts without the product's own writer, sound or not; and
// the vectors of one that somebody else has made.

/** `\r\n\r\n\0\r\nQUIT\n` (PROXY protocol §2.2). */
export const proxySignature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

/** A vector: a type, a length in two bytes, a value. */
export const proxyVector = (type: number, value: Uint8Array | string | ReadonlyArray<number>): Buffer => {
  const bytes = Buffer.from(value as Uint8Array);
  return Buffer.concat([Uint8Array.of(type, bytes.length >> 8, bytes.length & 255), bytes]);
};

/** The parts of a header; what is left out is right. */
export interface ProxyBlockParts {
  /** Version and command; 0x21, PROXY, when left out. */
  readonly command?: number;
  /** Family and transport. */
  readonly family: number;
  /** Addresses and ports. */
  readonly addresses?: Uint8Array;
  readonly vectors?: ReadonlyArray<Uint8Array>;
  /** What it says its length is. */
  readonly length?: number;
}

export const proxyBlock = ({ command = 0x21, family, addresses, vectors = [], length }: ProxyBlockParts): Buffer => {
  const rest = Buffer.concat([addresses ?? new Uint8Array(0), ...vectors]);
  const said = length ?? rest.length;
  return Buffer.concat([proxySignature, Uint8Array.of(command, family, said >> 8, said & 255), rest]);
};

/** 192.168.0.1:56324 to 192.168.0.11:443, the ends of the specification's example (§2.1). */
export const ends4 = Buffer.from("c0a80001c0a8000bdc0401bb", "hex");

/** [2001:db8::1]:56324 to [2001:db8::b]:443. */
export const ends6 = Buffer.from("20010db800000000000000000000000120010db800000000000000000000000bdc0401bb", "hex");

/** `client` to `proxy`, two paths. */
export const endsUnix = Buffer.concat([Buffer.alloc(108, "client\0"), Buffer.alloc(108, "proxy\0")]);

/** The vectors in `bytes` by type, each as Latin-1 text; throws when they don't fill it exactly. */
export const vectorsIn = (bytes: Uint8Array): Map<number, string> => {
  const vectors = new Map<number, string>();
  for (let at = 0; at < bytes.length; ) {
    const [type = 0, high = 0, low = 0] = bytes.subarray(at, at + 3);
    const end = at + 3 + high * 256 + low;
    if (at + 3 > bytes.length || end > bytes.length) throw new Error(`a vector at ${at} goes beyond the end`);
    if (vectors.has(type)) throw new Error(`two vectors of type ${type}`);
    vectors.set(type, Buffer.from(bytes.subarray(at + 3, end)).toString("latin1"));
    at = end;
  }
  return vectors;
};

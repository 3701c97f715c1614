// ClientHello messages as bytes, built field by field, for what reads them.

/** What a test wants to see in a ClientHello; the rest is the least that is legal. */
export interface WrittenClientHello {
  /** Default 0x0303. */
  readonly legacyVersion?: number;
  readonly suites?: ReadonlyArray<number>;
  readonly serverName?: string;
  /** supported_versions; absent by default. */
  readonly versions?: ReadonlyArray<number>;
  readonly sessionId?: Uint8Array;
  /** Further extensions: type and data. */
  readonly extensions?: ReadonlyArray<readonly [number, ReadonlyArray<number>]>;
  /** No extensions block at all. */
  readonly isBare?: boolean;
}

const u16 = (value: number): ReadonlyArray<number> => [value >> 8, value & 255];
const u24 = (value: number): ReadonlyArray<number> => [value >> 16, (value >> 8) & 255, value & 255];
const block16 = (data: ReadonlyArray<number>): ReadonlyArray<number> => [...u16(data.length), ...data];

/** The handshake message, without a record around it. */
export const clientHelloMessage = (written: WrittenClientHello = {}): Uint8Array => {
  const { legacyVersion = 0x0303, suites = [0x1301, 0xc02f], sessionId = new Uint8Array(0) } = written;
  const extensions: Array<number> = [];
  const add = (type: number, data: ReadonlyArray<number>) => extensions.push(...u16(type), ...block16(data));
  for (const [type, data] of written.extensions ?? []) add(type, data);
  if (written.serverName !== undefined) {
    add(0, block16([0, ...block16([...Buffer.from(written.serverName, "latin1")])]));
  }
  if (written.versions !== undefined) add(43, [2 * written.versions.length, ...written.versions.flatMap(u16)]);
  const body = [
    ...u16(legacyVersion),
    ...new Array<number>(32).fill(7),
    sessionId.length,
    ...sessionId,
    ...block16(suites.flatMap(u16)),
    1,
    0,
    ...(written.isBare === true ? [] : block16(extensions)),
  ];
  return new Uint8Array([1, ...u24(body.length), ...body]);
};

/** A message in records of at most `fragmentBytes` each. */
export const inRecords = (message: Uint8Array, fragmentBytes = 1 << 14): Uint8Array => {
  const bytes: Array<number> = [];
  for (let at = 0; at < message.length; at += fragmentBytes) {
    const fragment = message.subarray(at, at + fragmentBytes);
    bytes.push(22, 3, 1, ...u16(fragment.length), ...fragment);
  }
  return new Uint8Array(bytes);
};

/** A whole ClientHello in one record. */
export const clientHello = (written: WrittenClientHello = {}): Uint8Array => inRecords(clientHelloMessage(written));

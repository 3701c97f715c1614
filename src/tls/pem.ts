/**
 * PEM text (RFC 7468) taken apart into its blocks, and what to say of a text that has none.
 * Between a file's bytes and the certificates and keys in them; owns what is tolerated: text around the blocks, either
 * kind of line end, a byte order mark, indentation. It never looks into a block, and never quotes one.
 */

/** One `-----BEGIN …-----` block. */
export interface PemBlock {
  /** What it says it is, such as `CERTIFICATE`. */
  readonly label: string;
  /** The block alone, with `\n` line ends and nothing around it. */
  readonly text: string;
  /** What its base64 says; undefined when that is damaged, or encrypted the traditional way (RFC 1421 headers). */
  readonly der: Uint8Array | undefined;
  /** Whether it has RFC 1421 headers that say that it is encrypted. */
  readonly hasEncryptionHeader: boolean;
}

const begin = "-----BEGIN ";
const dashes = "-----";

/** Finds the blocks of a text; one that isn't closed comes with neither text nor bytes. */
export const findPemBlocks = (text: string): ReadonlyArray<PemBlock> => {
  const blocks: Array<PemBlock> = [];
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at + 1)) {
    const labelEnd = text.indexOf(dashes, at + begin.length);
    const label = labelEnd < 0 ? "" : text.slice(at + begin.length, labelEnd);
    if (!/^[A-Z0-9 ]{1,64}$/.test(label)) continue;
    const end = text.indexOf(dashes, labelEnd + dashes.length);
    const isClosed = end >= 0 && text.startsWith(`-----END ${label}-----`, end);
    blocks.push(readBlock(label, isClosed ? text.slice(labelEnd + dashes.length, end) : ""));
  }
  return blocks;
};

const readBlock = (label: string, inside: string): PemBlock => {
  const lines = inside
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const headers = lines.filter((line) => /^[A-Za-z0-9-]+:/.test(line));
  const base64 = lines.filter((line) => !headers.includes(line)).join("");
  const isBase64 = base64 !== "" && base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  const body = base64.match(/.{1,64}/g)?.join("\n") ?? "";
  const head = headers.length === 0 ? "" : `${headers.join("\n")}\n\n`;
  return {
    label,
    text: `-----BEGIN ${label}-----\n${head}${body}\n-----END ${label}-----\n`,
    der: isBase64 && headers.length === 0 ? new Uint8Array(Buffer.from(base64, "base64")) : undefined,
    hasEncryptionHeader: headers.some((line) => /^Proc-Type:.*ENCRYPTED/.test(line)),
  };
};

/** Writes a block. */
export const writePemBlock = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${
    Buffer.from(der.buffer, der.byteOffset, der.byteLength)
      .toString("base64")
      .match(/.{1,64}/g)
      ?.join("\n") ?? ""
  }\n-----END ${label}-----\n`;

const a = (label: string): string => (/^[AEIOX]/.test(label) ? `an ${label}` : `a ${label}`);

/** What a text without the wanted blocks is, for a message: `holds a PRIVATE KEY only`, `is DER`, `is empty`… */
export const describeOtherContent = (bytes: Uint8Array, blocks: ReadonlyArray<PemBlock>): string => {
  const labels = [...new Set(blocks.map(({ label }) => label))];
  if (labels.length > 0) return `holds ${labels.map(a).join(" and ")} only`;
  if (bytes.every((byte) => byte <= 0x20)) return "is empty";
  // A DER certificate, key or PKCS#12 archive is a SEQUENCE with a length of two or more bytes.
  if (bytes[0] === 0x30 && (bytes[1]! >= 0x80 || bytes[1] === bytes.byteLength - 2))
    return "is binary (DER or PKCS#12)";
  if (bytes[0] === 0xff || bytes[0] === 0xfe) return "is UTF-16";
  return "holds no PEM block";
};

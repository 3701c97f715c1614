// Writes DER by hand, for certificates that no issuer would make: odd names, odd times, odd numbers.
import { generateKeyPairSync } from "node:crypto";

/** An element of DER: its identifier octet, and its content. */
export const der = (tag: number, ...contents: ReadonlyArray<Uint8Array | string>): Uint8Array => {
  const content = Buffer.concat(
    contents.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)),
  );
  const { length } = content;
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return new Uint8Array(Buffer.concat([Uint8Array.from([tag, ...octets]), content]));
};

/** Identifier octets of string types. */
export const Str = {
  utf8: 0x0c,
  numeric: 0x12,
  printable: 0x13,
  t61: 0x14,
  videotex: 0x15,
  ia5: 0x16,
  visible: 0x1a,
  universal: 0x1c,
  bmp: 0x1e,
} as const;

/** An object identifier. */
export const oid = (dotted: string): Uint8Array => {
  const [first = 0n, second = 0n, ...rest] = dotted.split(".").map(BigInt);
  const bytes = [first * 40n + second, ...rest].flatMap((arc) => {
    const digits = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) digits.unshift(Number(left & 0x7fn) | 0x80);
    return digits;
  });
  return der(0x06, Uint8Array.from(bytes));
};

/** Text in 16-bit units, as BMPString has it. */
export const bmp = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "utf16le").swap16());

/** One attribute: its type, its string type, its value. */
export type Attribute = readonly [type: string, stringType: number, value: Uint8Array | string];

/** A Name; each part is one attribute or several. */
export const name = (...parts: ReadonlyArray<Attribute | ReadonlyArray<Attribute>>): Uint8Array =>
  der(
    0x30,
    ...parts.map((part) => {
      const attributes = (typeof part[0] === "string" ? [part] : part) as ReadonlyArray<Attribute>;
      return der(0x31, ...attributes.map(([type, tag, value]) => der(0x30, oid(type), der(tag, value))));
    }),
  );

const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
const ecdsaWithSha256 = der(0x30, oid("1.2.840.10045.4.3.2"));

/** What a certificate is made of; a part that isn't given is an ordinary one. */
export interface CertificateParts {
  readonly serial?: Uint8Array;
  readonly issuer?: Uint8Array;
  readonly subject?: Uint8Array;
  readonly notBefore?: Uint8Array;
  readonly notAfter?: Uint8Array;
  /** Version 3 unless this is false: then version 1, which isn't spelled out. */
  readonly hasVersion?: boolean;
}

/** A certificate that reads well and that nobody signed. */
export const unsignedCertificate = (parts: CertificateParts = {}): Uint8Array =>
  der(
    0x30,
    der(
      0x30,
      ...(parts.hasVersion === false ? [] : [der(0xa0, der(0x02, "\x02"))]),
      der(0x02, parts.serial ?? "\x01"),
      ecdsaWithSha256,
      parts.issuer ?? name(["2.5.4.3", Str.utf8, "issuer"]),
      der(0x30, parts.notBefore ?? der(0x17, "230921015017Z"), parts.notAfter ?? der(0x17, "240920015017Z")),
      parts.subject ?? name(["2.5.4.3", Str.utf8, "subject"]),
      spki,
    ),
    ecdsaWithSha256,
    der(0x03, "\0", der(0x30, der(0x02, "\x01"), der(0x02, "\x01"))),
  );

// Certificates as text: names the way of RFC 2253, numbers and times; each odd one beside what OpenSSL says of it.
import { describe, expect, test } from "bun:test";
import { readCertificateText } from "../../../../src/parse/x509/certificate-text.ts";
import { forSeeds } from "../../../fuzz/random.ts";
import { bmp, type CertificateParts, der, name, oid, Str, unsignedCertificate } from "../../../support/der.ts";

type EightTexts = [string, string, string, string, string, string, string, string];

const read = (parts: CertificateParts) => readCertificateText(unsignedCertificate(parts));

const [cn, sn, c, l, st, o, ou, gn] = [3, 4, 6, 7, 8, 10, 11, 42].map((arc) => `2.5.4.${arc}`) as EightTexts;
const dc = "0.9.2342.19200300.100.1.25";
const uid = "0.9.2342.19200300.100.1.1";
const email = "1.2.840.113549.1.9.1";
const { utf8, printable, ia5, t61, universal } = Str;

/** `isOurs` where OpenSSL says something else, or can't read the certificate. */
const cases: ReadonlyArray<readonly [what: string, subject: Uint8Array, text: string, isOurs?: boolean]> = [
  ["nothing", name(), ""],
  [
    "AWS's own example, the last part first",
    name(
      [c, printable, "US"],
      [st, utf8, "Washington"],
      [l, utf8, "Seattle"],
      [o, utf8, "mTLS"],
      [ou, utf8, "rootCA"],
      [cn, utf8, "rootcamtls.com"],
    ),
    "CN=rootcamtls.com,OU=rootCA,O=mTLS,L=Seattle,ST=Washington,C=US",
  ],
  [
    "several attributes in one part",
    name(
      [o, utf8, "E"],
      [
        [cn, utf8, "a"],
        [uid, utf8, "b"],
      ],
    ),
    "UID=b+CN=a,O=E",
  ],
  [
    "domain components and an address",
    name([dc, ia5, "test"], [email, ia5, "a@b.test"]),
    "emailAddress=a@b.test,DC=test",
  ],
  ["people", name([sn, utf8, "S"], [gn, utf8, "G"], ["2.5.4.5", printable, "7"]), "serialNumber=7,GN=G,SN=S"],
  ["what must be escaped", name([cn, utf8, ',+"\\<>;']), 'CN=\\,\\+\\"\\\\\\<\\>\\;'],
  ["what needn't be", name([cn, utf8, "a=b#c'd:/ (e)"]), "CN=a=b#c'd:/ (e)"],
  ["a hash in front", name([cn, utf8, "#1"]), "CN=\\#1"],
  ["blanks in front and within", name([cn, utf8, "  a  b"]), "CN=\\  a  b"],
  ["blanks behind, which a header would lose", name([cn, utf8, "a  "]), "CN=a \\20", true],
  ["one blank", name([cn, utf8, " "]), "CN=\\20", true],
  ["an empty value", name([cn, utf8, ""], [o, utf8, "E"]), "O=E,CN="],
  ["a line end and another header", name([cn, utf8, "a\r\nX: b"]), "CN=a\\0D\\0AX: b"],
  ["control bytes", name([cn, utf8, "\x00\t\x1b\x7f"]), "CN=\\00\\09\\1B\\7F"],
  ["an attribute of its own behind a comma", name([cn, utf8, "a,CN=admin"]), "CN=a\\,CN=admin"],
  ["UTF-8", name([cn, utf8, Buffer.from("ä€𝄞")]), "CN=\\C3\\A4\\E2\\82\\AC\\F0\\9D\\84\\9E"],
  ["bytes that are no UTF-8", name([cn, utf8, "\xff\xc3"]), "CN=\\FF\\C3", true],
  ["TeletexString", name([cn, t61, "\xe4,\n"]), "CN=\\C3\\A4\\,\\0A"],
  ["PrintableString with what it may not hold", name([cn, printable, "a*\r"]), "CN=a*\\0D"],
  ["BMPString", name([cn, Str.bmp, bmp(" aä€,")]), "CN=\\ a\\C3\\A4\\E2\\82\\AC\\,"],
  ["UniversalString", name([cn, universal, "\0\0\0a\0\x01\xd1\x1e"]), "CN=a\\F0\\9D\\84\\9E"],
  ["BMPString with a line end in a wide character", name([cn, Str.bmp, "\x0d\x0a"]), "CN=\\E0\\B4\\8A"],
  ["BMPString of odd length", name([cn, Str.bmp, "abc"]), "CN=#1E03616263", true],
  ["BMPString with surrogates", name([cn, Str.bmp, bmp("𝄞")]), "CN=#1E04D834DD1E", true],
  ["beyond Unicode", name([cn, universal, "\0\x11\0\0"]), "CN=#1C0400110000", true],
  ["no string", name([cn, 0x02, "\x05"]), "CN=#020105", true],
  ["a string type of another age", name([cn, Str.videotex, "a"]), "CN=#150161", true],
  ["a type without a name", name(["1.2.3.4.5", utf8, "a"], [cn, utf8, "b"]), "CN=b,1.2.3.4.5=#0C0161"],
  [
    "a type with large numbers",
    name(["2.25.340282366920938463463374607431768211455", utf8, "a"]),
    "2.25.340282366920938463463374607431768211455=#0C0161",
  ],
  [
    "types of the first two arcs",
    name(["0.39.1", utf8, ""], ["1.39.1", utf8, ""], ["2.999.1", utf8, ""]),
    "2.999.1=#0C00,1.39.1=#0C00,0.39.1=#0C00",
  ],
];

const openssl = Bun.which("openssl");

/** What `openssl x509` prints behind `label=`. */
const askOpenssl = (certificate: Uint8Array, ...args: ReadonlyArray<string>): string => {
  const { stdout, stderr } = Bun.spawnSync([openssl ?? "", "x509", "-inform", "DER", "-noout", ...args], {
    stdin: certificate,
  });
  return stdout.toString().replace(/\n$/, "") || stderr.toString();
};

describe("names", () => {
  test.each(cases)("%s", (_, subject, text) => {
    expect(read({ subject })?.subject).toBe(text);
    expect(read({ issuer: subject })?.issuer).toBe(text);
  });

  test.skipIf(openssl === null).each(cases.filter(([, , , isOurs]) => isOurs !== true))(
    "%s, as OpenSSL has it",
    (_, subject, text) => {
      expect(askOpenssl(unsignedCertificate({ subject }), "-subject", "-nameopt", "RFC2253")).toBe(`subject=${text}`);
    },
  );

  test.each([
    ["no sequence", der(0x31)],
    ["a part that is no set", der(0x30, der(0x30))],
    ["an empty part", der(0x30, der(0x31))],
    ["an attribute that is no sequence", der(0x30, der(0x31, der(0x31)))],
    ["an attribute without a value", der(0x30, der(0x31, der(0x30, oid(cn))))],
    ["an attribute with three members", der(0x30, der(0x31, der(0x30, oid(cn), der(utf8), der(utf8))))],
    ["a type that is no object identifier", der(0x30, der(0x31, der(0x30, der(utf8, "a"), der(utf8, "a"))))],
    ["a type that breaks off", der(0x30, der(0x31, der(0x30, der(0x06, "\x2a\x83"), der(utf8, "a"))))],
    ["an empty type", der(0x30, der(0x31, der(0x30, der(0x06), der(utf8, "a"))))],
    ["a type that goes on and on", der(0x30, der(0x31, der(0x30, der(0x06, "\xff".repeat(64), "\x01"), der(utf8))))],
  ])("%s is no name", (_, subject) => {
    expect(read({ subject })).toBeUndefined();
  });
});

describe("serial numbers", () => {
  test.each([
    ["one", "\x01", "01"],
    ["a zero in front of a digit", "\x03\xa5\xb1", "03A5B1"],
    ["a zero byte that keeps it positive", "\x00\xff\x01", "FF01"],
    ["zero", "\x00", "00"],
    ["twenty bytes", `\x7f${"\xab".repeat(19)}`, `7F${"AB".repeat(19)}`],
    ["negative", "\xff", "-01"],
    ["more negative", "\x80\x00", "-8000"],
  ])("%s", (_, bytes, text) => {
    const serial = Buffer.from(bytes, "latin1");
    expect(read({ serial })?.serialNumber).toBe(text);
    if (openssl !== null) expect(askOpenssl(unsignedCertificate({ serial }), "-serial")).toBe(`serial=${text}`);
  });

  test("none is none", () => expect(read({ serial: new Uint8Array(0) })).toBeUndefined());
});

describe("times", () => {
  test.each([
    ["of two digits", der(0x17, "230921015017Z"), "2023-09-21T01:50:17Z"],
    ["of the last century", der(0x17, "500101000000Z"), "1950-01-01T00:00:00Z"],
    ["of the last year that two digits reach", der(0x17, "491231235959Z"), "2049-12-31T23:59:59Z"],
    ["of four digits", der(0x18, "20500101000000Z"), "2050-01-01T00:00:00Z"],
    ["that never comes", der(0x18, "99991231235959Z"), "9999-12-31T23:59:59Z"],
  ])("%s", (_, time, text) => {
    expect(read({ notBefore: time, notAfter: time })).toMatchObject({ notBefore: text, notAfter: text });
  });

  test.each([
    ["another zone", der(0x17, "230921015017+0100")],
    ["no seconds", der(0x17, "2309210150Z")],
    ["fractions", der(0x18, "20230921015017.5Z")],
    ["text", der(0x0c, "230921015017Z")],
    ["a line end", der(0x17, "230921015017Z\r\n")],
    ["digits of another length", der(0x18, "230921015017Z")],
  ])("%s: not a time of RFC 5280", (_, time) => {
    expect(read({ notBefore: time })).toBeUndefined();
    expect(read({ notAfter: time })).toBeUndefined();
  });
});

test("a certificate of version 1 has no version to skip", () => {
  expect(read({ hasVersion: false })).toEqual({
    serialNumber: "01",
    issuer: "CN=issuer",
    subject: "CN=subject",
    notBefore: "2023-09-21T01:50:17Z",
    notAfter: "2024-09-20T01:50:17Z",
  });
});

test("what is cut off anywhere is no certificate", () => {
  const whole = unsignedCertificate();
  for (let length = 0; length < whole.length; length++) {
    expect(readCertificateText(whole.subarray(0, length))).toBeUndefined();
  }
});

test("whatever is done to a certificate, its text stays visible ASCII and ends nowhere in a blank", () => {
  const subject = name(...cases.flatMap(([, , text]) => [[cn, utf8, text] as const, [o, t61, "a b "] as const]));
  const whole = unsignedCertificate({ subject, issuer: cases[15]?.[1] ?? name() });
  let readable = 0;
  forSeeds(5_000, 500, (random) => {
    const bytes = whole.slice();
    for (let times = 1 + random.below(4); times > 0; times--) bytes[random.below(bytes.length)] = random.below(256);
    const text = readCertificateText(bytes);
    if (text === undefined) return;
    readable++;
    for (const value of Object.values(text)) expect(value).toMatch(/^(?:[ -~]*[!-~])?$/);
  });
  expect(readable).toBeGreaterThan(0);
});

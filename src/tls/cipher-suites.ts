/**
 * The cipher suites up to TLS 1.2 that a security policy can name: what each is made of, and whether the library has it.
 * Read by effective-policy.ts and `elbow policy show`; owns the names (OpenSSL's), their numbers and what follows of them.
 * Never decides what a listener offers.
 */
import { getCiphers } from "node:tls";
import type { TlsProtocol } from "../model/security-policy.ts";

/** How client and server agree on a key. */
export type KeyExchange = "ECDHE" | "DHE" | "ADH" | "RSA" | "PSK" | "KRB5";

/** The key that the server's certificate has; `none` where there is no certificate. */
export type Authentication = "ECDSA" | "RSA" | "DSS" | "none";

/** What a suite's name says. */
export interface CipherSuite {
  /** OpenSSL's name, as `Protocol-…` attributes and policies have it. */
  readonly name: string;
  /** The number in a ClientHello (IANA, "TLS Cipher Suites"); undefined for those of SSL 2.0, which had three bytes. */
  readonly id: number | undefined;
  readonly keyExchange: KeyExchange;
  readonly authentication: Authentication;
  /** The oldest version that has it. */
  readonly minProtocol: TlsProtocol;
}

/** The suites of TLS 1.3 that the library has, all of them always on offer with it (RFC 8446 §B.4). */
export const suites13: ReadonlyArray<string> = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
];

/**
 * Every cipher attribute of AWS's `SSLNegotiationPolicyType`, in AWS's order (AWS, "SSL negotiation configurations for
 * Classic Load Balancers"), with its number.
 */
const attributeSuites = {
  "ECDHE-ECDSA-AES128-GCM-SHA256": 0xc02b,
  "ECDHE-RSA-AES128-GCM-SHA256": 0xc02f,
  "ECDHE-ECDSA-AES128-SHA256": 0xc023,
  "ECDHE-RSA-AES128-SHA256": 0xc027,
  "ECDHE-ECDSA-AES128-SHA": 0xc009,
  "ECDHE-RSA-AES128-SHA": 0xc013,
  "DHE-RSA-AES128-SHA": 0x0033,
  "ECDHE-ECDSA-AES256-GCM-SHA384": 0xc02c,
  "ECDHE-RSA-AES256-GCM-SHA384": 0xc030,
  "ECDHE-ECDSA-AES256-SHA384": 0xc024,
  "ECDHE-RSA-AES256-SHA384": 0xc028,
  "ECDHE-RSA-AES256-SHA": 0xc014,
  "ECDHE-ECDSA-AES256-SHA": 0xc00a,
  "AES128-GCM-SHA256": 0x009c,
  "AES128-SHA256": 0x003c,
  "AES128-SHA": 0x002f,
  "AES256-GCM-SHA384": 0x009d,
  "AES256-SHA256": 0x003d,
  "AES256-SHA": 0x0035,
  "DHE-DSS-AES128-SHA": 0x0032,
  "CAMELLIA128-SHA": 0x0041,
  "EDH-RSA-DES-CBC3-SHA": 0x0016,
  "DES-CBC3-SHA": 0x000a,
  "ECDHE-RSA-RC4-SHA": 0xc011,
  "RC4-SHA": 0x0005,
  "ECDHE-ECDSA-RC4-SHA": 0xc007,
  "DHE-DSS-AES256-GCM-SHA384": 0x00a3,
  "DHE-RSA-AES256-GCM-SHA384": 0x009f,
  "DHE-RSA-AES256-SHA256": 0x006b,
  "DHE-DSS-AES256-SHA256": 0x006a,
  "DHE-RSA-AES256-SHA": 0x0039,
  "DHE-DSS-AES256-SHA": 0x0038,
  "DHE-RSA-CAMELLIA256-SHA": 0x0088,
  "DHE-DSS-CAMELLIA256-SHA": 0x0087,
  "CAMELLIA256-SHA": 0x0084,
  "EDH-DSS-DES-CBC3-SHA": 0x0013,
  "DHE-DSS-AES128-GCM-SHA256": 0x00a2,
  "DHE-RSA-AES128-GCM-SHA256": 0x009e,
  "DHE-RSA-AES128-SHA256": 0x0067,
  "DHE-DSS-AES128-SHA256": 0x0040,
  "DHE-RSA-CAMELLIA128-SHA": 0x0045,
  "DHE-DSS-CAMELLIA128-SHA": 0x0044,
  "ADH-AES128-GCM-SHA256": 0x00a6,
  "ADH-AES128-SHA": 0x0034,
  "ADH-AES128-SHA256": 0x006c,
  "ADH-AES256-GCM-SHA384": 0x00a7,
  "ADH-AES256-SHA": 0x003a,
  "ADH-AES256-SHA256": 0x006d,
  "ADH-CAMELLIA128-SHA": 0x0046,
  "ADH-CAMELLIA256-SHA": 0x0089,
  "ADH-DES-CBC3-SHA": 0x001b,
  "ADH-DES-CBC-SHA": 0x001a,
  "ADH-RC4-MD5": 0x0018,
  "ADH-SEED-SHA": 0x009b,
  "DES-CBC-SHA": 0x0009,
  "DHE-DSS-SEED-SHA": 0x0099,
  "DHE-RSA-SEED-SHA": 0x009a,
  "EDH-DSS-DES-CBC-SHA": 0x0012,
  "EDH-RSA-DES-CBC-SHA": 0x0015,
  "IDEA-CBC-SHA": 0x0007,
  "RC4-MD5": 0x0004,
  "SEED-SHA": 0x0096,
  "DES-CBC3-MD5": undefined,
  "DES-CBC-MD5": undefined,
  "RC2-CBC-MD5": undefined,
  "PSK-AES256-CBC-SHA": 0x008d,
  "PSK-3DES-EDE-CBC-SHA": 0x008b,
  "KRB5-DES-CBC3-SHA": 0x001f,
  "KRB5-DES-CBC3-MD5": 0x0023,
  "PSK-AES128-CBC-SHA": 0x008c,
  "PSK-RC4-SHA": 0x008a,
  "KRB5-RC4-SHA": 0x0020,
  "KRB5-RC4-MD5": 0x0024,
  "KRB5-DES-CBC-SHA": 0x001e,
  "KRB5-DES-CBC-MD5": 0x0022,
  "EXP-EDH-RSA-DES-CBC-SHA": 0x0014,
  "EXP-EDH-DSS-DES-CBC-SHA": 0x0011,
  "EXP-ADH-DES-CBC-SHA": 0x0019,
  "EXP-DES-CBC-SHA": 0x0008,
  "EXP-RC2-CBC-MD5": 0x0006,
  "EXP-KRB5-RC2-CBC-SHA": 0x0027,
  "EXP-KRB5-DES-CBC-SHA": 0x0026,
  "EXP-KRB5-RC2-CBC-MD5": 0x002a,
  "EXP-KRB5-DES-CBC-MD5": 0x0029,
  "EXP-ADH-RC4-MD5": 0x0017,
  "EXP-RC4-MD5": 0x0003,
  "EXP-KRB5-RC4-SHA": 0x0028,
  "EXP-KRB5-RC4-MD5": 0x002b,
} as const satisfies Record<string, number | undefined>;

/** Suites of the library that no attribute names; a policy as a module can (RFC 7905). */
const furtherSuites = {
  "ECDHE-ECDSA-CHACHA20-POLY1305": 0xcca9,
  "ECDHE-RSA-CHACHA20-POLY1305": 0xcca8,
} as const satisfies Record<string, number>;

const keyExchangeOf = (name: string): KeyExchange => {
  if (name.startsWith("ECDHE-")) return "ECDHE";
  if (/^(DHE|EDH)-/.test(name)) return "DHE";
  const first = name.split("-")[0];
  return first === "ADH" || first === "PSK" || first === "KRB5" ? first : "RSA";
};

const authenticationOf = (name: string, keyExchange: KeyExchange): Authentication => {
  if (keyExchange === "RSA") return "RSA";
  if (keyExchange === "ADH" || keyExchange === "PSK" || keyExchange === "KRB5") return "none";
  return name.includes("-ECDSA-") ? "ECDSA" : name.includes("-DSS-") ? "DSS" : "RSA";
};

const minProtocolOf = (name: string, id: number | undefined): TlsProtocol => {
  if (id === undefined) return "SSLv2";
  // AEAD suites and those with a hash of SHA-2 came with TLS 1.2 (RFC 5246 §1.2, RFC 5288, RFC 5289).
  if (/(GCM-SHA\d+|SHA256|SHA384|POLY1305)$/.test(name)) return "TLSv1.2";
  // Elliptic curves need an extension, and SSL 3.0 has none.
  return name.startsWith("ECDHE-") ? "TLSv1" : "SSLv3";
};

const describeSuite = ([name, id]: readonly [string, number | undefined]): CipherSuite => {
  const plain = name.replace(/^EXP-/, "");
  const keyExchange = keyExchangeOf(plain);
  return {
    name,
    id,
    keyExchange,
    authentication: authenticationOf(plain, keyExchange),
    minProtocol: minProtocolOf(name, id),
  };
};

const suites: ReadonlyMap<string, CipherSuite> = new Map(
  [...Object.entries(attributeSuites), ...Object.entries(furtherSuites)].map((entry) => [
    entry[0],
    describeSuite(entry),
  ]),
);

/** The suite of this name, or undefined; names are OpenSSL's, and case matters as it does there. */
export const findCipherSuite = (name: string): CipherSuite | undefined => suites.get(name);

/** The names of all suites that are known, in AWS's order and then the others. */
export const cipherSuiteNames: ReadonlyArray<string> = [...suites.keys()];

/**
 * Whether the TLS library can serve the suite.
 *
 * *Details*: what the library lists (in lower case), without the PSK suites, for which a listener has no shared key.
 * Asked at run time, so that another Bun with another library is told from this one.
 */
export const hasCipherSuite = ({ name, keyExchange }: CipherSuite): boolean =>
  keyExchange !== "PSK" && listed().has(name.toLowerCase());

let listedNames: ReadonlySet<string> | undefined;
const listed = (): ReadonlySet<string> => {
  listedNames ??= new Set(getCiphers());
  return listedNames;
};

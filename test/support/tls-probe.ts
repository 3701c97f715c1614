// A TLS client that says one thing and listens to the answer: a ClientHello, written by hand, with the versions and
// suites that a test asks about, and what a server says first to it. It knows no library, so it can offer what no library
// has any more. It never finishes a handshake.
import { RawClient } from "./raw-client.ts";

/** Versions by their names in policies, as the numbers on the wire. */
export const wireVersions = {
  SSLv3: 0x0300,
  TLSv1: 0x0301,
  "TLSv1.1": 0x0302,
  "TLSv1.2": 0x0303,
  "TLSv1.3": 0x0304,
} as const;

/** A version that can be probed. */
export type ProbeVersion = keyof typeof wireVersions;

/** What the client offers. */
export interface ProbeTerms {
  /** One version: the newest that is offered, and up to TLS 1.2 every older one is implied. A list: exactly these. */
  readonly version: ProbeVersion | ReadonlyArray<ProbeVersion>;
  /** IANA numbers, the client's favourite first. */
  readonly suites: ReadonlyArray<number>;
  /** The server name (SNI); none by default. */
  readonly serverName?: string;
}

/** What the server says first. */
export type ProbeAnswer =
  | { readonly kind: "serverHello"; readonly version: ProbeVersion; readonly suite: number }
  | { readonly kind: "alert"; readonly level: number; readonly description: number }
  | { readonly kind: "closed" };

/** Alerts that tests name (RFC 8446 §6, RFC 7507). */
export const alerts = { handshakeFailure: 40, protocolVersion: 70, inappropriateFallback: 86 } as const;

const uint16 = (value: number): Array<number> => [value >> 8, value & 0xff];
const uint24 = (value: number): Array<number> => [value >> 16, (value >> 8) & 0xff, value & 0xff];
const vector8 = (bytes: ReadonlyArray<number>): Array<number> => [bytes.length, ...bytes];
const vector16 = (bytes: ReadonlyArray<number>): Array<number> => [...uint16(bytes.length), ...bytes];
const extension = (type: number, body: ReadonlyArray<number>): Array<number> => [...uint16(type), ...vector16(body)];

const x25519 = 29;
const secp256r1 = 23;

/** ECDSA and RSA, PKCS#1 and PSS, with SHA-256, SHA-384 and SHA-1 (RFC 8446 §4.2.3). */
const signatureSchemes = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0203, 0x0201];

/** The base point of the curve: a share like any other, whose secret nobody needs (RFC 7748 §4.1). */
const keyShare = [9, ...new Array<number>(31).fill(0)];

const extensionsOf = ({ serverName }: ProbeTerms, listed: ReadonlyArray<ProbeVersion> | undefined): Array<number> => {
  const name = serverName === undefined ? undefined : [...Buffer.from(serverName)];
  return [
    ...(name === undefined ? [] : extension(0, vector16([0, ...vector16(name)]))),
    ...extension(10, vector16([...uint16(x25519), ...uint16(secp256r1)])),
    ...extension(11, vector8([0])),
    ...extension(13, vector16(signatureSchemes.flatMap(uint16))),
    ...(listed === undefined ? [] : extension(43, vector8(listed.flatMap((one) => uint16(wireVersions[one]))))),
    ...(listed?.includes("TLSv1.3") ? extension(51, vector16([...uint16(x25519), ...vector16(keyShare)])) : []),
  ];
};

/** The bytes of a ClientHello in one record (RFC 8446 §4.1.2; RFC 5246 §7.4.1.2; RFC 6101 §5.6.1.2 for SSL 3.0). */
export const makeClientHello = (terms: ProbeTerms): Uint8Array => {
  const one = typeof terms.version === "string" ? terms.version : undefined;
  const listed =
    one === undefined ? (terms.version as ReadonlyArray<ProbeVersion>) : one === "TLSv1.3" ? [one] : undefined;
  const legacy = listed === undefined ? wireVersions[one as ProbeVersion] : wireVersions["TLSv1.2"];
  const body = [
    ...uint16(legacy),
    ...crypto.getRandomValues(new Uint8Array(32)),
    // A session id, which TLS 1.3 has for old middle boxes alone.
    ...vector8(listed === undefined ? [] : [...crypto.getRandomValues(new Uint8Array(32))]),
    ...vector16(terms.suites.flatMap(uint16)),
    ...vector8([0]),
    // SSL 3.0 has no extensions.
    ...(one === "SSLv3" ? [] : vector16(extensionsOf(terms, listed))),
  ];
  const message = [1, ...uint24(body.length), ...body];
  return new Uint8Array([22, ...uint16(one === "SSLv3" ? 0x0300 : 0x0301), ...vector16(message)]);
};

/** Says among the suites that the client has fallen back from a newer version (TLS_FALLBACK_SCSV, RFC 7507). */
export const fallbackSuite = 0x5600;

const handshakeRecord = 22;
const alertRecord = 21;

/** Reads what a server says first; undefined while that isn't all there. */
export const readAnswer = (bytes: Uint8Array): ProbeAnswer | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 5) return undefined;
  const end = 5 + view.getUint16(3);
  if (bytes.length < end) return undefined;
  if (bytes[0] === alertRecord) return { kind: "alert", level: view.getUint8(5), description: view.getUint8(6) };
  if (bytes[0] !== handshakeRecord || bytes[5] !== 2) throw new Error(`no answer of TLS: ${bytes.subarray(0, 16)}`);
  let at = 9;
  let version = view.getUint16(at);
  at += 34;
  at += 1 + view.getUint8(at);
  const suite = view.getUint16(at);
  at += 3;
  const messageEnd = 9 + (view.getUint32(5) & 0xffffff);
  if (at + 2 <= messageEnd) {
    for (at += 2; at + 4 <= messageEnd; at += 4 + view.getUint16(at + 2)) {
      if (view.getUint16(at) === 43) version = view.getUint16(at + 4);
    }
  }
  const name = Object.entries(wireVersions).find(([, number]) => number === version)?.[0];
  if (name === undefined) throw new Error(`no version that is known: ${version.toString(16)}`);
  return { kind: "serverHello", version: name as ProbeVersion, suite };
};

/** Asks a server on 127.0.0.1; fails when it neither answers nor closes. */
export const probeTls = async (port: number, terms: ProbeTerms): Promise<ProbeAnswer> => {
  using client = await RawClient.connect(port);
  await client.send(makeClientHello(terms));
  let answer: ProbeAnswer | undefined;
  await client.waitFor(
    () => {
      answer = readAnswer(client.peek());
      return answer !== undefined || client.ending !== "open";
    },
    `an answer to ${JSON.stringify(terms)}`,
  );
  return answer ?? { kind: "closed" };
};

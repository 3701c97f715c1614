// Recognises the few field names that a proxy acts on, by length first, so that any other name costs one comparison.
import { bytesOf, equalsIgnoringCase, isAlphanumeric } from "./bytes.ts";

/** What a field is to a proxy; `other` passes through untouched. */
export const Field = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  keepAlive: 5,
  proxyConnection: 6,
  te: 7,
  upgrade: 8,
  expect: 9,
  forwardedFor: 10,
  forwardedProto: 11,
  forwardedPort: 12,
  /** One of the three above with another mark for `-`: servers that turn names into variables take it for the real one. */
  forwardedLookAlike: 13,
  /** What tells an instance of a client's certificate, whatever follows and whatever stands for `-`: never a client's to say. */
  clientCertificate: 14,
} as const;

/** One of {@link Field}'s codes. */
export type Field = (typeof Field)[keyof typeof Field];

const host = bytesOf("host");
const te = bytesOf("te");
const expect = bytesOf("expect");
const upgrade = bytesOf("upgrade");
const connection = bytesOf("connection");
const keepAlive = bytesOf("keep-alive");
const contentLength = bytesOf("content-length");
const forwardedFor = bytesOf("x-forwarded-for");
const forwardedPort = bytesOf("x-forwarded-port");
const proxyConnection = bytesOf("proxy-connection");
const transferEncoding = bytesOf("transfer-encoding");
const forwardedProto = bytesOf("x-forwarded-proto");
/** Alone, or with `-Subject` and the like behind it ("Mutual authentication with TLS in Application Load Balancer", AWS). */
const clientCertificate = bytesOf("x-amzn-mtls-clientcert");

/** Which field `bytes[start, end)` names, ignoring case (RFC 9110 §5.1). */
export const recogniseField = (bytes: Uint8Array, start: number, end: number): Field => {
  const first = (bytes[start] as number) | 0x20;
  switch (end - start) {
    case 2:
      return first === 0x74 && equalsIgnoringCase(bytes, start, end, te) ? Field.te : Field.other;
    case 4:
      return first === 0x68 && equalsIgnoringCase(bytes, start, end, host) ? Field.host : Field.other;
    case 6:
      return first === 0x65 && equalsIgnoringCase(bytes, start, end, expect) ? Field.expect : Field.other;
    case 7:
      return first === 0x75 && equalsIgnoringCase(bytes, start, end, upgrade) ? Field.upgrade : Field.other;
    case 10:
      if (first === 0x63 && equalsIgnoringCase(bytes, start, end, connection)) return Field.connection;
      return first === 0x6b && equalsIgnoringCase(bytes, start, end, keepAlive) ? Field.keepAlive : Field.other;
    case 14:
      return first === 0x63 && equalsIgnoringCase(bytes, start, end, contentLength) ? Field.contentLength : Field.other;
    case 15:
      return first === 0x78 ? recogniseForwarded(bytes, start, end, forwardedFor, Field.forwardedFor) : Field.other;
    case 16:
      if (first === 0x78) return recogniseForwarded(bytes, start, end, forwardedPort, Field.forwardedPort);
      return first === 0x70 && equalsIgnoringCase(bytes, start, end, proxyConnection)
        ? Field.proxyConnection
        : Field.other;
    case 17:
      if (first === 0x74 && equalsIgnoringCase(bytes, start, end, transferEncoding)) return Field.transferEncoding;
      return first === 0x78 ? recogniseForwarded(bytes, start, end, forwardedProto, Field.forwardedProto) : Field.other;
    default:
      return first === 0x78 && end - start >= clientCertificate.length && isOfClientCertificate(bytes, start, end)
        ? Field.clientCertificate
        : Field.other;
  }
};

const recogniseForwarded = (bytes: Uint8Array, start: number, end: number, name: Uint8Array, field: Field): Field => {
  if (equalsIgnoringCase(bytes, start, end, name)) return field;
  return beginsLike(bytes, start, name) ? Field.forwardedLookAlike : Field.other;
};

const isOfClientCertificate = (bytes: Uint8Array, start: number, end: number): boolean => {
  const behind = start + clientCertificate.length;
  return beginsLike(bytes, start, clientCertificate) && (behind === end || !isAlphanumeric(bytes[behind] as number));
};

/**
 * Whether what begins at `start` is `name` in any case, with any mark in the place of another: servers that turn names into
 * variables take them for the same (RFC 3875 §4.1.18). `name` is in lower case.
 */
export const beginsLike = (bytes: Uint8Array, start: number, name: Uint8Array): boolean => {
  for (let index = 0; index < name.length; index++) {
    const byte = bytes[start + index] as number;
    const wanted = name[index] as number;
    const isSame = isAlphanumeric(wanted) ? (byte | 0x20) === wanted : !isAlphanumeric(byte);
    if (!isSame) return false;
  }
  return true;
};

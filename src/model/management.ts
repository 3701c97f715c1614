/**
 * The management server's settings: where it listens, what proves it to its clients, and what they must know.
 * A part of a written configuration; owns the shape, the ranges and the defaults.
 * Never says who may do what: whoever may ask may ask for everything.
 */
import { Schema } from "effect";
import { BindAddress } from "./bind-address.ts";
import type { CertificateSource } from "./certificate-source.ts";
import { described } from "./described.ts";
import { isKeyText } from "./key-text.ts";
import { ListenPort } from "./port.ts";
import { WrittenCertificate } from "./written-security.ts";

/** Fewer characters than this can be guessed. */
const tokenMinLength = 32;

/** Whether a text may be a token: what an `Authorization` header can carry (RFC 6750 §2.1), and long enough. */
export const isToken = (text: string): boolean =>
  text.length >= tokenMinLength && text.length <= 4096 && /^[A-Za-z0-9._~+/-]+=*$/.test(text);

/** What a token must look like, in messages. */
export const tokenExpectation = `one line of at least ${tokenMinLength} letters, digits and -._~+/=, such as \`openssl rand -base64 32\` prints`;

const tokenDescription = { title: "a token", expected: tokenExpectation, isSecret: true };

const WrittenToken = Schema.String.annotate(tokenDescription).check(Schema.makeFilter(isToken, tokenDescription));

/** Longer paths don't fit into an address (`sun_path` in unix(7) has 108 bytes, the last of them zero). */
export const socketPathMaxBytes = 107;

const isPath = (text: string): boolean =>
  text.trim() !== "" && text.length <= 1024 && !/[\0\r\n]/.test(text) && !isKeyText(text);

const WrittenSocket = described(
  Schema.String,
  { title: "the path of a Unix socket", expected: 'one such as "/run/elbow/management.sock", of at most 107 bytes' },
  (text) => isPath(text) && new TextEncoder().encode(text).length <= socketPathMaxBytes,
);

const tokenFileDescription = {
  title: "the path of a token's file",
  expected: 'one such as "management.token"',
  isSecret: true,
};

const WrittenTokenFile = Schema.String.annotate(tokenFileDescription).check(
  Schema.makeFilter(isPath, tokenFileDescription),
);

/** The management server as it stands in a configuration. */
export const WrittenManagement = Schema.Struct({
  address: Schema.optional(BindAddress),
  port: Schema.optional(ListenPort),
  socket: Schema.optional(WrittenSocket),
  tls: Schema.optional(WrittenCertificate),
  token: Schema.optional(WrittenToken),
  tokenFile: Schema.optional(WrittenTokenFile),
}).annotate({ title: "management settings", expected: 'one such as { address: "127.0.0.1", port: 9090 }' });

/** The management server's settings with every member known. */
export interface Management {
  readonly address: string;
  readonly port: number;
  /** The absolute path of a Unix socket that it listens on as well. */
  readonly socket?: string;
  /** What it shows clients of its address; in clear without one. */
  readonly tls?: CertificateSource;
  /** What clients must show; nothing without one. */
  readonly token?: string;
}

/** Where the management server listens when a configuration doesn't say. */
export const defaultManagement: Management = { address: "127.0.0.1", port: 9090 };

/**
 * The secrets behind stickiness cookies: as they stand in a configuration, and as the keys that they are.
 * Part of a written configuration; owns the shape and the least length.
 * Never says where a secret comes from when a configuration has none.
 */
import { Schema } from "effect";

/** A key that the values of cookies are made with. */
export type CookieSecret = Uint8Array;

/** The key of a secret as a configuration or a file writes it: its UTF-8 bytes without the blanks around them. */
export const toCookieSecret = (text: string): CookieSecret => new TextEncoder().encode(text.trim());

/** Fewer characters than this are no secret. */
export const cookieSecretMinLength = 32;

const secretDescription = {
  title: "a cookie secret",
  expected: `a text of at least ${cookieSecretMinLength} characters, such as \`openssl rand -base64 32\` prints`,
  isSecret: true,
};

/** Whether a text is long enough for a secret, blanks around it apart, and one line. */
export const isCookieSecret = (text: string): boolean =>
  text.trim().length >= cookieSecretMinLength && !/[\r\n]/.test(text.trim());

const WrittenCookieSecret = Schema.String.annotate(secretDescription).check(
  Schema.makeFilter(isCookieSecret, secretDescription),
);

const listDescription = { ...secretDescription, title: "a list of cookie secrets", expected: "at least one secret" };

/** One secret, or several: the first makes the cookies, all of them are good. */
export const WrittenCookieSecrets = Schema.Union([
  WrittenCookieSecret,
  Schema.Array(WrittenCookieSecret).check(Schema.makeFilter((list) => list.length > 0, listDescription)),
]).annotate({ ...secretDescription, expected: `${secretDescription.expected}; or a list of them` });

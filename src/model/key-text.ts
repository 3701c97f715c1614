/**
 * What looks like a key, wherever it was pasted: PEM, or the base64 of it without its first and last line.
 * Asked before something is taken for a path, and before a text that people wrote is repeated in a message; pure.
 * Owns what is taken for a key. A certificate looks the same, and is no loss; a passphrase looks like anything.
 */

/** Base64 of an element of DER, as keys and certificates are: a SEQUENCE begins with `MA` to `MI`, by its length. */
const wholeBase64 = /^M[A-I][A-Za-z0-9+/=\s]{59,}$/;

/** Base64 of how a private key's DER goes on, by the form of its length: an INTEGER of one byte, the version. */
const keyBeginning = /^(?:M[A-H].CAQ|MI[E-H].AgE|MI[I-L]..[AQgw]IB)/;

/** Whether a text is a key or a certificate, and neither a path nor a name. */
export const isKeyText = (text: string): boolean =>
  /-----BEGIN|PRIVATE KEY/.test(text) || wholeBase64.test(text.trim());

/** What stands in messages for a value that is one. */
export const keyWords = "what looks like a key";

/** A text with every key in it left out, and also the beginnings of keys; for messages that end up in logs. */
export const maskKeys = (text: string): string =>
  text
    // Line ends may be written as `\n`.
    .replaceAll(
      /-{1,5}BEGIN [A-Z0-9 ]+-{1,5}(?:\s|\\[nr])*[A-Za-z0-9+/]{16}[\s\S]*?(?:-{1,5}END[^-]*-{1,5}|$)/g,
      `(${keyWords})`,
    )
    .replaceAll(
      /(?<=^|[^A-Za-z0-9+/=]|\\[nr])M[A-I][A-Za-z0-9+/=]{18,}(?:(?:\s|\\[nr])+[A-Za-z0-9+/=]{20,})*/g,
      // Words of a language, and names in capitals, aren't.
      (found) => (keyBeginning.test(found) || (/\d/.test(found) && /[a-z]/.test(found)) ? `(${keyWords})` : found),
    );

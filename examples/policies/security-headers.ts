/**
 * Security headers: what browsers should be told with every answer, and what clients needn't know.
 * Sets each header in the place of the instance's own. Makes its edits once: the same object each time costs least.
 */
import { definePolicy, type HeadEdit, Schema } from "elbow";

const age = { title: "an age", expected: "a whole number of seconds, 0 or more" };
const value = { title: "a header's value", expected: "a text of one line" };

const HeaderValue = Schema.optional(
  Schema.String.annotate(value).check(Schema.makeFilter((text) => /^[\t\x20-\x7e]+$/.test(text), value)),
);

export default definePolicy({
  type: "security-headers",
  attributes: Schema.Struct({
    /** How long browsers ask for this host by HTTPS alone (RFC 6797), in seconds: a year where it is left out, never with 0. */
    hstsMaxAge: Schema.optional(
      Schema.Number.annotate(age).check(
        Schema.makeFilter((seconds) => Number.isSafeInteger(seconds) && seconds >= 0, age),
      ),
    ),
    contentSecurityPolicy: HeaderValue,
    referrerPolicy: HeaderValue,
    permissionsPolicy: HeaderValue,
  }),
  state({
    hstsMaxAge = 31_536_000,
    contentSecurityPolicy = "frame-ancestors 'self'",
    referrerPolicy = "strict-origin-when-cross-origin",
    permissionsPolicy,
  }): { readonly clear: HeadEdit; readonly secure: HeadEdit } {
    const set = {
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": contentSecurityPolicy,
      "Referrer-Policy": referrerPolicy,
      ...(permissionsPolicy === undefined ? {} : { "Permissions-Policy": permissionsPolicy }),
    };
    const remove = ["Server", "X-Powered-By"];
    const hsts = { "Strict-Transport-Security": `max-age=${hstsMaxAge}; includeSubDomains` };
    return { clear: { remove, set }, secure: { remove, set: hstsMaxAge === 0 ? set : { ...set, ...hsts } } };
  },
  // Over plain HTTP browsers must ignore it, and servers must not send it (RFC 6797 §7.2).
  responseHead: (_attributes, { request }, { clear, secure }) => (request.tls === undefined ? clear : secure),
});

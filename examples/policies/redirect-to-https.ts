/**
 * Redirect to HTTPS: requests that came in clear are sent to the same host and path by HTTPS. For an HTTP listener beside an
 * HTTPS one. GET and HEAD are told 301, which everybody knows, and others 308, so that they keep their method and body.
 */
import { answer, definePolicy, redirect, Schema } from "elbow";

const port = { title: "a port", expected: "a whole number from 1 to 65535" };

/** What may not stand in a URI goes percent-encoded (RFC 3986 §2.1); of a context's text, a character is a byte. */
const encode = (text: string): string =>
  text.replace(/[^\x21-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);

export default definePolicy({
  type: "redirect-to-https",
  attributes: Schema.Struct({
    /** Where clients find the HTTPS listener; 443 where it is left out. */
    port: Schema.optional(
      Schema.Number.annotate(port).check(
        Schema.makeFilter((value) => Number.isInteger(value) && value >= 1 && value <= 65_535, port),
      ),
    ),
    /** The same status for all methods. */
    status: Schema.optional(Schema.Literals([301, 308]).annotate({ title: "a status", expected: "301 or 308" })),
  }),
  admit({ port = 443, status }, context) {
    if (context.kind === "connection" || context.tls !== undefined) return undefined;
    if (context.host === undefined) return answer(400, "400 A request without a host can't be redirected\n");
    const host = context.host.replace(/:\d*$/, "");
    // `OPTIONS *` asks about the whole server.
    const path = context.path.startsWith("/") ? encode(context.path) : "/";
    const query = context.query === "" ? "" : `?${encode(context.query)}`;
    const isSafe = context.method === "GET" || context.method === "HEAD";
    return redirect(`https://${host}${port === 443 ? "" : `:${port}`}${path}${query}`, status ?? (isSafe ? 301 : 308));
  },
});

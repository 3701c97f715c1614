/**
 * Maintenance page: every request is answered with 503 and a page, while the instances get none.
 * Switched on and off by editing `enabled` in the configuration, which is reloaded at once. Some addresses may pass, so that
 * those who do the maintenance can look at it. At layer 4, where there are no pages, connections are closed.
 */
import { BlockList, isIP } from "node:net";
import { answer, definePolicy, refuse, Schema } from "elbow";

const block = {
  title: "an address or a block of addresses",
  expected: 'one such as "10.0.0.7", "10.0.0.0/8" or "fd00::/8"',
};
const delay = { title: "a delay", expected: "a whole number of seconds, 1 or more" };

const isBlock = (text: string): boolean => {
  const [, address = "", prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(prefix ?? 0) <= (family === 4 ? 32 : 128);
};

const familyOf = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

const makeList = (texts: ReadonlyArray<string>) => {
  const list = new BlockList();
  for (const text of texts) {
    const [address = "", prefix] = text.split("/");
    if (prefix === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return list;
};

/** A text that has no meaning in HTML. */
const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const pageOf = (message: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Down for maintenance</title>
<h1>Down for maintenance</h1>
<p>${escapeHtml(message)}</p>
</html>
`;

export default definePolicy({
  type: "maintenance-page",
  attributes: Schema.Struct({
    enabled: Schema.Boolean.annotate({ title: "a switch", expected: "true or false" }),
    /** What the page says below its title. */
    message: Schema.optional(Schema.String.annotate({ title: "a message", expected: "a text" })),
    /** When clients should come back (RFC 9110 §10.2.3), in seconds; 300 where it is left out. */
    retryAfter: Schema.optional(
      Schema.Number.annotate(delay).check(
        Schema.makeFilter((value) => Number.isSafeInteger(value) && value >= 1, delay),
      ),
    ),
    /** Clients that pass, by address or block. */
    except: Schema.optional(
      Schema.Array(Schema.String.annotate(block).check(Schema.makeFilter(isBlock, block))).annotate({
        title: "a list of addresses",
        expected: 'one such as ["10.0.0.0/8", "::1"]',
      }),
    ),
  }),
  state: ({ message = "Please come back in a few minutes.", retryAfter = 300, except = [] }) => ({
    passing: makeList(except),
    page: answer(503, pageOf(message), {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      "Retry-After": String(retryAfter),
    }),
  }),
  admit({ enabled }, { kind, clientAddress }, { passing, page }) {
    if (!enabled || passing.check(clientAddress, familyOf(clientAddress))) return undefined;
    return kind === "request" ? page : refuse();
  },
});

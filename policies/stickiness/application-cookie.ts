/**
 * AppCookieStickinessPolicyType: a client stays with its instance as long as the application's own cookie lives (AWS,
 * "Configure sticky sessions for your Classic Load Balancer", application-controlled session stickiness).
 * Decides when the load balancer gives out its cookie, and with which attributes; remembers nothing.
 */
import { type CookieAttribute, definePolicy, Schema } from "elbow";

const cookieName = {
  title: "the name of a cookie",
  expected: 'the one that the application sets, such as "JSESSIONID"; not AWSELB or AWSELBCORS',
};

/** RFC 6265 §4.1.1: a token. The load balancer's own cookies are no application's. */
const isCookieName = (text: string): boolean =>
  /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(text) && !/^AWSELB(CORS)?$/.test(text);

const copiedNames = [
  ...["path", "port", "domain", "secure", "httponly", "discard"],
  ...["max-age", "expires", "version", "comment", "commenturl", "samesite"],
];

const copy = (attributes: ReadonlyArray<CookieAttribute>): string =>
  attributes.flatMap(({ name, text }) => (copiedNames.includes(name) ? [spell(name, text)] : [])).join(";");

/** AWS encodes the underscores of a path, for the sake of Internet Explorer 7. */
const spell = (name: string, text: string): string => (name === "path" ? text.replaceAll("_", "%5F") : text);

export default definePolicy({
  type: "AppCookieStickinessPolicyType",
  attributes: Schema.Struct({
    /** The application's cookie, by its name. */
    CookieName: Schema.String.annotate(cookieName).check(Schema.makeFilter(isCookieName, cookieName)),
  }),
  stick: ({ CookieName }) => ({
    applicationCookie: CookieName,
    // Without the application's cookie there is no session that an instance could know.
    follows: ({ hasApplicationCookie }) => hasApplicationCookie,
    renew: ({ hasSession, hasApplicationCookie, isWithItsInstance, applicationAttributes, placeAttributes }) => {
      if (applicationAttributes !== undefined) return copy(applicationAttributes);
      // Its instance couldn't be had: from now on the session belongs to this one, also when the other comes back. The
      // cookie takes the old one's place; the application's, which has to come with it, says how long it is good.
      return hasSession && hasApplicationCookie && !isWithItsInstance ? placeAttributes : undefined;
    },
  }),
});

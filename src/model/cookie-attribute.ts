/**
 * An attribute of a cookie that an application sets: what stands behind its value in a Set-Cookie line.
 * Read by parse/, judged by stickiness policies; owns the shape.
 */

/** One attribute (RFC 6265 §4.1.1), whether it is a known one or not. */
export interface CookieAttribute {
  /** Its name in lower case, such as `max-age`. */
  readonly name: string;
  /** Name and value as written, such as `Max-Age=3600`, a character per byte; no blanks around it. */
  readonly text: string;
}

/**
 * Where a client keeps a stickiness cookie and who may see it: what has to be said again to put another into its place.
 * Read from an answer's attributes and written from a request's head by parse/, sealed into the cookie's value by control/.
 * Owns the shape, a number of 32 bits. It has lengths and no text: a client sends a cookie only where the cookie's path
 * begins the request's and its domain ends the host (RFC 6265 §5.4), so that the request has the text.
 */

/** A place as one number: see {@link makeCookiePlace}. */
export type CookiePlace = number;

/** What a place says beside its path and domain; `sameSite` masks the three values that SameSite can have. */
export const CookieFlag = { secure: 1, httpOnly: 2, sameSite: 12, lax: 4, strict: 8, none: 12 } as const;

const pathUnit = 0x1_0000;
const domainUnit = 0x100;

/**
 * A place by the lengths of its path (0 stands for a path that isn't known yet) and of its domain, without a leading dot
 * (0 where the cookie is its host's alone), in characters, and its flags.
 */
export const makeCookiePlace = (pathLength: number, domainLength: number, flags: number): CookiePlace =>
  Math.min(pathLength, 0xffff) * pathUnit + Math.min(domainLength, 0xff) * domainUnit + flags;

/** How long its path is, in characters. */
export const pathLengthOf = (place: CookiePlace): number => Math.floor(place / pathUnit);

/** How long its domain is, in characters; 0 for a cookie of its host's alone. */
export const domainLengthOf = (place: CookiePlace): number => Math.floor(place / domainUnit) & 0xff;

/** Its {@link CookieFlag}s. */
export const flagsOf = (place: CookiePlace): number => place & 0xff;

/** The place of a cookie with `PATH=/` and nothing else. */
export const plainPlace: CookiePlace = makeCookiePlace(1, 0, 0);

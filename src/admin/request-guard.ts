// Who may ask at all: the checks in front of every management route. A web page must not be able to ask through its
// visitor's browser, by its own name (Host) or from its own origin (Origin, Sec-Fetch-Site); and where a token is set,
// whoever asks must show it. It owns these refusals and their order; it never looks at what is asked.
import { createHash, timingSafeEqual } from "node:crypto";
import { anyAddress, isOwnHost } from "./host-guard.ts";
import { makeProblem } from "./problem.ts";

/** What is known of a place that the management server listens at. */
export interface Access {
  readonly scheme: "http" | "https";
  /** The names and addresses that requests may be addressed to, beside those of loopback. */
  readonly hosts: ReadonlyArray<string>;
  /** SHA-256 of the token that requests must show; nothing is asked for without one. */
  readonly tokenDigest: Uint8Array | undefined;
}

/** The digest of a token. Digests have one length, so that comparing them says nothing of the token's. */
export const digestToken = (token: string): Uint8Array => createHash("sha256").update(token).digest();

/** Why a request is refused; undefined where it may go on. What `isOpen` is answered without a token. */
export const findRefusal = (headers: Headers, access: Access, isOpen: boolean): Response | undefined =>
  findForeignHost(headers, access) ??
  findForeignOrigin(headers, access) ??
  (isOpen ? undefined : findNoToken(headers, access));

const findForeignHost = (headers: Headers, { hosts }: Access): Response | undefined => {
  const host = headers.get("host") ?? undefined;
  if (isOwnHost(host, hosts)) return undefined;
  return makeProblem(
    403,
    `The Host header ${host === undefined ? "is missing" : `${JSON.stringify(host)} is not a name of this server`}; ` +
      `use ${["localhost", ...hosts.filter((own) => own !== anyAddress)].join(" or ")}.`,
  );
};

const findForeignOrigin = (headers: Headers, { scheme }: Access): Response | undefined => {
  const origin = headers.get("origin");
  // Host was found to be the server's own.
  if (origin !== null && origin.toLowerCase() !== `${scheme}://${headers.get("host")?.toLowerCase()}`) {
    return makeProblem(403, `The request comes from a page of ${JSON.stringify(origin)}, which may not ask here.`);
  }
  // A page asks for what another origin has without an Origin, too: images, scripts, navigation (Fetch Metadata, W3C).
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") {
    return makeProblem(
      403,
      `The request comes from a page of another origin (Sec-Fetch-Site: ${site}), which may not ask here.`,
    );
  }
  return undefined;
};

const findNoToken = (headers: Headers, { tokenDigest }: Access): Response | undefined => {
  if (tokenDigest === undefined) return undefined;
  const shown = /^bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (shown !== undefined && timingSafeEqual(digestToken(shown), tokenDigest)) return undefined;
  // RFC 6750 §3: `error` only where something was shown.
  return makeProblem(
    401,
    shown === undefined
      ? "This needs the management token, as in: Authorization: Bearer <token>."
      : "The token is not the management token of this elbow.",
    { headers: { "www-authenticate": `Bearer realm="elbow"${shown === undefined ? "" : ', error="invalid_token"'}` } },
  );
};

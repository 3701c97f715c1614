// A client's cookies, kept and sent as RFC 6265 §5 says: by name, domain and path, until they end. A clock of its own.
export interface JarUrl {
  /** Without a port: cookies have none. */
  readonly host: string;
  /** A query behind it is none of its business. */
  readonly path: string;
  readonly isSecure: boolean;
}

interface JarCookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly isHostOnly: boolean;
  readonly path: string;
  readonly isSecure: boolean;
  readonly endsMs: number;
  readonly madeIndex: number;
}

/** Where a test's requests go unless it says otherwise. */
export const jarUrl: JarUrl = { host: "site.test", path: "/", isSecure: true };

export class CookieJar {
  nowMs = Date.UTC(2026, 0, 1);
  private cookies: Array<JarCookie> = [];
  private madeCount = 0;

  /** Takes the Set-Cookie lines of a response head (§5.2, §5.3). */
  take(head: string, url = jarUrl): void {
    for (const line of head.split("\r\n")) {
      const value = /^set-cookie:\s*(.*)$/i.exec(line)?.[1];
      if (value !== undefined) this.set(value, url);
    }
  }

  /** The value of the Cookie line of a request (§5.4); "" when no line is sent. */
  header(url = jarUrl): string {
    return this.sentTo(url)
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }

  /** The value that a cookie is sent with. */
  value(name: string, url = jarUrl): string | undefined {
    return this.sentTo(url).find((cookie) => cookie.name === name)?.value;
  }

  /** The browser is closed: what has no end of its own ends now. */
  close(): void {
    this.cookies = this.cookies.filter(({ endsMs }) => endsMs !== Number.POSITIVE_INFINITY);
  }

  private sentTo({ host, path, isSecure }: JarUrl): ReadonlyArray<JarCookie> {
    return this.cookies
      .filter((cookie) => cookie.endsMs > this.nowMs && (isSecure || !cookie.isSecure))
      .filter(({ domain, isHostOnly }) => host === domain || (!isHostOnly && host.endsWith(`.${domain}`)))
      .filter((cookie) => isPathMatch(path, cookie.path))
      .sort((a, b) => b.path.length - a.path.length || a.madeIndex - b.madeIndex);
  }

  private set(line: string, { host, path, isSecure }: JarUrl): void {
    const [pair = "", ...parts] = line.split(";").map((part) => part.trim());
    const at = pair.indexOf("=");
    if (at <= 0) return;
    const attributes = new Map<string, string>();
    for (const part of parts) {
      const [name = "", ...value] = part.split("=");
      attributes.set(name.trim().toLowerCase(), value.join("=").trim());
    }
    // §5.2.3: an empty one is ignored.
    const domain = attributes.get("domain")?.replace(/^\./, "").toLowerCase() || undefined;
    if (domain !== undefined && host !== domain && !host.endsWith(`.${domain}`)) return;
    // RFC 6265bis: what asks for security isn't taken from elsewhere.
    if (attributes.has("secure") && !isSecure) return;
    const written = attributes.get("path");
    const cookie = {
      name: pair.slice(0, at),
      value: pair.slice(at + 1),
      domain: domain ?? host,
      isHostOnly: domain === undefined,
      path: written?.startsWith("/") ? written : defaultPath(path),
      isSecure: attributes.has("secure"),
      endsMs: this.endOf(attributes),
    };
    const isSame = (other: JarCookie) =>
      other.name === cookie.name && other.domain === cookie.domain && other.path === cookie.path;
    const madeIndex = this.cookies.find(isSame)?.madeIndex ?? this.madeCount++;
    this.cookies = [...this.cookies.filter((other) => !isSame(other)), { ...cookie, madeIndex }];
  }

  private endOf(attributes: ReadonlyMap<string, string>): number {
    const [age, expires] = [attributes.get("max-age"), attributes.get("expires")];
    if (age !== undefined && /^-?\d+$/.test(age)) return this.nowMs + Number(age) * 1000;
    return expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires);
  }
}

/** §5.1.4: of a request's path; a query is no part of it. */
const defaultPath = (target: string): string => {
  const path = withoutQuery(target);
  return path.slice(0, path.lastIndexOf("/")) || "/";
};

const withoutQuery = (target: string): string => target.replace(/\?.*$/s, "");

/** §5.1.4. */
const isPathMatch = (target: string, cookiePath: string): boolean => {
  const path = withoutQuery(target);
  if (path === cookiePath) return true;
  return path.startsWith(cookiePath) && (cookiePath.endsWith("/") || path.charAt(cookiePath.length) === "/");
};

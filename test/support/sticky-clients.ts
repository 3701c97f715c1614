// Clients that keep cookies, and instances that say their name, for stickiness over real sockets. A client makes a new
// connection for each visit, so that nothing but its cookies can bring it back to an instance.

import { toCookieSecret } from "../../src/model/cookie-secret.ts";
import type { ListenerStickiness } from "../../src/model/stickiness.ts";
import { CookieJar, type JarUrl } from "./cookie-jar.ts";
import { configurationOf } from "./elbow.ts";
import { FakeInstance, type Script } from "./fake-instance.ts";
import { exchange, formatResponse, type HttpResponse } from "./http-message.ts";
import { RawClient } from "./raw-client.ts";
import { serveHttp } from "./scripts.ts";

/** Duration-based stickiness, for the browser's session unless a period in seconds is given. */
export const byDuration = (period?: number): ListenerStickiness => ({
  name: "by-duration",
  type: "LBCookieStickinessPolicyType",
  attributes: period === undefined ? {} : { CookieExpirationPeriod: period },
});

/** Stickiness that follows the application's cookie. */
export const byApplication: ListenerStickiness = {
  name: "by-application",
  type: "AppCookieStickinessPolicyType",
  attributes: { CookieName: "SESSION" },
};

/** Answers with a name; signs in at …/login and out at …/logout, with these attributes; is asked for its health at /ping. */
export const answerNamed = (name: string, { attributes = "Path=/; HttpOnly", isWell = true } = {}): Script =>
  serveHttp(({ target }) => {
    if (target === "/ping") return formatResponse("", isWell ? {} : { status: "500 Sick" });
    const [, wanted] = /\/log(in|out)$/.exec(target) ?? [];
    // Elsewhere than most: a session for another place, beside the first.
    const place = target.startsWith("/other/") ? "Path=/other" : attributes;
    const cookie = `SESSION=${wanted === "in" ? "1" : "gone; Max-Age=0"}; ${place}`;
    return formatResponse(name, { headers: wanted === undefined ? [] : [["Set-Cookie", cookie]] });
  });

/** An instance that answers with its name; see {@link answerNamed}. */
export const startNamed = (name: string, attributes?: string): FakeInstance =>
  FakeInstance.start(answerNamed(name, attributes === undefined ? {} : { attributes }));

/** Three instances: a, b and c. */
export const startThree = (attributes?: string) => {
  const all = ["a", "b", "c"].map((name) => startNamed(name, attributes));
  return {
    all,
    /** The instance of this name. */
    of: (name: string) => all["abc".indexOf(name)] as FakeInstance,
    /** All but the instance of this name. */
    without: (name: string) => all.filter((_, index) => "abc"[index] !== name),
    [Symbol.dispose]: () => {
      for (const one of all) one.stop();
    },
  };
};

/** A configuration with one listener, on the same socket at every reload. */
export const sticking = (
  stickiness: ListenerStickiness | undefined,
  instances: ReadonlyArray<FakeInstance>,
  options: { readonly name?: string; readonly secrets?: ReadonlyArray<string>; readonly instancePort?: number } = {},
) => {
  const { name = "web", secrets, instancePort = 9 } = options;
  const listeners = [{ instancePort, ...(stickiness === undefined ? {} : { stickiness }) }];
  return configurationOf(
    [{ name, protocol: "HTTP", listeners, instances }],
    secrets === undefined ? {} : { cookieSecrets: secrets.map(toCookieSecret) },
  );
};

/** A browser's worth of cookies. In clear, so that cookies for TLS alone are not kept. */
export class StickyClient {
  readonly jar = new CookieJar();

  constructor(
    public port: number,
    readonly host = "site.test",
  ) {}

  /** One request on a connection of its own. */
  async get(path = "/"): Promise<HttpResponse> {
    using client = await RawClient.connect(this.port);
    const [{ host }, url] = [this, this.at(path)];
    const cookie = this.jar.header(url);
    const response = await exchange(client, path, { host, headers: cookie === "" ? [] : [["Cookie", cookie]] });
    this.jar.take(response.headers.map(([name, value]) => `${name}: ${value}`).join("\r\n"), url);
    return response;
  }

  /** The instance that answered, or the status where none did. */
  async visit(path?: string): Promise<string> {
    const { status, body } = await this.get(path);
    return status === 200 ? body.toString() : String(status);
  }

  /** Everyone who answered some visits, each once. */
  async visits(count = 5, path?: string): Promise<string> {
    const names = new Set<string>();
    for (let index = 0; index < count; index++) names.add(await this.visit(path));
    return [...names].sort().join("");
  }

  /** The value of the load balancer's cookie. */
  get value(): string {
    return this.jar.value("AWSELB", this.at("/")) ?? "";
  }

  /** How many cookies of the load balancer's go with a request. */
  countAt(path: string): number {
    return this.jar.header(this.at(path)).match(/AWSELB=/g)?.length ?? 0;
  }

  private at(path: string): JarUrl {
    return { host: this.host, path, isSecure: false };
  }
}

/** The values that a response sets our cookie to, and its companion. */
export const setValues = (response: HttpResponse): ReadonlyArray<string> =>
  response.headers.flatMap(([name, value]) =>
    name === "Set-Cookie" ? [/^AWSELB(?:CORS)?=(\w*);/.exec(value)?.[1] ?? []].flat() : [],
  );

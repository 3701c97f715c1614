// Clients that keep cookies, and instances that say their name, for stickiness over real sockets. A client makes a new
// connection for each visit, so that nothing but its cookies can bring it back to an instance.
import type { ListenerStickiness } from "../../src/model/stickiness.ts";
import { CookieJar } from "./cookie-jar.ts";
import { FakeInstance, type Script } from "./fake-instance.ts";
import { exchange, formatResponse, type HttpResponse } from "./http-message.ts";
import { RawClient } from "./raw-client.ts";
import { serveHttp } from "./scripts.ts";

/** Duration-based stickiness, for the browser's session unless a period in seconds is given. */
export const byDuration = (period?: number): ListenerStickiness => ({
  type: "LBCookieStickinessPolicyType",
  attributes: period === undefined ? {} : { CookieExpirationPeriod: period },
});

/** Stickiness that follows the application's cookie. */
export const byApplication: ListenerStickiness = {
  type: "AppCookieStickinessPolicyType",
  attributes: { CookieName: "SESSION" },
};

/** Answers with a name; signs in at /login and out at /logout, for `path`; is asked for its health at /ping. */
export const answerNamed = (name: string, { path = "/", isWell = true } = {}): Script =>
  serveHttp(({ target }) => {
    if (target === "/ping") return formatResponse("", isWell ? {} : { status: "500 Sick" });
    const cookie = `SESSION=${target === "/login" ? "1" : "gone; Max-Age=0"}; Path=${path}; HttpOnly`;
    const headers = /^\/log(in|out)$/.test(target) ? [["Set-Cookie", cookie] as const] : [];
    return formatResponse(name, { headers });
  });

/** An instance that answers with its name; see {@link answerNamed}. */
export const startNamed = (name: string, path?: string): FakeInstance =>
  FakeInstance.start(answerNamed(name, path === undefined ? {} : { path }));

/** In clear, so that cookies for TLS alone are not kept. */
const url = { host: "site.test", path: "/", isSecure: false };

/** A browser's worth of cookies. */
export class StickyClient {
  readonly jar = new CookieJar();

  constructor(public port: number) {}

  /** One request on a connection of its own. */
  async get(path = "/"): Promise<HttpResponse> {
    using client = await RawClient.connect(this.port);
    const cookie = this.jar.header(url);
    const response = await exchange(client, path, { headers: cookie === "" ? [] : [["Cookie", cookie]] });
    this.jar.take(response.headers.map(([name, value]) => `${name}: ${value}`).join("\r\n"), url);
    return response;
  }

  /** The instance that answered, or the status where none did. */
  async visit(path?: string): Promise<string> {
    const { status, body } = await this.get(path);
    return status === 200 ? body.toString() : String(status);
  }

  /** Everyone who answered some visits, each once. */
  async visits(count = 5): Promise<string> {
    const names = new Set<string>();
    for (let index = 0; index < count; index++) names.add(await this.visit());
    return [...names].sort().join("");
  }

  /** The value of the load balancer's cookie. */
  get value(): string {
    return this.jar.value("AWSELB", url) ?? "";
  }
}

/** The values that a response sets our cookie to, and its companion. */
export const setValues = (response: HttpResponse): ReadonlyArray<string> =>
  response.headers.flatMap(([name, value]) =>
    name === "Set-Cookie" ? [/^AWSELB(?:CORS)?=(\w*);/.exec(value)?.[1] ?? []].flat() : [],
  );

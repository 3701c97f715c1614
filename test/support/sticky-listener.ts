// A listener with a stickiness policy in a few lines, without sockets: heads in, lines out, members in turn.
import applicationCookie from "../../policies/stickiness/application-cookie.ts";
import loadBalancerCookie from "../../policies/stickiness/load-balancer-cookie.ts";
import { StickyTable, type StickyValues } from "../../src/balance/sticky-table.ts";
import { makeStickyValues } from "../../src/control/sticky-values.ts";
import { plainPlace } from "../../src/model/cookie-place.ts";
import { toCookieSecret } from "../../src/model/cookie-secret.ts";
import { ByteWriter } from "../../src/parse/byte-writer.ts";
import { StickySession, StickyTerms } from "../../src/pipeline/sticky-session.ts";
import type { Stickiness } from "../../src/policy/index.ts";
import { withRequest, withResponse } from "../unit/parse/http1/readers.ts";
import { wholeText } from "../unit/parse/http1/splits.ts";
import { type CookieJar, type JarUrl, jarUrl } from "./cookie-jar.ts";

export const secret = toCookieSecret("0123456789abcdef0123456789abcdef");
export const byDuration = (seconds = 0): Stickiness => loadBalancerCookie.stick!({ CookieExpirationPeriod: seconds });
export const byApplication = (): Stickiness => applicationCookie.stick!({ CookieName: "SESSION" });

interface Asked {
  readonly cookie: string;
  /** What the instance's answer has among its fields. */
  readonly sets?: string;
  readonly url?: JarUrl;
}

/** A listener in a few lines: members in turn, those out of service left out. */
export class FakeListener {
  readonly outOfService = new Set<string>();
  readonly table: StickyTable<string>;
  private readonly terms: StickyTerms<string>;
  private readonly session = new StickySession<string>();
  private turn = 0;
  proofCount = 0;
  private readonly values: StickyValues<string>;

  constructor(
    stickiness: Stickiness,
    private members: ReadonlyArray<string>,
    secrets = [secret],
    scope = { loadBalancer: "web", instancePort: 80 },
  ) {
    const values = makeStickyValues(secrets, scope, (name: string) => name);
    this.values = {
      valuesOf: values.valuesOf,
      placeOf: (bytes, start, end) => {
        this.proofCount++;
        return values.placeOf(bytes, start, end);
      },
    };
    this.table = new StickyTable(this.values);
    this.table.replace(members);
    this.terms = new StickyTerms(stickiness, this.table);
  }

  register(...members: ReadonlyArray<string>): void {
    this.members = members;
    this.table.replace(members);
  }

  /** The value of its cookie with `PATH=/`. */
  valueOf(member: string): string {
    return wholeText(this.values.valuesOf(member, plainPlace)[0] as Uint8Array);
  }

  /** Who gets the request; "" when nobody in service is named and it is balanced. */
  named({ cookie, url: { host, path } = jarUrl }: Asked): string {
    const text = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${cookie === "" ? "" : `Cookie: ${cookie}\r\n`}\r\n`;
    const inService = { has: (member: string) => this.members.includes(member) && !this.outOfService.has(member) };
    return withRequest([Buffer.from(text, "latin1")], (head, bytes) => {
      const named = this.session.ask(this.terms, head, bytes, inService) ?? "";
      // The answer comes when the head is gone.
      bytes.fill(0x3b);
      return named;
    });
  }

  /** One exchange: who served it, and the lines that its answer gets. */
  serve(asked: Asked): { readonly by: string; readonly lines: string } {
    const wanted = this.named(asked);
    const able = this.members.filter((member) => !this.outOfService.has(member));
    const by = able.includes(wanted) ? wanted : (able[this.turn++ % able.length] as string);
    const answer = `HTTP/1.1 200 OK\r\n${asked.sets ?? ""}\r\n`;
    const lines = withResponse([Buffer.from(answer, "latin1")], (head, bytes) => {
      const out = new ByteWriter(1);
      this.session.writeCookie(head, bytes, by, out);
      return wholeText(out.view());
    });
    return { by, lines };
  }
}

/** One exchange of a client that keeps what it is given: who served it. */
export const visit = (listener: FakeListener, jar: CookieJar, sets = "", url = jarUrl): string => {
  const { by, lines } = listener.serve({ cookie: jar.header(url), sets, url });
  jar.take(sets + lines, url);
  return by;
};

/** Everyone who served some exchanges, each once. */
export const visits = (count: number, listener: FakeListener, jar: CookieJar, url = jarUrl): string =>
  [...new Set(Array.from({ length: count }, () => visit(listener, jar, "", url)))].join("");

export const setSession = "Set-Cookie: SESSION=1; Path=/; HttpOnly\r\n";

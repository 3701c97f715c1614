// Requests of a client with a cookie jar, against a listener with a stickiness policy: who gets them, and what is set.
import { describe, expect, test } from "bun:test";
import applicationCookie from "../../../policies/stickiness/application-cookie.ts";
import loadBalancerCookie from "../../../policies/stickiness/load-balancer-cookie.ts";
import { StickyTable } from "../../../src/balance/sticky-table.ts";
import { makeStickyValues } from "../../../src/control/sticky-values.ts";
import { toCookieSecret } from "../../../src/model/cookie-secret.ts";
import { ByteWriter } from "../../../src/parse/byte-writer.ts";
import { StickySession, StickyTerms } from "../../../src/pipeline/sticky-session.ts";
import { definePolicyType, Schema, type Stickiness } from "../../../src/policy/index.ts";
import { CookieJar, jarUrl } from "../../support/cookie-jar.ts";
import { withRequest, withResponse } from "../parse/http1/readers.ts";
import { wholeText } from "../parse/http1/splits.ts";

const secret = toCookieSecret("0123456789abcdef0123456789abcdef");
const byDuration = (seconds = 0): Stickiness => loadBalancerCookie.stick!({ CookieExpirationPeriod: seconds });
const byApplication = (): Stickiness => applicationCookie.stick!({ CookieName: "SESSION" });

interface Asked {
  readonly cookie: string;
  /** What the instance's answer has among its fields. */
  readonly sets?: string;
}

/** A listener in a few lines: members in turn, those out of service left out. */
class FakeListener {
  readonly outOfService = new Set<string>();
  readonly table: StickyTable<string>;
  private readonly terms: StickyTerms<string>;
  private readonly session = new StickySession<string>();
  private turn = 0;
  private readonly values;

  constructor(
    stickiness: Stickiness,
    private members: ReadonlyArray<string>,
    secrets = [secret],
    scope = { loadBalancer: "web", instancePort: 80 },
  ) {
    this.values = makeStickyValues(secrets, scope, (name: string) => name);
    this.table = new StickyTable(this.values);
    this.table.replace(members);
    this.terms = new StickyTerms(stickiness, this.table);
  }

  register(...members: ReadonlyArray<string>): void {
    this.members = members;
    this.table.replace(members);
  }

  valueOf(member: string): string {
    return wholeText(this.values.valuesOf(member)[0] as Uint8Array);
  }

  /** Who gets the request; "" when nobody is named and it is balanced. */
  named({ cookie }: Asked): string {
    const text = `GET / HTTP/1.1\r\nHost: a\r\n${cookie === "" ? "" : `Cookie: ${cookie}\r\n`}\r\n`;
    return withRequest([Buffer.from(text, "latin1")], (head, bytes) => this.session.ask(this.terms, head, bytes) ?? "");
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

/** A client that keeps what it is given, and its listener. */
const visit = (listener: FakeListener, jar: CookieJar, sets = "", url = jarUrl): string => {
  const { by, lines } = listener.serve({ cookie: jar.header(url), sets });
  jar.take(sets + lines, url);
  return by;
};

const visits = (count: number, listener: FakeListener, jar: CookieJar): string =>
  [...new Set(Array.from({ length: count }, () => visit(listener, jar)))].join("");

const setSession = "Set-Cookie: SESSION=1; Path=/; HttpOnly\r\n";
const cacheLine = 'Cache-control: no-cache="set-cookie"\r\n';

describe("duration-based", () => {
  test("the first answer sets the cookie, to the byte, and no other answer does", () => {
    const listener = new FakeListener(byDuration(60), ["a", "b", "c"]);
    const value = listener.valueOf("a");
    expect(listener.serve({ cookie: "" })).toEqual({
      by: "a",
      lines:
        `Set-Cookie: AWSELB=${value};PATH=/;MAX-AGE=60\r\n` +
        `Set-Cookie: AWSELBCORS=${value};PATH=/;MAX-AGE=60;SECURE;SAMESITE=None\r\n${cacheLine}`,
    });
    expect(listener.serve({ cookie: `AWSELB=${value}` })).toEqual({ by: "a", lines: "" });
    expect(listener.serve({ cookie: `x=1; AWSELBCORS=${value}; y=2` })).toEqual({ by: "a", lines: "" });
  });

  test("another reader of cookies reads the same", () => {
    const listener = new FakeListener(byDuration(60), ["a"]);
    const written = [...listener.serve({ cookie: "" }).lines.matchAll(/^Set-Cookie: (.*)\r$/gm)].map(([, line = ""]) =>
      Bun.Cookie.parse(line),
    );
    const value = listener.valueOf("a");
    const shared = { value, path: "/", maxAge: 60 };
    expect(written).toMatchObject([
      { ...shared, name: "AWSELB", secure: false },
      { ...shared, name: "AWSELBCORS", secure: true, sameSite: "none" },
    ]);
  });

  test("without a period it lives as long as the browser", () => {
    const listener = new FakeListener(byDuration(), ["a", "b", "c"]);
    const value = listener.valueOf("a");
    expect(listener.serve({ cookie: "" }).lines).toBe(
      `Set-Cookie: AWSELB=${value};PATH=/\r\nSet-Cookie: AWSELBCORS=${value};PATH=/;SECURE;SAMESITE=None\r\n${cacheLine}`,
    );
    const jar = new CookieJar();
    expect(visits(5, listener, jar)).toBe("b");
    jar.close();
    expect(visits(5, listener, jar)).toBe("c");
  });

  test("a client stays until its cookie ends, which no request puts off", () => {
    const listener = new FakeListener(byDuration(60), ["a", "b", "c"]);
    const jar = new CookieJar();
    expect(visits(10, listener, jar)).toBe("a");
    jar.nowMs += 59_000;
    expect(visits(10, listener, jar)).toBe("a");
    jar.nowMs += 2000;
    expect(visits(10, listener, jar)).toBe("b");
  });

  test("clients have instances of their own", () => {
    const listener = new FakeListener(byDuration(60), ["a", "b", "c"]);
    const jars = ["a", "b", "c", "a"].map((by) => ({ by, jar: new CookieJar() }));
    for (const { by, jar } of jars) expect(visit(listener, jar)).toBe(by);
    for (const { by, jar } of jars.reverse()) expect(visits(3, listener, jar)).toBe(by);
  });

  test("an instance that can't be had counts as no cookie: another one with a cookie of its own, from then on", () => {
    const listener = new FakeListener(byDuration(60), ["a", "b", "c"]);
    const jar = new CookieJar();
    visit(listener, jar);
    listener.outOfService.add("a");
    const by = visit(listener, jar);
    expect(by).not.toBe("a");
    expect(jar.value("AWSELB")).toBe(listener.valueOf(by));
    listener.outOfService.clear();
    expect(visits(5, listener, jar)).toBe(by);
    listener.register("c");
    expect(visits(5, listener, jar)).toBe("c");
  });

  test("the application's own cookies don't matter", () => {
    const listener = new FakeListener(byDuration(60), ["a", "b"]);
    const jar = new CookieJar();
    visit(listener, jar, setSession);
    expect(listener.serve({ cookie: jar.header(), sets: setSession })).toEqual({ by: "a", lines: "" });
  });

  test("a member that is no longer registered gets nobody for good", () => {
    const listener = new FakeListener(byDuration(60), ["a"]);
    listener.table.replace(["b"]);
    expect(listener.serve({ cookie: "" })).toEqual({ by: "a", lines: "" });
  });
});

describe("application-controlled", () => {
  test("an answer sets the cookie only with the application's, and copies that", () => {
    const listener = new FakeListener(byApplication(), ["a", "b"]);
    const value = listener.valueOf("b");
    expect(listener.serve({ cookie: "" })).toEqual({ by: "a", lines: "" });
    const sets = "X: y\r\nSet-Cookie: SESSION=1; Path=/my_app; HttpOnly; SameSite=Lax; Priority=High\r\n";
    expect(listener.serve({ cookie: "", sets })).toEqual({
      by: "b",
      lines:
        `Set-Cookie: AWSELB=${value};Path=/my%5Fapp;HttpOnly;SameSite=Lax\r\n` +
        `Set-Cookie: AWSELBCORS=${value};Path=/my%5Fapp;HttpOnly;SECURE;SAMESITE=None\r\n${cacheLine}`,
    });
    expect(listener.serve({ cookie: `AWSELB=${value}; SESSION=1` })).toEqual({ by: "b", lines: "" });
    const trailing = "Set-Cookie: SESSION=1; Path=/;\r\n";
    expect(listener.serve({ cookie: "", sets: trailing }).lines).toBe("");
  });

  test("it ends with the application's cookie, and begins with the next", () => {
    const listener = new FakeListener(byApplication(), ["a", "b", "c"]);
    const jar = new CookieJar();
    expect(visit(listener, jar, "Set-Cookie: SESSION=1; Path=/; Max-Age=60\r\n")).toBe("a");
    expect(visits(5, listener, jar)).toBe("a");
    // Set anew, it lives anew.
    jar.nowMs += 50_000;
    expect(visit(listener, jar, "Set-Cookie: SESSION=1; Path=/; Max-Age=60\r\n")).toBe("a");
    jar.nowMs += 50_000;
    expect(visits(5, listener, jar)).toBe("a");
    jar.nowMs += 11_000;
    expect(visits(3, listener, jar)).toBe("bca");
    expect(visit(listener, jar, setSession)).toBe("b");
    expect(visits(5, listener, jar)).toBe("b");
    // The application signs the client out: both cookies go.
    visit(listener, jar, "Set-Cookie: SESSION=; Path=/; Max-Age=0\r\n");
    expect(jar.header()).toBe("");
    expect(visits(3, listener, jar)).toBe("cab");
  });

  test("without the application's cookie beside it, ours says nothing", () => {
    const listener = new FakeListener(byApplication(), ["a", "b"]);
    const cookie = `AWSELB=${listener.valueOf("b")}`;
    expect(listener.named({ cookie })).toBe("");
    expect(listener.named({ cookie: `${cookie}; session=1` })).toBe("");
    expect(listener.named({ cookie: `SESSION=; ${cookie}` })).toBe("b");
    expect(listener.serve({ cookie })).toEqual({ by: "a", lines: "" });
  });

  test("a session whose instance can't be had belongs to the new one, also when the old one is back", () => {
    const listener = new FakeListener(byApplication(), ["a", "b", "c"]);
    const jar = new CookieJar();
    const url = { ...jarUrl, path: "/app/x" };
    expect(visit(listener, jar, "Set-Cookie: SESSION=1; Path=/app; Domain=site.test\r\n", url)).toBe("a");
    listener.outOfService.add("a");
    const by = visit(listener, jar, "", url);
    expect(by).not.toBe("a");
    listener.outOfService.clear();
    for (let count = 0; count < 5; count++) expect(visit(listener, jar, "", url)).toBe(by);
    // One cookie took the place of the other.
    expect(jar.header(url).match(/AWSELB=/g)?.length).toBe(1);
    // Where it doesn't go, nothing was set.
    expect(jar.header()).toBe("");
  });

  test("so does one whose instance is gone for good; a forged one stays without", () => {
    const listener = new FakeListener(byApplication(), ["a", "b", "c"]);
    const jar = new CookieJar();
    expect(visit(listener, jar, setSession)).toBe("a");
    listener.register("b", "c");
    const by = visit(listener, jar);
    expect(by).toBe("c");
    expect(visits(5, listener, jar)).toBe("c");
    const forged = `SESSION=1; AWSELB=${"A".repeat(138)}`;
    expect(listener.serve({ cookie: forged }).lines).toBe("");
  });
});

describe("cookies that aren't ours are none", () => {
  const listener = new FakeListener(byDuration(60), ["a", "b"]);
  const value = listener.valueOf("b");
  const foreign = (secrets: ReadonlyArray<Uint8Array>, scope = { loadBalancer: "web", instancePort: 80 }) =>
    new FakeListener(byDuration(), ["b"], [...secrets], scope).valueOf("b");
  test.each<readonly [string, string]>([
    ["none", ""],
    ["empty", "AWSELB="],
    ["cut", `AWSELB=${value.slice(0, -1)}`],
    ["longer", `AWSELB=${value}0`],
    ["in lower case", `AWSELB=${value.toLowerCase()}`],
    ["one digit changed", `AWSELB=${value.slice(0, -1)}${value.endsWith("0") ? "1" : "0"}`],
    ["made up", `AWSELB=${"0123456789".repeat(14).slice(0, 138)}`],
    ["of another secret", `AWSELB=${foreign([toCookieSecret("x".repeat(32))])}`],
    ["of another load balancer", `AWSELB=${foreign([secret], { loadBalancer: "api", instancePort: 80 })}`],
    ["of another instance port", `AWSELB=${foreign([secret], { loadBalancer: "web", instancePort: 81 })}`],
    ["under another name", `AWSALB=${value}; awselb=${value}; AWSELBX=${value}`],
    ["within another", `x=AWSELB=${value}; y="AWSELB=${value}"`],
  ])("%s", (_, cookie) => {
    expect(listener.named({ cookie })).toBe("");
    const { by, lines } = listener.serve({ cookie });
    expect(lines).toContain(`AWSELB=${listener.valueOf(by)};PATH=/;MAX-AGE=60\r\n`);
  });
});

test("of several the first that is good counts, ours before the companion", () => {
  const listener = new FakeListener(byDuration(60), ["a", "b", "c"]);
  const [a, b] = [listener.valueOf("a"), listener.valueOf("b")];
  const bad = "F".repeat(138);
  const cases: ReadonlyArray<readonly [string, string]> = [
    [`AWSELB=${a}; AWSELB=${b}`, "a"],
    [`AWSELB=${bad}; AWSELB=${b}`, "b"],
    [`AWSELBCORS=${a}; AWSELB=${b}`, "b"],
    [`AWSELBCORS=${a}; AWSELBCORS=${b}`, "a"],
    [`AWSELBCORS=${a}; AWSELB=${bad}`, "a"],
    [`AWSELB="${a}"`, "a"],
  ];
  for (const [cookie, member] of cases) expect(listener.named({ cookie })).toBe(member);
});

test("a flood of made-up values costs a bounded number of proofs, and hides none that is good", () => {
  const listener = new FakeListener(byApplication(), ["a", "b"]);
  const made = Array.from({ length: 90 }, (_, index) => `AWSELB=${String(index).padStart(138, "0")}`).join("; ");
  expect(listener.named({ cookie: `${made}; AWSELB=${listener.valueOf("b")}; SESSION=1` })).toBe("b");
  // A good one of an instance that has gone isn't looked for behind them.
  const gone = new FakeListener(byApplication(), ["z"]).valueOf("z");
  expect(listener.serve({ cookie: `${made}; AWSELB=${gone}; SESSION=1` }).lines).toBe("");
  expect(listener.serve({ cookie: `AWSELB=0; AWSELB=${gone}; SESSION=1` }).lines).not.toBe("");
});

test("sessions outlive a restart, reach other nodes and survive a rotation", () => {
  const stickiness = byDuration(60);
  const jar = new CookieJar();
  expect(visits(2, new FakeListener(stickiness, ["a", "b", "c"]), jar)).toBe("a");
  // Another order of members, another turn: the same instance.
  expect(visits(3, new FakeListener(stickiness, ["c", "b", "a"]), jar)).toBe("a");
  const newer = toCookieSecret("n".repeat(32));
  const rotated = new FakeListener(stickiness, ["c", "b", "a"], [newer, secret]);
  expect(visits(3, rotated, jar)).toBe("a");
  expect(rotated.serve({ cookie: "" }).lines).toContain(new FakeListener(stickiness, ["c"], [newer]).valueOf("c"));
  // Without the old secret the client is balanced once, and then stays again.
  const after = new FakeListener(stickiness, ["c", "b", "a"], [newer]);
  expect(visits(3, after, jar)).toBe("c");
});

test("a session that is used again knows nothing of the request before", () => {
  const listener = new FakeListener(byApplication(), ["a", "b"]);
  const good = `AWSELB=${listener.valueOf("b")}; SESSION=1`;
  for (const cookie of [good, good.replace("AWSELB", "AWSELBCORS")]) {
    expect(listener.named({ cookie })).toBe("b");
    expect(listener.named({ cookie: "" })).toBe("");
    expect(listener.named({ cookie: "SESSION=1" })).toBe("");
  }
  expect(listener.serve({ cookie: "SESSION=1" }).lines).toBe("");
  const session = new StickySession<string>();
  session.reset();
  const out = new ByteWriter(1);
  withResponse([Buffer.from("HTTP/1.1 200 OK\r\n\r\n")], (head, bytes) => {
    session.writeCookie(head, bytes, "a", out);
    return "";
  });
  expect(out.length).toBe(0);
});

test("a policy of a user's own: renewed with every answer", () => {
  const rolling = definePolicyType({
    type: "RollingCookie",
    attributes: Schema.Struct({}),
    stick: () => ({ follows: () => true, renew: () => "Path=/;Max-Age=60;HttpOnly" }),
  });
  const listener = new FakeListener(rolling.stick!({}), ["a", "b"]);
  const jar = new CookieJar();
  for (let count = 0; count < 5; count++) {
    expect(visit(listener, jar)).toBe("a");
    jar.nowMs += 50_000;
  }
  jar.nowMs += 11_000;
  expect(visit(listener, jar)).toBe("b");
});

// Sessions of an application's cookie that change their instance, with a client's cookie jar: they do so once and for good,
// wherever and however the application sets its cookie, and nobody else's session comes into it.
import { describe, expect, test } from "bun:test";
import { CookieJar, type JarUrl, jarUrl } from "../../support/cookie-jar.ts";
import { byApplication, byDuration, FakeListener, setSession, visit, visits } from "../../support/sticky-listener.ts";

const setWith = (attributes: string): string =>
  `Set-Cookie: SESSION=1${attributes === "" ? "" : `; ${attributes}`}\r\n`;
const at = (path: string, host = jarUrl.host): JarUrl => ({ host, path, isSecure: true });
const countIn = (header: string): number => header.match(/AWSELB=/g)?.length ?? 0;
const startThree = () => new FakeListener(byApplication(), ["a", "b", "c"]);

/** `a` goes out of service, `url` is asked for, `a` comes back: who has the session from then on. */
const failOver = (listener: FakeListener, jar: CookieJar, url = jarUrl): string => {
  listener.outOfService.add("a");
  const by = visits(10, listener, jar, url);
  expect(by).toMatch(/^[bc]$/);
  listener.outOfService.clear();
  expect(visits(10, listener, jar, url)).toBe(by);
  return by;
};

/** How the application sets its cookie, at which address, and another that the cookie is sent to. */
const settings: ReadonlyArray<readonly [attributes: string, url: JarUrl, elsewhere: JarUrl]> = [
  ["Path=/; HttpOnly", at("/"), at("/x/y?z=/")],
  ["Path=/app; HttpOnly", at("/app/login"), at("/app")],
  ["Path=/app/; Secure; SameSite=Lax", at("/app/login"), at("/app/")],
  ["Path=/app", at("/app/login"), at("/app?x=/app/y")],
  ["Path=/a/b/c; SameSite=Strict", at("/a/b/c"), at("/a/b/c/d/e")],
  ["Path=/; Domain=site.test", at("/"), at("/x", "www.site.test")],
  ["Path=/app; Domain=.site.test; Secure; SameSite=None", at("/app", "a.b.site.test"), at("/app/x", "c.site.test")],
  ["Domain=www.site.test; Path=/", at("/", "www.site.test"), at("/", "x.www.site.test")],
  ["", at("/deep/er/login?next=/a/b"), at("/deep/er/x")],
  ["HttpOnly; Path=", at("/login"), at("/x")],
  ["Path=nowhere; Domain=", at("/deep/login"), at("/deep")],
  ["Path=/a; Path=/b", at("/b"), at("/b/c")],
  [`Path=/${"long/".repeat(60)}`, at(`/${"long/".repeat(60)}`), at(`/${"long/".repeat(60)}x`)],
];

describe.each(settings)("%j set at %j", (attributes, url, elsewhere) => {
  test("the new cookie takes the old one's place, whatever other clients were given", () => {
    const listener = startThree();
    const jar = new CookieJar();
    expect(visit(listener, jar, setWith(attributes), url)).toBe("a");
    visit(listener, new CookieJar(), setWith("Path=/b; Domain=other.example"), at("/b"));
    const by = failOver(listener, jar, elsewhere);
    expect([countIn(jar.header(url)), countIn(jar.header(elsewhere))]).toEqual([1, 1]);
    expect(visits(3, listener, jar, url)).toBe(by);
  });

  test("also at another node, or after a restart", () => {
    const jar = new CookieJar();
    expect(visit(startThree(), jar, setWith(attributes), url)).toBe("a");
    const other = new FakeListener(byApplication(), ["c", "b", "a"]);
    expect(visits(3, other, jar, url)).toBe("a");
    const by = failOver(other, jar, elsewhere);
    expect(visits(3, startThree(), jar, url)).toBe(by);
  });
});

test("it is seen by those who saw the old one", () => {
  const lines = (attributes: string, url: JarUrl): string => {
    const listener = startThree();
    const jar = new CookieJar();
    visit(listener, jar, setWith(attributes), url);
    listener.outOfService.add("a");
    return listener.serve({ cookie: jar.header(url), url }).lines.replaceAll(/[0-9A-F]{138}/g, "VALUE");
  };
  const cacheLine = 'Cache-control: no-cache="set-cookie"\r\n';
  const companion = "SECURE;SAMESITE=None\r\n";
  const place = "PATH=/app;DOMAIN=site.test";
  expect(
    lines("path=/app; domain=.site.test; max-age=9; httponly; samesite=strict; secure", at("/app/x", "a.site.test")),
  ).toBe(
    `Set-Cookie: AWSELB=VALUE;${place};SECURE;HTTPONLY;SAMESITE=Strict\r\n` +
      `Set-Cookie: AWSELBCORS=VALUE;${place};HTTPONLY;${companion}${cacheLine}`,
  );
  for (const sameSite of ["Lax", "None"]) {
    expect(lines(`Path=/; SameSite=${sameSite}`, at("/"))).toBe(
      `Set-Cookie: AWSELB=VALUE;PATH=/;SAMESITE=${sameSite}\r\n` +
        `Set-Cookie: AWSELBCORS=VALUE;PATH=/;${companion}${cacheLine}`,
    );
  }
});

test("an application that sets its cookie anew, elsewhere too, begins a session like any other", () => {
  const listener = startThree();
  const jar = new CookieJar();
  visit(listener, jar, setWith("Path=/app"), at("/app"));
  const by = failOver(listener, jar, at("/app"));
  expect(visit(listener, jar, setWith("Path=/app"), at("/app/login"))).toBe(by);
  expect(visits(3, listener, jar, at("/app"))).toBe(by);
  // Signed out: nothing of it is left, and the next session goes where its own cookie says.
  visit(listener, jar, setWith("Path=/app; Max-Age=0"), at("/app"));
  expect(jar.header(at("/app"))).toBe("");
  const next = visit(listener, jar, setWith("Path=/app"), at("/app"));
  expect(visits(3, listener, jar, at("/app"))).toBe(next);
  expect(countIn(jar.header(at("/app")))).toBe(1);
});

test("one session's change is none of another's, beside it in the same jar", () => {
  const listener = startThree();
  const jar = new CookieJar();
  expect(visit(listener, jar, setWith("Path=/shop"), at("/shop"))).toBe("a");
  expect(visit(listener, jar, setWith("Path=/admin"), at("/admin"))).toBe("b");
  const by = failOver(listener, jar, at("/shop"));
  expect(visits(3, listener, jar, at("/admin"))).toBe("b");
  expect(visits(3, listener, jar, at("/shop"))).toBe(by);
});

describe("cookies of several paths in one request lead to one instance", () => {
  const startBoth = (...members: ReadonlyArray<string>) => {
    const listener = new FakeListener(byApplication(), members);
    const jar = new CookieJar();
    // The one for the longer path is sent first (RFC 6265 §5.4).
    expect(visit(listener, jar, setWith("Path=/app"), at("/app"))).toBe("a");
    expect(visit(listener, jar, setSession, at("/"))).toBe("b");
    expect(countIn(jar.header(at("/app")))).toBe(2);
    return { listener, jar };
  };

  test("that of the first while it is in service, then for good that of the other", () => {
    const { listener, jar } = startBoth("a", "b", "c", "d");
    expect(visits(5, listener, jar, at("/app"))).toBe("a");
    expect(failOver(listener, jar, at("/app"))).toBe("b");
    listener.outOfService.add("b");
    const by = visits(5, listener, jar, at("/app"));
    expect(by).toMatch(/^[acd]$/);
    listener.outOfService.clear();
    expect(visits(5, listener, jar, at("/app"))).toBe(by);
    expect(visits(5, listener, jar, at("/"))).toBe("b");
  });

  test("the same when the first one's is deregistered and registered again, on another node", () => {
    const { jar } = startBoth("a", "b", "c", "d");
    const other = new FakeListener(byApplication(), ["d", "c", "b"]);
    expect(visits(5, other, jar, at("/app"))).toBe("b");
    other.register("a", "b", "c", "d");
    expect(visits(5, other, jar, at("/app"))).toBe("b");
  });
});

describe("where a request can't have come with the cookie's path or domain, by RFC 6265, none is made up", () => {
  const jar = new CookieJar();
  visit(startThree(), jar, setWith("Path=/app; Domain=site.test"), at("/app"));
  const cookie = jar.header(at("/app"));
  test.each([
    ["/app", "a.site.test:8080", "PATH=/app;DOMAIN=site.test"],
    ["/app", "site.test", "PATH=/app;DOMAIN=site.test"],
    ["http://a.site.test:80/app?x", "other", "PATH=/app;DOMAIN=site.test"],
    ["http://a.site.test", "a.site.test", "PATH=/;DOMAIN=site.test"],
    ["/", "site.test", "PATH=/;DOMAIN=site.test"],
    ["/apple", "site.test", "PATH=/;DOMAIN=site.test"],
    ["/ap?x", "site.test", "PATH=/;DOMAIN=site.test"],
    ["/a;b/x", "site.test", "PATH=/;DOMAIN=site.test"],
    ["/app", "notsite.test", "PATH=/app"],
    ["/app", "test", "PATH=/app"],
    ["/app", "a.b;ite.test", "PATH=/app"],
    ["/app", "[::1]:80", "PATH=/app"],
    ["/", "", "PATH=/"],
  ])("%s of %j: %s", (path, host, place) => {
    const listener = startThree();
    listener.outOfService.add("a");
    const { lines } = listener.serve({ cookie, url: at(path, host) });
    expect(lines).toMatch(new RegExp(`^Set-Cookie: AWSELB=[0-9A-F]{138};${place}\r\n`));
  });
});

test("other people's values are proved only where somebody needs to know", () => {
  const foreign = `AWSELB=${"5".repeat(138)}`;
  const simple = new FakeListener(byDuration(), ["a", "b"]);
  simple.named({ cookie: `${foreign}; SESSION=1` });
  expect(simple.proofCount).toBe(0);
  const listener = startThree();
  const own = `AWSELB=${listener.valueOf("b")}`;
  for (const cookie of [foreign, `${foreign}; ${own}`, `${own}; ${foreign}; SESSION=1`, `AWSELB=5; SESSION=1`]) {
    listener.named({ cookie });
  }
  expect(listener.proofCount).toBe(0);
  expect(listener.named({ cookie: `${foreign}; ${own}; SESSION=1` })).toBe("b");
  expect(listener.proofCount).toBe(1);
  // A value of ours is proved once, and then known.
  const jar = new CookieJar();
  visit(startThree(), jar, setWith("Path=/app"), at("/app"));
  expect(visits(5, listener, jar, at("/app"))).toBe("a");
  expect(listener.proofCount).toBe(2);
});

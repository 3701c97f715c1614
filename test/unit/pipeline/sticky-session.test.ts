// Requests of a client with a cookie jar, against a listener with a stickiness policy: who gets them, and what is set.
import { describe, expect, test } from "bun:test";
import { toCookieSecret } from "../../../src/model/cookie-secret.ts";
import { ByteWriter } from "../../../src/parse/byte-writer.ts";
import { StickySession } from "../../../src/pipeline/sticky-session.ts";
import { definePolicy, Schema } from "../../../src/policy/index.ts";
import { CookieJar, jarUrl } from "../../support/cookie-jar.ts";
import {
  byApplication,
  byDuration,
  FakeListener,
  secret,
  setSession,
  visit,
  visits,
} from "../../support/sticky-listener.ts";
import { withResponse } from "../parse/http1/readers.ts";

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
    expect(listener.serve({ cookie: "" })).toEqual({ by: "a", lines: "" });
    const sets = "X: y\r\nSet-Cookie: SESSION=1; Path=/my_app; HttpOnly; SameSite=Lax; Priority=High\r\n";
    const { by, lines } = listener.serve({ cookie: "", sets });
    const value = /AWSELB=([0-9A-F]{138});/.exec(lines)?.[1] ?? "";
    expect({ by, lines }).toEqual({
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
  expect(listener.proofCount).toBe(8);
  // A good one of an instance that has gone isn't looked for behind them.
  const gone = new FakeListener(byApplication(), ["z"]).valueOf("z");
  expect(listener.serve({ cookie: `${made}; AWSELB=${gone}; SESSION=1` }).lines).toBe("");
  expect(listener.serve({ cookie: `AWSELB=0; AWSELB=${gone}; SESSION=1` }).lines).not.toBe("");
});

test("cookies of other load balancers in front of ours don't hide it from a node that hasn't given it out", () => {
  const sets = "Set-Cookie: SESSION=1; Path=/; Secure\r\n";
  const { by, lines } = new FakeListener(byApplication(), ["a", "b"]).serve({ cookie: "", sets });
  const ours = /AWSELB=([0-9A-F]{138});/.exec(lines)?.[1] ?? "";
  const pair = (value: string) => `AWSELB=${value}; AWSELBCORS=${value}`;
  const turned = (value: string) => `AWSELBCORS=${value}; AWSELB=${value}`;
  for (const write of [pair, turned]) {
    for (const count of [2, 7]) {
      const node = new FakeListener(byApplication(), ["b", "a"]);
      const foreign = Array.from({ length: count }, (_, index) => write(String(index).padStart(138, "0")));
      expect(node.named({ cookie: [...foreign, write(ours), "SESSION=1"].join("; ") })).toBe(by);
      // Each value once, its companion not.
      expect(node.proofCount).toBe(count + 1);
    }
  }
  // Of two of ours the first is the one whose cookie comes first, wherever their companions are.
  const node = new FakeListener(byApplication(), ["b", "a"]);
  const other = new FakeListener(byApplication(), ["b"]).serve({ cookie: "", sets }).lines;
  const others = /AWSELB=([0-9A-F]{138});/.exec(other)?.[1] ?? "";
  expect(node.named({ cookie: `AWSELBCORS=${others}; AWSELB=${others}; AWSELB=${ours}; SESSION=1` })).toBe("b");
});

test("a client that makes up many paths doesn't let the others pay a proof for each request", () => {
  const listener = new FakeListener(byApplication(), ["a"]);
  const urlOf = (path: string) => ({ ...jarUrl, path });
  const ask = (path: string) => listener.serve({ cookie: "", sets: "Set-Cookie: SESSION=1\r\n", url: urlOf(path) });
  for (let length = 2; length < 40; length++) ask(`/${"x".repeat(length)}/`);
  const path = `/${"y".repeat(60)}/`;
  const value = /AWSELB=([0-9A-F]{138})/.exec(ask(path).lines)?.[1] ?? "";
  const cookie = `SESSION=1; AWSELB=${value}; AWSELBCORS=${value}`;
  for (let count = 0; count < 20; count++) expect(listener.named({ cookie, url: urlOf(path) })).toBe("a");
  expect(listener.proofCount).toBe(0);
  // When it goes on, one proof tells whose it is, and it is known again.
  for (let length = 2; length < 40; length++) ask(`/${"x".repeat(length)}/`);
  for (let count = 0; count < 20; count++) expect(listener.named({ cookie, url: urlOf(path) })).toBe("a");
  expect(listener.proofCount).toBe(1);
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
  const rolling = definePolicy({
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

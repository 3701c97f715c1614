// Health checks as they are written: ranges, defaults, targets, and the words for what is wrong.
import { describe, expect, test } from "bun:test";
import { Result } from "effect";
import { decodePart } from "../../../src/control/configuration/shape.ts";
import {
  findHealthCheckProblems,
  parseHealthCheckTarget,
  parseSuccessCodes,
  settleHealthCheck,
  spellHealthCheckTarget,
  WrittenHealthCheck,
} from "../../../src/model/health-check.ts";

/** What a check of the configuration says of a written health check: `key: problem; expected …`. */
const judge = (written: unknown): ReadonlyArray<string> => {
  const decoded = decodePart(WrittenHealthCheck, ["healthCheck"], written);
  return Result.isSuccess(decoded)
    ? []
    : decoded.failure.map(({ place, problem, expected }) => `${place.slice(1).join(".")}: ${problem}; ${expected}`);
};

test("nothing written: AWS's defaults, and a connection to the first listener's instance port", () => {
  expect(settleHealthCheck({}, 8000)).toEqual({
    target: { protocol: "TCP", port: 8000 },
    interval: 30,
    timeout: 5,
    unhealthyThreshold: 2,
    healthyThreshold: 10,
    successCodes: [{ first: 200, last: 200 }],
    headers: [],
    proxyProtocol: false,
  });
});

test("everything written", () => {
  const written = {
    target: "https:443/ping",
    interval: 10,
    timeout: 3,
    unhealthyThreshold: 4,
    healthyThreshold: 5,
    successCodes: "200-299,404",
    host: "app.test",
    headers: { "X-Check": "yes" },
    expectBody: "ok",
    proxyProtocol: false,
  };
  expect(judge(written)).toEqual([]);
  expect(findHealthCheckProblems(written)).toEqual([]);
  expect(settleHealthCheck(written, 80)).toEqual({
    ...written,
    target: { protocol: "HTTPS", port: 443, path: "/ping" },
    successCodes: [
      { first: 200, last: 299 },
      { first: 404, last: 404 },
    ],
    headers: [["X-Check", "yes"]],
  });
});

test("the default timeout gives way to a short interval", () => {
  expect(settleHealthCheck({ interval: 5 }, 80).timeout).toBe(4);
  expect(settleHealthCheck({ interval: 6 }, 80).timeout).toBe(5);
});

describe("targets", () => {
  test.each([
    ["TCP:80", "TCP:80"],
    ["ssl:65535", "SSL:65535"],
    ["HTTP:1/", "HTTP:1/"],
    ["Https:443/a/b?c=d&e=%20", "HTTPS:443/a/b?c=d&e=%20"],
    ["HTTP:80//x", "HTTP:80//x"],
    ["HTTP:80/prüfung", "HTTP:80/prüfung"],
    [`HTTP:80/${"a".repeat(1023)}`, `HTTP:80/${"a".repeat(1023)}`],
  ])("%s", (text, spelled) => {
    expect(spellHealthCheckTarget(parseHealthCheckTarget(text)!)).toBe(spelled);
  });

  test.each([
    ..."|80|TCP|TCP:|TCP:0|TCP:65536|TCP:080|TCP:80/|SSL:443/x|HTTP:80|HTTP:80ping|HTTP:/ping|UDP:53|TCP:80 ".split(
      "|",
    ),
    ...["HTTP:80/a b", "HTTP:80/a\tb", "HTTP:80/a\r\nX: y", "HTTP:80/a#b", "HTTP:80/\u0000", "HTTP:80/\ud800"],
    `HTTP:80/${"a".repeat(1024)}`,
  ])("%j is none", (text) => {
    expect(parseHealthCheckTarget(text)).toBeUndefined();
    expect(judge({ target: text })).toEqual([
      expect.stringContaining(' is not a health check target; one such as "TCP:80", "SSL:443", "HTTP:80/ping"'),
    ]);
  });
});

test.each([
  ["200", [[200, 200]]],
  [
    "200-299,404",
    [
      [200, 299],
      [404, 404],
    ],
  ],
  [
    " 200 , 300-399 ",
    [
      [200, 200],
      [300, 399],
    ],
  ],
] as const)("success codes %j", (text, ranges) => {
  expect(parseSuccessCodes(text)).toEqual(ranges.map(([first, last]) => ({ first, last })));
});

test.each(["", "20", "100", "600", "299-200", "200-", "200;404", "200,", "abc", "200-299-300", "200,".repeat(100)])(
  "%j are no success codes",
  (text) => {
    expect(parseSuccessCodes(text)).toBeUndefined();
    expect(judge({ successCodes: text })[0]).toContain("is not a list of success codes; status codes from 200 to 599");
  },
);

test.each([
  ["interval", 5, 300, "a health check interval", "seconds"],
  ["timeout", 2, 60, "a health check timeout", "seconds"],
  ["unhealthyThreshold", 2, 10, "an unhealthy threshold", "checks"],
  ["healthyThreshold", 2, 10, "a healthy threshold", "checks"],
])("%s is from %d to %d", (key, least, most, title, unit) => {
  expect(judge({ [key]: least })).toEqual([]);
  expect(judge({ [key]: most })).toEqual([]);
  for (const value of [least - 1, most + 1, least + 0.5, Number.NaN]) {
    const expected = `a whole number of ${unit} from ${least} to ${most}`;
    expect(judge({ [key]: value })).toEqual([`${key}: ${value} is not ${title}; ${expected}`]);
  }
  expect(judge({ [key]: String(least) })[0]).toContain("is a text in quotes");
});

test("a timeout is less than the interval", () => {
  expect(findHealthCheckProblems({ interval: 10, timeout: 9 })).toEqual([]);
  expect(findHealthCheckProblems({ interval: 10, timeout: 10 })).toEqual([
    {
      key: "timeout",
      problem: "10 is not less than `interval`, which is 10",
      expected: "9 or less, or a greater `interval`",
    },
  ]);
  expect(findHealthCheckProblems({ timeout: 40 })[0]?.problem).toBe(
    "40 is not less than `interval`, which is 30 by default",
  );
});

test.each(["TCP:80", "SSL:443", undefined])("what only a response can have doesn't go with %s", (target) => {
  const written = { target, successCodes: "200", host: "a", headers: {}, expectBody: "x" };
  expect(findHealthCheckProblems(written).map(({ key }) => key)).toEqual([
    "successCodes",
    "host",
    "headers",
    "expectBody",
  ]);
});

test.each(["TCP:1", "HTTP:1/", "SSL:1", "HTTPS:1/"])("a PROXY protocol header goes with %s", (target) => {
  expect(findHealthCheckProblems({ target, proxyProtocol: true })).toEqual([]);
});

test("headers that can't be set are told one by one, each at its name", () => {
  const own = "is not for a configuration to set; another header: a check has no body, and a connection of its own";
  const noName = "is no header's name; 1 to 128 letters, digits and signs without blanks (RFC 9110 §5.6.2)";
  const names = ["Host", "X-A", "connection", "Content-Length", "x-a", "X Check", "X\r\nY", "", "User-Agent", "accept"];
  expect(judge({ headers: Object.fromEntries(names.map((name) => [name, "a key"])) })).toEqual([
    "headers.Host: is not set here; `host`, beside `headers`",
    `headers.connection: ${own}`,
    `headers.Content-Length: ${own}`,
    "headers.x-a: is `X-A` again; each name once, in any case",
    `headers.X Check: ${noName}`,
    `headers.X\r\nY: ${noName}`,
    `headers.: ${noName}`,
  ]);
  const some = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`X-${index}`, ""]));
  expect(judge({ headers: some(32) })).toEqual([]);
  expect(judge({ headers: some(34) })).toEqual(["headers.X-32: is header 33; at most 32"]);
  expect(judge({ headers: 7 })).toEqual([
    'headers: 7 is not a set of headers; at most 32 such as { "X-Check": "yes" }, each name once',
  ]);
});

test("a header's value has no line end, and is never repeated", () => {
  for (const value of ["secret\r\nX: y", "secret\0", "sécret", "s".repeat(4097)]) {
    const [problem, ...others] = judge({ headers: { "X-Key": value } });
    expect(others).toEqual([]);
    expect(problem).toStartWith("headers.X-Key: the value is not a header's value; a text");
  }
});

test.each(["app.test", "app.test:8080", "10.0.0.1", "[::1]:80", "::1"])("Host %s may be", (host) => {
  expect(judge({ host })).toEqual([]);
});

test.each(["", "a b", "a:0", "a:b", "a\r\nX: y", "[::1"])("Host %j may not be", (host) => {
  expect(judge({ host })[0]).toContain("is not a Host");
});

test("an unknown key is told, with the nearest", () => {
  expect(judge({ intervall: 30 })[0]).toContain("unknown key `intervall`; did you mean `interval`?");
});

// What a balancing key may be, and in which words anything else is refused.
import { expect, test } from "bun:test";
import { refuse, web } from "../control/configuration/written.ts";

const judge = (balancingKey: unknown) => refuse(web({ attributes: { balancing: "consistent-hash", balancingKey } }));
const place = "loadBalancers.web.attributes.balancingKey";
const whole = '(expected "client-address", { header: "X-User" } or { cookie: "session" })';
const header = '(expected one of at most 128 letters, digits and hyphens such as "X-User")';

test.each<unknown>([
  "client-address",
  { header: "X-User" },
  { header: "host" },
  { cookie: "session" },
  { cookie: "_s.1~x" },
  undefined,
])("%j may be", (key) => {
  expect(judge(key)).toEqual([]);
});

test.each<readonly [unknown, string]>([
  ["clientAddress", `${place}: "clientAddress" is not a balancing key ${whole}`],
  ["X-User", `${place}: "X-User" is not a balancing key ${whole}`],
  [1, `${place}: 1 is not a balancing key ${whole}`],
  [{ header: "" }, `${place}.header: "" is not a header's name ${header}`],
  [{ header: "X User" }, `${place}.header: "X User" is not a header's name ${header}`],
  [{ header: "X:" }, `${place}.header: "X:" is not a header's name ${header}`],
  [{ header: "X\r\nY" }, `${place}.header: "X\\r\\nY" is not a header's name ${header}`],
  [{ header: "Ü" }, `${place}.header: "Ü" is not a header's name ${header}`],
  [
    { cookie: "a=b" },
    `${place}.cookie: "a=b" is not a cookie's name (expected one of at most 128 letters, digits, hyphens and underscores such as "session")`,
  ],
])("%j may not", (key, line) => {
  expect(judge(key)).toEqual([line]);
});

test("one key at a time", () => {
  const [line, ...others] = judge({ header: "X-User", cookie: "session" });
  expect([line?.startsWith(`${place}.cookie: unknown key \`cookie\``), others]).toEqual([true, []]);
});

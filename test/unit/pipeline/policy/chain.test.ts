// A chain of policies: nothing where there is nothing to ask, and no call of a phase that no policy has a hook for.
import { afterAll, afterEach, describe, expect, spyOn, test } from "bun:test";
import { type BoundPolicy, makePolicyChain, PolicyChain } from "../../../../src/pipeline/policy/chain.ts";
import { RequestPolicies } from "../../../../src/pipeline/policy/request-policies.ts";
import { answer as answerWith, type Policy, refuse, Schema } from "../../../../src/policy/index.ts";
import { answer, get, makeSessionBench, ok, say, useBenches } from "../session-bench.ts";

const bench = useBenches();

const bind = (hooks: Partial<Policy<unknown>>): BoundPolicy => ({
  name: "p",
  loadBalancer: "web",
  policy: { type: "Tested", attributes: Schema.Unknown, ...hooks },
  attributes: undefined,
  state: undefined,
  file: undefined,
  errors: new Map(),
});

const phases = ["decide", "editRequest", "editResponse", "tellFault", "log"] as const;
const spies = phases.map((phase) => [phase, spyOn(PolicyChain.prototype, phase)] as const);

const calls = (): ReadonlyArray<string> => spies.filter(([, spy]) => spy.mock.calls.length > 0).map(([phase]) => phase);

afterEach(() => {
  for (const [, spy] of spies) spy.mockClear();
});

afterAll(() => {
  for (const [, spy] of spies) spy.mockRestore();
});

describe("without a hook of traffic", () => {
  test("there is no chain", () => {
    expect(makePolicyChain([])).toBeUndefined();
    const sticky = { applicationCookie: undefined, follows: () => true, renew: () => undefined };
    expect(makePolicyChain([bind({}), bind({ stick: () => sticky, state: () => undefined })])).toBeUndefined();
  });

  test("an exchange asks nothing and makes nothing for policies", () => {
    const seen = spyOn(RequestPolicies.prototype, "decide");
    const one = bench();
    say(one, get);
    answer(one, ok);
    expect(one.client.sent).toContain("200 OK");
    expect(calls()).toEqual([]);
    expect(seen.mock.calls.length).toBe(0);
    seen.mockRestore();
  });
});

test.each([
  ["requestHead", { requestHead: () => undefined }, ["editRequest"]],
  ["responseHead", { responseHead: () => undefined }, ["editResponse"]],
  ["admit", { admit: () => undefined }, ["decide"]],
] as const)("with only %s, the other phases aren't asked", (_, hooks, expected) => {
  const asked: Array<string> = [];
  const counted = Object.fromEntries(
    Object.keys(hooks).map((phase) => [phase, () => void asked.push(phase)]),
  ) as Partial<Policy<unknown>>;
  const one = makeSessionBench({ policies: makePolicyChain([bind(counted)]) });
  say(one, get);
  answer(one, ok);
  expect(one.client.sent).toContain("200 OK");
  expect(asked).toEqual(Object.keys(hooks));
  expect(calls()).toEqual([...expected]);
  one.dispose();
});

test("an edit that its policy keeps and changes says to each instance what it says then", () => {
  const edit = { set: { "X-User": "nobody" } };
  const requestHead: Policy<unknown>["requestHead"] = (_, { path }) => {
    edit.set["X-User"] = path.slice(1);
    return edit;
  };
  const one = bench({ policies: makePolicyChain([bind({ requestHead })]) });
  for (const user of ["alice", "bob", "bob", "alice"]) {
    say(one, `GET /${user} HTTP/1.1\r\nHost: a\r\n\r\n`);
    answer(one, ok);
  }
  const told = [...one.instance.sent.matchAll(/X-User: (\w+)/g)].map(([, user]) => user);
  expect(told).toEqual(["alice", "bob", "bob", "alice"]);
});

describe("a hook that stops a request where it was to change it", () => {
  test("turns it away in requestHead", () => {
    const one = bench({ policies: makePolicyChain([bind({ requestHead: () => refuse() })]) });
    say(one, get);
    expect(one.client.sent).toContain("HTTP/1.1 403 ");
  });

  test.each([
    ["an answer", answerWith(500)],
    ["a refusal", refuse()],
    ["a list", []],
  ])("fails with %s in responseHead, where it is too late", (_, value) => {
    const policy = bind({ responseHead: () => value as never });
    const one = bench({ policies: makePolicyChain([policy]) });
    say(one, get);
    answer(one, ok);
    expect(one.client.sent).toContain("HTTP/1.1 500 ");
    expect(policy.errors.get("responseHead")).toBe(1);
  });
});

test("policies add no more headers than a client may send, however many it has sent", () => {
  const add = (count: number) => ({ add: { "X-A": Array.from({ length: count }, (_, index) => String(index)) } });
  const lines = Array.from({ length: 99 }, (_, index) => `X-${index}: 1\r\n`).join("");
  const fits = bind({ requestHead: () => add(100) });
  const one = bench({ policies: makePolicyChain([fits]) });
  say(one, `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
  expect(one.instance.sent.match(/^X-A: /gm)?.length).toBe(100);
  const [first, second] = [bind({ requestHead: () => add(60) }), bind({ requestHead: () => add(41) })];
  const other = bench({ policies: makePolicyChain([first, second]) });
  say(other, get);
  expect(other.client.sent).toContain("HTTP/1.1 500 ");
  expect([first.errors.size, second.errors.size]).toEqual([0, 1]);
});

describe("log", () => {
  const outcome = {} as Parameters<PolicyChain["log"]>[0];

  test("joins the fields of all policies, the last one's of the same name", () => {
    const chain = makePolicyChain([
      bind({ log: () => ({ a: 1, b: "x" }) }),
      bind({ log: () => undefined }),
      bind({ log: () => ({ a: undefined, b: true }) }),
    ]);
    expect(chain?.log(outcome)).toEqual({ a: 1, b: true });
    expect(makePolicyChain([bind({ admit: () => undefined })])?.log(outcome)).toBeUndefined();
  });

  test("what can't be logged is an error of that policy alone", () => {
    const broken = [
      bind({ log: () => ({ a: Number.NaN }) }),
      bind({ log: () => ({ a: {} as string }) }),
      bind({ log: () => "a" as never }),
      bind({
        log: () => {
          throw new Error("no");
        },
      }),
    ];
    const chain = makePolicyChain([bind({ log: () => ({ a: 1 }) }), ...broken]);
    expect(chain?.log(outcome)).toEqual({ a: 1 });
    expect(broken.map(({ errors }) => errors.get("log"))).toEqual([1, 1, 1, 1]);
  });
});

// Keys of consistent hash over real sockets: a header's value or a cookie's keeps its instance, keys spread, and only those of
// an instance that leaves move.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import consistentHash from "../../policies/balance/consistent-hash.ts";
import type { Attributes } from "../../src/model/attributes.ts";
import type { Protocol } from "../../src/model/protocol.ts";
import { hashText } from "../../src/policy/hash.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, greet } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const byHeader = { header: "X-User" } as const;

const configure = (
  instances: ReadonlyArray<FakeInstance>,
  balancingKey: Attributes["balancingKey"],
  { port = 0, protocol = "HTTP" }: { readonly port?: number; readonly protocol?: Protocol } = {},
) => configurationOf([{ protocol, port, instances, attributes: { balancing: "consistent-hash", balancingKey } }]);

const startNamed = (count: number): ReadonlyArray<FakeInstance> =>
  Array.from({ length: count }, (_, index) => FakeInstance.start(answerText(String(index))));

const ask = async (client: RawClient, ...headers: ReadonlyArray<readonly [string, string]>): Promise<string> =>
  (await exchange(client, "/", { headers })).body.toString();

/** Who answers to each of these values of X-User, by several clients at once. */
const ownersOf = async (port: number, keys: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const owners = new Array<string>(keys.length);
  const count = 5;
  const askEvery = async (first: number) => {
    using client = await RawClient.connect(port);
    for (let at = first; at < keys.length; at += count) owners[at] = await ask(client, ["x-user", keys[at]!]);
  };
  await Promise.all(Array.from({ length: count }, (_, first) => askEvery(first)));
  return owners;
};

/** Who is to answer, by the policy itself. */
const expectedOf = (instances: ReadonlyArray<FakeInstance>, keys: ReadonlyArray<string>): ReadonlyArray<string> => {
  const balancer = consistentHash.make({});
  const members = instances.map(({ port }, index) => ({
    id: String(index),
    name: `127.0.0.1:${port} 127.0.0.1:${port}`,
    weight: 1,
    outstanding: 0,
  }));
  for (const member of members) balancer.add(member);
  return keys.map((key) => balancer.pick(hashText(key))?.id ?? "");
};

const sharesOf = (owners: ReadonlyArray<string>): ReadonlyArray<number> => {
  const counts = new Map<string, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return [...counts.values()];
};

test("500 values of a header: each has its instance, whoever asks; only those of one that leaves move", async () => {
  const instances = startNamed(5);
  const keys = Array.from({ length: 500 }, (_, index) => `user-${index}`);
  const port = freePort();
  await using elbow = await startElbow(configure(instances, byHeader, { port }));
  const before = await ownersOf(port, keys);
  expect(before).toEqual(expectedOf(instances, keys));
  expect(await ownersOf(port, keys)).toEqual(before);
  // The share itself, which 500 keys show but roughly.
  const many = Array.from({ length: 50_000 }, (_, index) => `key ${index}`);
  const shares = sharesOf(expectedOf(instances, many));
  expect(shares.length).toBe(5);
  expect(Math.max(...shares)).toBeLessThan((1.25 * many.length) / 5);

  const leaving = "2";
  await elbow.apply(
    configure(
      instances.filter((_, index) => String(index) !== leaving),
      byHeader,
      { port },
    ),
  );
  const after = await ownersOf(port, keys);
  expect(after.filter((owner) => owner === leaving)).toEqual([]);
  expect(after.filter((_, index) => before[index] !== leaving)).toEqual(before.filter((owner) => owner !== leaving));
  expect(sharesOf(after.filter((_, index) => before[index] === leaving)).length).toBe(4);
  await elbow.apply(configure(instances, byHeader, { port }));
  expect(await ownersOf(port, keys)).toEqual(before);
  for (const instance of instances) instance.stop();
});

describe("a request without a key has its client's address for one", () => {
  test.each<readonly [string, Attributes["balancingKey"], ReadonlyArray<readonly [string, string]>]>([
    ["no header", byHeader, []],
    ["an empty header", byHeader, [["X-User", ""]]],
    ["no cookie of the name", { cookie: "user" }, [["Cookie", "User=a; users=b"]]],
    ["an empty cookie", { cookie: "user" }, [["Cookie", "user="]]],
    ["asked for nothing else", "client-address", [["X-User", "a"]]],
  ])("%s", async (_, balancingKey, headers) => {
    const instances = startNamed(8);
    await using elbow = await startElbow(configure(instances, balancingKey));
    using client = await RawClient.connect(elbow.port());
    const [expected = ""] = expectedOf(instances, ["127.0.0.1"]);
    expect([await ask(client, ...headers), await ask(client, ...headers)]).toEqual([expected, expected]);
    for (const instance of instances) instance.stop();
  });

  test("at layer 4 everybody", async () => {
    const instances = Array.from({ length: 8 }, (_, index) => FakeInstance.start(greet(String(index))));
    await using elbow = await startElbow(configure(instances, byHeader, { protocol: "TCP" }));
    const [expected] = expectedOf(instances, ["127.0.0.1"]);
    for (let round = 0; round < 4; round++) {
      using client = await RawClient.connect(elbow.port());
      expect((await client.takeBytes(1)).toString()).toBe(expected!);
    }
    for (const instance of instances) instance.stop();
  });
});

test("a cookie, wherever it stands among others; the attribute holds on change", async () => {
  const instances = startNamed(8);
  const port = freePort();
  await using elbow = await startElbow(configure(instances, { cookie: "user" }, { port }));
  using client = await RawClient.connect(port);
  const values = ["ada", "bob", "cleo", "dan", "eve", "fay", "gus", "hal"];
  const owners: Array<string> = [];
  for (const value of values) owners.push(await ask(client, ["Cookie", `a=b; user=${value}; c=d`], ["X-User", "z"]));
  expect(owners).toEqual([...expectedOf(instances, values)]);
  await elbow.apply(configure(instances, byHeader, { port }));
  const [owner = ""] = expectedOf(instances, ["z"]);
  for (const value of values) expect(await ask(client, ["Cookie", `user=${value}`], ["X-User", "z"])).toBe(owner);
  for (const instance of instances) instance.stop();
});

test("when a key's instance can't be reached, its next one answers; every time the same", async () => {
  const instances = startNamed(4);
  const keys = ["ada", "bob", "cleo", "dan", "eve", "fay"];
  await using elbow = await startElbow(configure(instances, byHeader));
  using client = await RawClient.connect(elbow.port());
  const [first = ""] = expectedOf(instances, keys);
  instances[Number(first)]!.stop();
  const left = instances.filter((_, index) => String(index) !== first);
  const expected = expectedOf(left, keys).map((owner) => String(instances.indexOf(left[Number(owner)]!)));
  for (let round = 0; round < 2; round++) {
    for (const [index, key] of keys.entries()) expect(await ask(client, ["X-User", key])).toBe(expected[index]!);
  }
  for (const instance of left) instance.stop();
});

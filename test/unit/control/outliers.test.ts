// Who is watched, by the configuration: addresses that come, stay and go, and what their members tell meanwhile.
import { expect, test } from "bun:test";
import { BackendMember } from "../../../src/backend/backend-member.ts";
import { InstanceChecks } from "../../../src/control/instance-checks.ts";
import { Outliers, type WatchedAddress } from "../../../src/control/outliers.ts";
import { Names } from "../../../src/control/resolver.ts";
import type { HealthChecker } from "../../../src/health/checker.ts";
import type { Attributes } from "../../../src/model/attributes.ts";
import { countArmedDeadlines } from "../../../src/net/deadlines.ts";
import { Endpoint } from "../../../src/net/endpoint.ts";
import { configurationOf } from "../../support/elbow.ts";

const detecting: Partial<Attributes> = {
  outlierDetection: { failures: 2, ejectionTime: 300, maxEjectionTime: 300, maxEjectedShare: 100 },
};

const instances = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((host) => ({ id: host, host, zone: host }));

const makeGround = () => {
  const changed: Array<string> = [];
  // Nothing is asked here.
  const checks = new InstanceChecks(undefined as unknown as HealthChecker["Service"], () => {});
  const outliers = new Outliers(checks, (loadBalancer) => changed.push(loadBalancer));
  const follow = (count: number, attributes: Partial<Attributes> = detecting, zone?: string) =>
    outliers.follow(
      configurationOf([{ instances: instances.slice(0, count), attributes }], zone === undefined ? {} : { zone }),
      new Names(),
    );
  const find = (index: number) => outliers.find("test", instances[index]!, instances[index]!.host);
  const watched = (index: number): BackendMember => {
    const member = new BackendMember(`i-${index}`, new Endpoint(instances[index]!.host, 9));
    member.watch = find(index);
    return member;
  };
  return { outliers, changed, follow, find, watched };
};

const failTwice = (member: BackendMember): void => {
  member.noteStatus(500);
  member.noteStatus(500);
};

test("an ejection is told once, and is the address's: another member there counts for itself", () => {
  const { changed, follow, watched, find, outliers } = makeGround();
  follow(2);
  const [one, other] = [watched(0), watched(0)];
  one.noteStatus(500);
  other.noteStatus(500);
  expect(changed).toEqual([]);
  one.noteFailure("connectRefused");
  expect([one.isInService, other.isInService]).toEqual([false, false]);
  failTwice(other);
  failTwice(one);
  expect(changed).toEqual(["test"]);
  expect(outliers.ejections).toEqual([["test", 1]]);
  expect(find(0)?.history.map(({ to, reason }) => [to, reason])).toEqual([
    ["outOfService", "2 failures in a row: connect refused"],
  ]);
  follow(0, {});
});

test("who has left, or is watched no more, is ejected no more and takes nobody's place", () => {
  const { changed, follow, watched, find } = makeGround();
  const armed = countArmedDeadlines();
  follow(3);
  const members = [0, 1, 2].map(watched);
  failTwice(members[1]!);
  failTwice(members[2]!);
  expect(countArmedDeadlines()).toBe(armed + 1);
  expect(changed).toHaveLength(2);
  follow(2);
  expect(find(2)).toBeUndefined();
  // Of two one may be ejected yet; who has left and fails on isn't counted.
  failTwice(members[2]!);
  expect(find(1)?.isEjected).toBe(true);
  follow(2, {});
  expect(find(1)).toBeUndefined();
  failTwice(members[0]!);
  expect(changed).toHaveLength(2);
  expect(countArmedDeadlines()).toBe(armed);
});

test("only addresses that this node sends to are watched, and counted", () => {
  const { follow, find } = makeGround();
  follow(3, { ...detecting, crossZone: false }, "127.0.0.2");
  expect([0, 1, 2].map((index) => find(index) instanceof Object)).toEqual([false, true, false]);
  const before: WatchedAddress | undefined = find(1);
  follow(3);
  expect([find(0) === undefined, find(1) === before]).toEqual([false, true]);
  follow(0, {});
});

// Who is watched, by the configuration: addresses that come, stay and go, and what their members tell meanwhile.
import { expect, test } from "bun:test";
import { BackendMember } from "../../../src/backend/backend-member.ts";
import { defaultBalanceTerms } from "../../../src/balance/member.ts";
import { InstanceChecks } from "../../../src/control/instance-checks.ts";
import { Outliers, type WatchedAddress } from "../../../src/control/outliers.ts";
import { Names } from "../../../src/control/resolver.ts";
import type { HealthChecker } from "../../../src/health/checker.ts";
import type { HealthTarget } from "../../../src/health/health-target.ts";
import type { Attributes } from "../../../src/model/attributes.ts";
import { countArmedDeadlines } from "../../../src/net/deadlines.ts";
import { Endpoint } from "../../../src/net/endpoint.ts";
import { configurationOf, type WrittenInstance } from "../../support/elbow.ts";

const detecting: Partial<Attributes> = {
  outlierDetection: { failures: 2, ejectionTime: 300, maxEjectionTime: 300, maxEjectedShare: 100 },
};

const instances = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((host) => ({ id: host, host, zone: host }));

const makeGround = () => {
  const changed: Array<string> = [];
  // Nobody is asked here, but a test says what checks have found.
  const checks = new InstanceChecks(undefined as unknown as HealthChecker["Service"], () => {});
  const isWell = [true, true, true];
  const healths = instances.map(
    (_, index) =>
      ({
        isRegistering: false,
        get isInService() {
          return isWell[index]!;
        },
      }) as HealthTarget,
  );
  checks.find = (_, { id }) => healths[instances.findIndex((one) => one.id === id)];
  const outliers = new Outliers(checks, (loadBalancer) => changed.push(loadBalancer));
  const followAll = (entries: ReadonlyArray<WrittenInstance>, attributes = detecting, zone?: string) =>
    outliers.follow(
      configurationOf([{ instances: entries, attributes }], zone === undefined ? {} : { zone }),
      new Names(),
    );
  const follow = (count: number, attributes: Partial<Attributes> = detecting, zone?: string) =>
    followAll(instances.slice(0, count), attributes, zone);
  const check = (index: number, isNowWell: boolean): void => {
    isWell[index] = isNowWell;
    outliers.followChecks("test");
  };
  const find = (index: number) => outliers.find("test", instances[index]!, instances[index]!.host);
  const watched = (index: number): BackendMember => {
    const member = new BackendMember(`i-${index}`, new Endpoint(instances[index]!.host, 9));
    member.follow(termsOf(find(index)), 0);
    return member;
  };
  return { outliers, changed, follow, followAll, check, find, watched };
};

const termsOf = (watch: WatchedAddress | undefined) => ({
  ...{ balance: defaultBalanceTerms, health: undefined, zone: undefined, isDrained: false },
  watch,
});

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

test("who has no share isn't counted, and keeps nobody else in service", () => {
  const { followAll, watched, find } = makeGround();
  const [live, standby, other] = [instances[0]!, instances[1]!, instances[2]!];
  followAll([live, { ...standby, weight: 0 }]);
  const members = [0, 1, 2].map(watched);
  failTwice(members[0]!);
  expect(find(0)?.isEjected).toBe(false);
  // Clients that ask for it by name do better with the other.
  failTwice(members[1]!);
  expect(find(1)?.isEjected).toBe(true);
  const half = { failures: 2, ejectionTime: 300, maxEjectionTime: 300, maxEjectedShare: 50 };
  followAll([live, { ...standby, weight: 0 }, other], { outlierDetection: half });
  members[0]!.follow(termsOf(find(0)), 0);
  expect(find(1)?.isEjected).toBe(true);
  // Of the two that count one may be ejected, and is.
  failTwice(members[0]!);
  expect([0, 1, 2].map((index) => find(index)?.isEjected)).toEqual([false, true, false]);
  followAll([live, other], { outlierDetection: half });
  failTwice(members[0]!);
  expect(find(0)?.isEjected).toBe(true);
  // Its share goes to nobody.
  followAll([live, { ...other, weight: 0 }]);
  expect(find(0)?.history.at(-1)).toMatchObject({ to: "inService", reason: "nobody else in service" });
  followAll([], {});
});

test("who has left nobody else in service comes back before its time, first whose ejection ends first", () => {
  const { changed, check, follow, watched, find } = makeGround();
  const armed = countArmedDeadlines();
  follow(3);
  const members = [0, 1, 2].map(watched);
  failTwice(members[1]!);
  failTwice(members[0]!);
  expect([0, 1, 2].map((index) => find(index)?.isInService)).toEqual([false, false, true]);
  check(2, false);
  expect([0, 1, 2].map((index) => find(index)?.isInService)).toEqual([false, true, false]);
  expect(find(1)?.history.at(-1)).toMatchObject({ to: "inService", reason: "nobody else in service" });
  // It is the last one now.
  failTwice(members[1]!);
  expect(find(1)?.isEjected).toBe(false);
  // The next is ill itself, and comes back as soon as it isn't.
  check(0, false);
  check(1, false);
  expect([0, 1, 2].map((index) => find(index)?.isInService)).toEqual([false, false, false]);
  check(0, true);
  expect([0, 1, 2].map((index) => find(index)?.isInService)).toEqual([true, false, false]);
  // Checks tell of their changes themselves.
  expect(changed).toHaveLength(2);
  expect(countArmedDeadlines()).toBe(armed);
  follow(0, {});
});

test("who is the only one left by a reload is ejected no more", () => {
  const { follow, watched, find } = makeGround();
  follow(2);
  failTwice(watched(0));
  expect(find(0)?.isEjected).toBe(true);
  follow(1);
  expect(find(0)?.isEjected).toBe(false);
  follow(0, {});
});

test("where no more may be ejected, a failure asks nobody how it is", () => {
  const { follow, watched, find, changed } = makeGround();
  let asked = 0;
  const health = {
    isRegistering: false,
    get isInService() {
      asked++;
      return true;
    },
  };
  const detection = { failures: 2, ejectionTime: 300, maxEjectionTime: 300 };
  follow(3, { outlierDetection: { ...detection, maxEjectedShare: 30 } });
  for (const index of [1, 2]) find(index)!.health = health;
  const member = watched(0);
  failTwice(member);
  failTwice(member);
  expect([asked, changed]).toEqual([0, []]);
  follow(3, { outlierDetection: { ...detection, maxEjectedShare: 40 } });
  for (const index of [1, 2]) find(index)!.health = health;
  // It has failed often enough long since.
  member.noteStatus(500);
  expect([asked > 0, changed]).toEqual([true, ["test"]]);
  follow(0, {});
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

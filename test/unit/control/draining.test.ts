// Whose time is over, as far as the walks over connections are concerned: one for all members, however many they are.
import { expect, test } from "bun:test";
import roundRobin from "../../../policies/balance/round-robin.ts";
import type { BackendMember } from "../../../src/backend/backend-member.ts";
import { defaultBalanceTerms } from "../../../src/balance/member.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import { Draining } from "../../../src/control/draining.ts";
import { Members } from "../../../src/control/members.ts";
import { Names } from "../../../src/control/resolver.ts";
import type { Service } from "../../../src/control/service.ts";
import { configurationOf } from "../../support/elbow.ts";

const undrained = { connectionDraining: { enabled: false, timeout: 300 } };

/** Instances with something in progress on each, and one service whose walks are noted. */
const makeGround = (count: number) => {
  const instances = Array.from({ length: count }, (_, index) => ({
    id: `i-${index}`,
    host: "127.0.0.1",
    port: 1 + index,
  }));
  const walks: Array<readonly [ids: string, reason: string]> = [];
  const members = new Members();
  const names = new Names();
  members.beginUse();
  const registered = instances.flatMap((instance) => members.of("test", instance, 9, names));
  members.endUse();
  for (const member of registered) member.lease();
  const service = {
    isDraining: false,
    route: { loadBalancer: "test", registered, membership: makeMembership<BackendMember>([], roundRobin) },
    connections: {
      cutFrom: (cut: ReadonlySet<BackendMember>, reason: string) => {
        walks.push([[...cut].map(({ id }) => id).join(), reason]);
      },
    },
  };
  const draining = new Draining(
    members,
    names,
    () => [service as unknown as Service],
    () => ({ interruptUnsafe: () => {} }),
  );
  return { draining, members, registered, service, walks };
};

test("members that are deregistered together are cut in one walk", () => {
  const { draining, members, walks } = makeGround(3);
  members.beginUse();
  members.endUse();
  draining.follow(configurationOf([{ instances: [], attributes: undrained }]));
  expect(walks).toEqual([["i-0,i-1,i-2", "instanceDeregistered"]]);
});

test("so are members that their checks have taken out of service, but for those that are picked all the same", () => {
  const { draining, registered, service, walks } = makeGround(4);
  const health = { isInService: false, isRegistering: false };
  const terms = { balance: defaultBalanceTerms, health, watch: undefined, zone: undefined, isDrained: false };
  for (const member of registered.slice(1)) member.follow(terms, 0);
  service.route.membership.replace([registered[3]!]);
  draining.cutUnhealthy(new Set(["other"]));
  expect(walks).toEqual([]);
  draining.cutUnhealthy(new Set(["other", "test"]));
  expect(walks).toEqual([["i-1,i-2", "instanceOutOfService"]]);
});

test("nobody walks where nothing is in progress any more", () => {
  const { draining, members, registered, walks } = makeGround(2);
  members.beginUse();
  members.endUse();
  for (const member of registered) {
    member.counters.openConnections = 1;
    member.giveBack();
  }
  draining.follow(configurationOf([{ instances: [], attributes: undrained }]));
  expect(walks).toEqual([]);
  expect(registered.map(({ isSuperseded }) => isSuperseded)).toEqual([true, true]);
});

// The counts of a load balancer beside those of its listeners: what listeners that are gone have counted stays, in bounded room.
import { expect, test } from "bun:test";
import { InstanceCounters, ListenerCounters, LoadBalancerCounters } from "../../../src/observe/counters.ts";

test("of any number of removed listeners the sums stay, of the last ones the counters themselves", () => {
  const totals = new LoadBalancerCounters();
  const removed = Array.from({ length: 40 }, () => {
    const counters = new ListenerCounters();
    counters.routed = 1;
    counters.answers[2] = 3;
    counters.countOwnAnswer(503);
    counters.latency.observe(0.2);
    counters.countDesync("SpaceInUri");
    totals.keep(counters);
    return counters;
  });
  // What is still under way on the last one counts when it is over.
  removed.at(-1)!.routed++;
  const sum = (read: (counters: ListenerCounters) => number) =>
    totals.removedListeners.reduce((total, counters) => total + read(counters), 0);
  expect(totals.removedListeners.length).toBe(16);
  expect(sum(({ routed }) => routed)).toBe(41);
  expect(sum(({ answers }) => answers[2] ?? 0)).toBe(120);
  expect(sum(({ ownAnswers }) => ownAnswers[5] ?? 0)).toBe(40);
  expect(sum(({ latency }) => latency.count)).toBe(40);
  expect(sum(({ desync }) => desync.get("SpaceInUri") ?? 0)).toBe(40);
});

test("a failed connection is the instance's and the load balancer's", () => {
  const totals = new LoadBalancerCounters();
  const one = new InstanceCounters(totals);
  const other = new InstanceCounters(totals);
  one.countFailure(false);
  other.countFailure(true);
  expect([one.connectionErrors, other.connectionErrors, totals.connectionErrors]).toEqual([1, 1, 2]);
  expect([one.authenticationErrors, other.authenticationErrors]).toEqual([0, 1]);
});

test("a status that is none is no answer of our own", () => {
  const counters = new ListenerCounters();
  counters.countOwnAnswer(0);
  counters.countOwnAnswer(700);
  expect([...counters.ownAnswers]).toEqual([0, 0, 0, 0, 0, 0]);
});

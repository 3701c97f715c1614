// "Did you mean": slips of the finger and other people's spelling are recognised, strangers are not.
import { expect, test } from "bun:test";
import { findNearestName } from "../../../../src/control/configuration/nearest-name.ts";

const known = ["listeners", "instances", "idleTimeout", "port", "instancePort"];

test.each([
  ["listners", "listeners"],
  ["Listeners", "listeners"],
  ["lisetners", "listeners"],
  ["idle_timeout", "idleTimeout"],
  ["idle-timeout", "idleTimeout"],
  ["InstancePort", "instancePort"],
  ["prot", "port"],
  ["ports", "port"],
])("%s means %s", (text, meant) => {
  expect(findNearestName(text, known)).toBe(meant);
});

test.each([
  ["TLSv1_2", "TLSv1.2"],
  ["TLSv12", "TLSv1.2"],
  ["tls1.2", "TLSv1.2"],
  ["TLSv1.0", "TLSv1"],
  ["TLSv1.4", "TLSv1.1"],
])("%s means the version %s, whatever version stands before it", (text, meant) => {
  expect(findNearestName(text, ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])).toBe(meant);
});

test.each(["", "x", "certificate", "p", "l".repeat(100_000)])("%j means nothing known", (text) => {
  expect(findNearestName(text, known)).toBeUndefined();
});

// The page on balancing: it has every policy, and its example is one that works.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { balancerPolicies, defaultBalancerPolicy } from "../../../../src/balance/balancers.ts";
import type { BalancerPolicy } from "../../../../src/policy/index.ts";
import { registerElbowModule } from "../../../../src/policy/virtual-module.ts";
import { codeBlocksOf, tableRowsOf } from "../../../support/documents.ts";
import { makeFolder } from "../../../support/folder.ts";
import { makeTableMembers, Table } from "./table.ts";

const page = readFileSync(resolve(import.meta.dir, "../../../../docs/balancing.md"), "utf8");

test("every policy is in the tables, with what listeners get by default", () => {
  const rows = tableRowsOf(page);
  for (const { name } of balancerPolicies) expect(rows.filter(([first]) => first === `\`${name}\``).length).toBe(2);
  const defaultOf = (protocols: string) =>
    rows.find((row) => row[2]?.startsWith(`the default of ${protocols} listeners`))?.[0];
  expect(defaultOf("TCP and SSL")).toBe(`\`${defaultBalancerPolicy("TCP").name}\``);
  expect(defaultOf("HTTP and HTTPS")).toBe(`\`${defaultBalancerPolicy("HTTP").name}\``);
});

test("the example works from anywhere", async () => {
  registerElbowModule();
  using folder = makeFolder();
  const [example] = codeBlocksOf(page).filter(({ language }) => language === "ts");
  const module = (await import(folder.write("first.ts", example!.code))) as { readonly default: BalancerPolicy };
  const members = makeTableMembers(3);
  const table = new Table(module.default, members);
  expect([table.lease(), table.lease(), table.pick(new Set([members[0]!]))]).toEqual([
    members[0],
    members[0],
    members[1],
  ]);
  table.balancer.remove(members[0]!);
  expect(table.picks(2)).toEqual(["i-1", "i-1"]);
});

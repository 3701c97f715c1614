// What the status says of a listener's policies: their names in the configuration.
import { expect, test } from "bun:test";
import { describeListener } from "../../../src/control/listener-status.ts";
import { decode, web } from "./configuration/written.ts";

test("policies have the names that the configuration binds them under, built-in ones too", () => {
  const [loadBalancer] = decode(
    web({
      listeners: [{ protocol: "HTTP", port: 8080, instancePort: 80, policies: ["stay"] }],
      policies: { stay: { type: "LBCookieStickinessPolicyType" } },
    }),
  ).loadBalancers;
  const [listener] = loadBalancer!.listeners;
  expect(describeListener(loadBalancer!, listener!, undefined).policies).toEqual(["stay"]);
});

// The one line for an address that can't be bound: it names the address, the cause and what moves it.
import { expect, test } from "bun:test";
import { BindError } from "../../../src/errors.ts";
import { formatBindError } from "../../../src/main/bind-refusal.ts";
import { makeDemoSource, makeFileSource, makeFlagSource } from "../../../src/main/configuration-source.ts";
import { defaultDemoPorts } from "../../../src/main/demo-ports.ts";

const bindError = (code: string, setting: string, address = "127.0.0.1") =>
  new BindError({ address, port: 8080, code, loadBalancer: "web", setting });

test.each([
  ["EADDRINUSE", "the port is taken (EADDRINUSE)"],
  ["EACCES", "this user may not bind the port (EACCES)"],
  ["EADDRNOTAVAIL", "this machine has no such address (EADDRNOTAVAIL)"],
  ["ESTRANGE", "ESTRANGE"],
])("%s", (code, words) => {
  expect(formatBindError(bindError(code, "s"), (setting) => `<${setting}>`)).toBe(
    `cannot listen on 127.0.0.1:8080: ${words}; change it with <s>`,
  );
});

test("each source names the setting as its user would change it", () => {
  const listener = "loadBalancers.web.listeners[0].port";
  expect(makeFileSource("a.ts").nameSetting(listener)).toBe(`${listener} in a.ts`);
  const flags = makeFlagSource({ from: [], to: [], managementPort: undefined });
  expect(flags.nameSetting(listener)).toBe("--from");
  expect(flags.nameSetting("management.port")).toBe("--management-port");
  const demo = makeDemoSource(defaultDemoPorts);
  expect(demo.nameSetting("loadBalancers.demo.listeners[0].port")).toStartWith("--http-port");
  expect(demo.nameSetting("loadBalancers.demo.listeners[1].port")).toStartWith("--tcp-port");
  expect(demo.nameSetting("management.port")).toStartWith("--management-port");
});

test("what moves an address that the machine doesn't have is the address", () => {
  const name = (setting: string) => setting;
  const listener = bindError("EADDRNOTAVAIL", "loadBalancers.web.listeners[0].port", "192.0.2.1");
  expect(formatBindError(listener, name)).toEndWith("change it with loadBalancers.web.address");
  const management = bindError("EADDRNOTAVAIL", "management.port", "192.0.2.1");
  expect(formatBindError(management, name)).toEndWith("change it with management.address");
});

test("whoever of this process has the port is named, but nobody stands in their own way", () => {
  const holders = [
    { name: "the management server", setting: "management", address: "127.0.0.1", port: 8080 },
    { name: "a listener of web", setting: "loadBalancers", address: "*", port: 8080 },
    { name: "a listener of api", setting: "loadBalancers", address: "127.0.0.2", port: 8080 },
  ] as const;
  const say = (setting: string, address?: string) =>
    formatBindError(bindError("EADDRINUSE", setting, address), (name) => name, holders);
  const words = "of this elbow has it until the reload is over, so it can be had with the one after (EADDRINUSE)";
  expect(say("management.port")).toBe(
    `cannot listen on 127.0.0.1:8080: a listener of web ${words}; change it with management.port`,
  );
  const listener = "loadBalancers.web.listeners[0].port";
  expect(say(listener)).toBe(
    `cannot listen on 127.0.0.1:8080: the management server ${words}; change it with ${listener}`,
  );
  expect(say(listener, "127.0.0.3")).toContain("the port is taken (EADDRINUSE)");
});

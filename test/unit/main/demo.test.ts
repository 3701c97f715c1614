// Demo mode's configuration and what a demo instance says of a request.
import { expect, test } from "bun:test";
import { makeDemoConfiguration } from "../../../src/main/demo.ts";
import { describeRequest } from "../../../src/main/demo-instance.ts";
import { defaultDemoPorts, demoFlags } from "../../../src/main/demo-ports.ts";
import { defaultSecurityPolicy } from "../../../src/tls/security-policies.ts";

const instances = [
  { id: "i-demo1", port: 40001 },
  { id: "i-demo2", port: 40002 },
];

const certificate = { cert: { text: "a certificate" }, key: { text: "its key" } };

test("four listeners on loopback, all over both instances, which speak in the clear", () => {
  const { management, loadBalancers } = makeDemoConfiguration(defaultDemoPorts, instances, certificate);
  expect(management).toEqual({ address: "127.0.0.1", port: 9090 });
  expect(loadBalancers).toHaveLength(1);
  const demo = loadBalancers[0]!;
  expect([demo.name, demo.address]).toEqual(["demo", "127.0.0.1"]);
  expect(demo.listeners.map(({ protocol, port, instanceProtocol }) => [protocol, port, instanceProtocol])).toEqual([
    ["HTTP", 8080, "HTTP"],
    ["TCP", 8081, "TCP"],
    ["HTTPS", 8443, "HTTP"],
    ["SSL", 8444, "TCP"],
  ]);
  const security = { certificates: [certificate], policy: defaultSecurityPolicy };
  expect(demo.listeners.map((listener) => listener.security)).toEqual([undefined, undefined, security, security]);
  expect(demo.instances).toEqual([
    { id: "i-demo1", host: "127.0.0.1", port: 40001 },
    { id: "i-demo2", host: "127.0.0.1", port: 40002 },
  ]);
});

test("every port of the demo has a flag that moves it, under the path of its setting", () => {
  const { loadBalancers } = makeDemoConfiguration(defaultDemoPorts, instances, certificate);
  const settings = loadBalancers.flatMap(({ name, listeners }) =>
    listeners.map((_, index) => `loadBalancers.${name}.listeners[${index}].port`),
  );
  expect(Object.keys(demoFlags)).toEqual([...settings, "management.port"]);
});

test("an instance names itself and echoes the request line, the headers as received and the size of the body", () => {
  const request = {
    method: "POST",
    url: "/a?b=c",
    httpVersion: "1.1",
    rawHeaders: ["Host", "x", "X-Forwarded-For", "127.0.0.1", "accept", "*/*", "Accept", "a/b"],
  };
  expect(describeRequest("i-demo1", request, 1)).toBe(`Hello from i-demo1. This reached me:

  POST /a?b=c HTTP/1.1
  Host: x
  X-Forwarded-For: 127.0.0.1
  accept: */*
  Accept: a/b

and a body of 1 byte.
`);
  expect(describeRequest("i-demo1", request, 0)).toEndWith("and a body of 0 bytes.\n");
});

// Checking a written configuration: what a sound one decodes to, and the exact words for everything that is wrong.
import { describe, expect, test } from "bun:test";
import { ConfigurationError } from "../../../../src/control/configuration/configuration-error.ts";
import { defaultAttributes } from "../../../../src/model/attributes.ts";
import { defaultOutlierDetection } from "../../../../src/model/outlier-detection.ts";
import { balancing, decode, listener, listening, refuse, tcp, two, web } from "./written.ts";

test("a problem is one line, whatever is told of it", () => {
  const problems = [{ path: "a", problem: "boom\r\nnext", expected: "no\nboom" }];
  expect(new ConfigurationError({ file: "x.ts", problems }).message).toBe("a: boom next (expected no boom)");
});

describe("a sound configuration", () => {
  test("decodes with protocols in upper case, addresses in one spelling and every default filled in", () => {
    const written = {
      instances: {
        "i-web1": "127.0.0.1:3001",
        "i-web2": { address: "10.0.0.5", zone: "a" },
        "i-web3": { address: "0:0::1", port: 3003, zone: undefined },
      },
      loadBalancers: {
        web: {
          address: "127.0.0.1",
          listeners: [
            { protocol: "http", port: 8080, instanceProtocol: "Http", instancePort: 80 },
            { protocol: "TCP", port: 8081, instanceProtocol: undefined, instancePort: 80 },
          ],
          instances: ["i-web1", "i-web2", "i-web3", "127.0.0.1:3003", "App.internal", "[::2]:3001", "::3"],
        },
      },
    };
    expect(decode(written)).toEqual({
      management: { address: "127.0.0.1", port: 9090 },
      shutdownGrace: 30,
      inventory: new Map([
        ["i-web1", { host: "127.0.0.1", port: 3001 }],
        ["i-web2", { host: "10.0.0.5", zone: "a" }],
        ["i-web3", { host: "::1", port: 3003 }],
      ]),
      loadBalancers: [
        {
          name: "web",
          address: "127.0.0.1",
          listeners: [
            { protocol: "HTTP", port: 8080, instanceProtocol: "HTTP", instancePort: 80 },
            { protocol: "TCP", port: 8081, instanceProtocol: "TCP", instancePort: 80 },
          ],
          instances: [
            { id: "i-web1", host: "127.0.0.1", port: 3001 },
            { id: "i-web2", host: "10.0.0.5", zone: "a" },
            { id: "i-web3", host: "::1", port: 3003 },
            { id: "127.0.0.1:3003", host: "127.0.0.1", port: 3003 },
            { id: "App.internal", host: "app.internal" },
            { id: "[::2]:3001", host: "::2", port: 3001 },
            { id: "::3", host: "::3" },
          ],
          attributes: defaultAttributes,
        },
      ],
    });
  });

  test("has what was left out absent, not undefined", () => {
    const configuration = decode(web({ address: undefined, instances: ["app"] }));
    expect(Object.keys(configuration)).toEqual(["management", "shutdownGrace", "loadBalancers"]);
    expect(Object.keys(configuration.loadBalancers[0]!)).not.toContain("address");
    expect(Object.keys(configuration.loadBalancers[0]!.instances[0]!)).toEqual(["id", "host"]);
  });

  test("keeps every setting that is written", () => {
    const attributes = {
      idleTimeout: 4000,
      connectTimeout: 0.5,
      handshakeTimeout: 0.1,
      requestHeadTimeout: 1,
      requestBodyTimeout: 0.1,
      requestBodyRate: 0,
      unreadBodyTimeout: 0,
      lingerTimeout: 0.5,
      idleConnectionTimeout: 1,
      minIdleConnections: 0,
      maxIdleConnections: 0,
      balancing: "random" as const,
      balancingKey: { header: "X-User" },
      slowStart: 60,
      connectionDraining: { enabled: false, timeout: 3600 },
      surgeQueueTimeout: 0.1,
      crossZone: false,
      accessLog: { enabled: true, stdout: true, emitInterval: 5 as const, format: "json" as const },
      panicThreshold: 50,
      outlierDetection: { failures: 1, ejectionTime: 1, maxEjectionTime: 3600, maxEjectedShare: 100 },
      desyncMitigationMode: "strictest" as const,
      webSocket: false,
      maxMethodLength: 20,
      maxRequestLineBytes: 256,
      maxHeaderBytes: 300,
      maxRequestHeadBytes: 1024,
      maxResponseHeadBytes: 2048,
      maxHeaders: 1000,
      maxReadAheadBytes: 4096,
      maxUnreadBodyBytes: 0,
    };
    expect(Object.keys(attributes)).toEqual(Object.keys(defaultAttributes));
    const configuration = decode({
      management: { address: "::1", port: 9191 },
      shutdownGrace: 0,
      maxConnections: 1_000_000,
      zone: "eu-1a",
      ...web({ attributes }),
    });
    expect(configuration).toMatchObject({
      management: { address: "::1", port: 9191 },
      shutdownGrace: 0,
      maxConnections: 1_000_000,
      zone: "eu-1a",
    });
    expect(configuration.loadBalancers[0]!.attributes).toEqual(attributes);
  });

  test("an attribute that is left out or undefined has its default, which gives way to a smaller bound", () => {
    const read = (attributes: object) => decode(web({ attributes })).loadBalancers[0]!.attributes;
    expect(read({ idleTimeout: undefined, webSocket: false })).toEqual({ ...defaultAttributes, webSocket: false });
    expect(read({ maxIdleConnections: 0 })).toMatchObject({ minIdleConnections: 0, maxIdleConnections: 0 });
    expect(read({ maxRequestHeadBytes: 2048, maxHeaderBytes: 1500 })).toMatchObject({
      maxRequestLineBytes: 2048,
      maxHeaderBytes: 1500,
      maxRequestHeadBytes: 2048,
      maxResponseHeadBytes: 65_536,
    });
  });

  test("outlier detection: a default gives way to a smaller bound, and nothing else is guessed", () => {
    const read = (outlierDetection: unknown) =>
      decode(web({ attributes: { outlierDetection } })).loadBalancers[0]!.attributes.outlierDetection;
    expect(read(true)).toBe(true);
    expect(read(undefined)).toBe(false);
    expect(read({})).toEqual(defaultOutlierDetection);
    expect(read({ failures: undefined, maxEjectionTime: 10 })).toEqual({
      ...defaultOutlierDetection,
      ejectionTime: 10,
      maxEjectionTime: 10,
    });
    expect(refuse(web({ attributes: { outlierDetection: { ejectionTime: 301 } } }))).toEqual([
      "loadBalancers.web.attributes.outlierDetection.ejectionTime: 301 is more than `maxEjectionTime`, which is 300 by default (expected 300 or less, or a greater `maxEjectionTime`)",
    ]);
    expect(
      refuse({ zone: "", ...web({ attributes: { outlierDetection: { failures: 0 }, panicThreshold: 101 } }) }),
    ).toEqual([
      'zone: "" is not a zone (expected a text of 1 to 255 characters)',
      "loadBalancers.web.attributes.outlierDetection.failures: 0 is not a number of failures (expected a whole number from 1 to 1000)",
      "loadBalancers.web.attributes.panicThreshold: 101 is not a panic threshold (expected a percentage from 0 to 100)",
    ]);
    expect(refuse(web({ attributes: { outlierDetection: 5 } }))).toEqual([
      "loadBalancers.web.attributes.outlierDetection: 5 is not a setting of outlier detection (expected true, false, or one such as { failures: 5, ejectionTime: 30, maxEjectionTime: 300, maxEjectedShare: 50 })",
    ]);
  });

  test("an inventory id takes a port of its own in the list", () => {
    const { instances } = decode(balancing(["i-a:3005"], { "i-a": { address: "10.0.0.5", port: 1, zone: "b" } }))
      .loadBalancers[0]!;
    expect(instances).toEqual([{ id: "i-a", host: "10.0.0.5", port: 3005, zone: "b" }]);
  });

  test("a draining timeout may be left out, and must be one", () => {
    const read = (connectionDraining: unknown) =>
      decode(web({ attributes: { connectionDraining } })).loadBalancers[0]!.attributes.connectionDraining;
    expect(read({ enabled: false })).toEqual({ enabled: false, timeout: 300 });
    expect(read({ enabled: true, timeout: undefined })).toEqual({ enabled: true, timeout: 300 });
    expect(refuse(web({ attributes: { connectionDraining: { enabled: "yes", timeout: 0 } } }))).toEqual([
      'loadBalancers.web.attributes.connectionDraining.enabled: "yes" is not a switch (expected true or false)',
      "loadBalancers.web.attributes.connectionDraining.timeout: 0 is not a draining timeout (expected a whole number of seconds from 1 to 3600)",
    ]);
    expect(refuse(web({ attributes: { connectionDraining: true } }))).toEqual([
      "loadBalancers.web.attributes.connectionDraining: true is not a setting of connection draining (expected one such as { enabled: true, timeout: 300 } or { enabled: false })",
    ]);
    expect(refuse(web({ attributes: { connectionDraining: { timeout: 5 } } }))).toEqual([
      "loadBalancers.web.attributes.connectionDraining.enabled: is missing (expected a switch: true or false)",
    ]);
  });

  test("an inventory entry keeps its weight, its cap and its tags", () => {
    const tags = { color: "green", "": "" };
    const entry = { address: "10.0.0.5", weight: 2, maxConnections: 1_000_000, tags };
    const { instances } = decode(balancing(["i-a"], { "i-a": entry })).loadBalancers[0]!;
    expect(instances).toEqual([{ id: "i-a", host: "10.0.0.5", weight: 2, maxConnections: 1_000_000, tags }]);
  });

  test.each([0.1, 4000, "idleTimeout"])("a surge queue timeout of %p", (surgeQueueTimeout) => {
    expect(decode(web({ attributes: { surgeQueueTimeout } })).loadBalancers[0]!.attributes).toMatchObject({
      surgeQueueTimeout,
    });
  });

  test("port 0 is for tests only", () => {
    const written = { management: { port: 0 }, ...listening({ ...listener, port: 0 }, { ...listener, port: 0 }) };
    expect(decode(written, { allowEphemeralPorts: true }).management.port).toBe(0);
    expect(refuse(written)).toEqual([
      "management.port: 0 is not a port (expected a whole number from 1 to 65535)",
      "loadBalancers.web.listeners[0].port: 0 is not a port (expected a whole number from 1 to 65535)",
      "loadBalancers.web.listeners[1].port: 0 is not a port (expected a whole number from 1 to 65535)",
    ]);
  });

  test.each([
    ["different ports", two(tcp(1), tcp(2))],
    ["different addresses", two({ address: "127.0.0.1", ...tcp(1) }, { address: "127.0.0.2", ...tcp(1) })],
    ["all of IPv4 and one IPv6", two({ address: "0.0.0.0", ...tcp(1) }, { address: "::1", ...tcp(1) })],
    ["the management port elsewhere", two({ address: "127.0.0.2", ...tcp(9090) }, tcp(1))],
    ["a moved management port", two(tcp(9090), tcp(1), { management: { port: 9091 } })],
  ])("shares nothing: %s", (_, written) => {
    expect(refuse(written)).toEqual([]);
  });
});

const apart = "(expected another port, or an `address` for each that doesn't overlap)";

describe("two that bind the same", () => {
  const clash = (address: string, other: string) =>
    `loadBalancers.two.listeners[0].port: 1 on ${address} clashes with loadBalancers.one.listeners[0].port on ${other} ${apart}`;
  test.each([
    [undefined, undefined, clash("every address", "every address")],
    ["127.0.0.1", "127.0.0.1", clash("127.0.0.1", "127.0.0.1")],
    ["::1", "0:0:0:0:0:0:0:1", clash("::1", "::1")],
    ["::ffff:127.0.0.1", "127.0.0.1", clash("127.0.0.1", "127.0.0.1")],
    ["0.0.0.0", "127.0.0.1", clash("127.0.0.1", "every IPv4 address (0.0.0.0)")],
    ["127.0.0.1", "::", clash("every address (::)", "127.0.0.1")],
    ["::", "::1", clash("::1", "every address (::)")],
    ["0.0.0.0", "::", clash("every address (::)", "every IPv4 address (0.0.0.0)")],
    [undefined, "::1", clash("::1", "every address")],
    ["0.0.0.0", undefined, clash("every address", "every IPv4 address (0.0.0.0)")],
  ])("%s and %s", (one, other, line) => {
    expect(refuse(two({ address: one, ...tcp(1) }, { address: other, ...tcp(1) }))).toEqual([line]);
  });

  test("a listener and the management server, default or written", () => {
    const at = "loadBalancers.web.listeners[0].port";
    const written = listening({ ...listener, port: 9090 });
    expect(refuse(written)).toEqual([
      `${at}: 9090 on every address clashes with management.port (its default) on 127.0.0.1 ${apart}`,
    ]);
    expect(refuse({ ...written, management: { address: "::1", port: 9090 } })).toEqual([
      `${at}: 9090 on every address clashes with management.port on ::1 ${apart}`,
    ]);
  });
});

test("all problems are told at once, in the order of the file, a broken member hiding none of its neighbours", () => {
  const written = {
    shutdownGrace: "30",
    loadBalancers: {
      web: {
        listeners: [
          { protocol: "UDP", port: 8080, instancePort: 80 },
          { protocol: "TCP", port: 8080, instancePort: 70_000, instanceProtocol: "HTTP" },
          { protocol: "HTTPS", prot: 1, policies: ["mine", "nobody's", 7] },
        ],
        instances: ["i-a", 7, "app", "app"],
        attributes: { idleTimeout: 0 },
        backendPolicies: { 443: ["auth", { ca: 1 }], none: [] },
        policies: { mine: { type: "SSLNegotiationPolicyType" }, "my own": { type: 7, attributes: [] } },
      },
      other: { listeners: [{ protocol: "TCP", port: 8080, instancePort: 80 }], instances: [] },
    },
    managment: {},
  };
  expect(refuse(written).map((line) => line.slice(0, line.indexOf(": ")))).toEqual([
    "shutdownGrace",
    "loadBalancers.web.listeners[0].protocol",
    "loadBalancers.web.listeners[1].port",
    "loadBalancers.web.listeners[1].instancePort",
    "loadBalancers.web.listeners[1].instanceProtocol",
    "loadBalancers.web.listeners[2].prot",
    "loadBalancers.web.listeners[2].policies[1]",
    "loadBalancers.web.listeners[2].policies[2]",
    "loadBalancers.web.listeners[2].port",
    "loadBalancers.web.listeners[2].instancePort",
    "loadBalancers.web.listeners[2].certificate",
    "loadBalancers.web.instances[0]",
    "loadBalancers.web.instances[1]",
    "loadBalancers.web.instances[3]",
    "loadBalancers.web.attributes.idleTimeout",
    "loadBalancers.web.backendPolicies.443[0]",
    "loadBalancers.web.backendPolicies.443[1].ca",
    "loadBalancers.web.backendPolicies.none",
    "loadBalancers.web.policies.mine.attributes",
    'loadBalancers.web.policies["my own"]',
    'loadBalancers.web.policies["my own"].type',
    'loadBalancers.web.policies["my own"].attributes',
    "loadBalancers.other.listeners[0].port",
    "managment",
  ]);
});

test("names that every object inherits are names like others", () => {
  const inherited = JSON.parse(
    '{"instances": {"constructor": "127.0.0.1:1"}, "loadBalancers": {"toString": {"listeners": [{"protocol": "TCP", "port": 1, "instancePort": 2}], "instances": ["constructor", "valueOf"]}, "__proto__": {}}}',
  );
  expect(refuse(inherited).map((line) => line.slice(0, line.indexOf(": ")))).toEqual([
    "loadBalancers.__proto__",
    "loadBalancers.__proto__.listeners",
    "loadBalancers.__proto__.instances",
  ]);
});

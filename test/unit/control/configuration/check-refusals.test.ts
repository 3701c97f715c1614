// The exact words for everything that can be wrong with a configuration, one wrong thing at a time.
import { describe, expect, test } from "bun:test";
import { defaultAttributes } from "../../../../src/model/attributes.ts";
import { balancing, listener, listening, refuse, web } from "./written.ts";

const protocols = "(expected HTTP, HTTPS, TCP or SSL)";
const port = "(expected a whole number from 1 to 65535)";
const instance = "(expected an id from `instances`, an IP address or a host name, each with an optional :port)";
const bindAddress = '(expected one such as "127.0.0.1", "0.0.0.0" or "::1")';
const name = "(expected 1 to 32 letters, digits and hyphens, no hyphen first or last)";
const attributeKeys = Object.keys(defaultAttributes)
  .map((key) => `\`${key}\``)
  .join(", ");
const idle = "(expected a whole number of seconds from 1 to 4000)";

describe("refused, in these words", () => {
  const first = "loadBalancers.web.listeners[0]";
  const second = "loadBalancers.web.listeners[1]";
  const tcpListener = { protocol: "TCP", port: 1, instancePort: 80 };
  test.each<readonly [string, unknown, ReadonlyArray<string>]>([
    ["null", null, ["the configuration: null is not a configuration (expected an object with `loadBalancers`)"]],
    ["a list", [1], ["the configuration: a list is not a configuration (expected an object with `loadBalancers`)"]],
    [
      "no load balancers key",
      {},
      ["loadBalancers: is missing (expected a set of load balancers: an object with a load balancer under each name)"],
    ],
    ["no load balancer", { loadBalancers: {} }, ["loadBalancers: is empty (expected at least one load balancer)"]],
    ["no listener", listening(), ["loadBalancers.web.listeners: is empty (expected at least one listener)"]],
    [
      "listeners that are no list",
      web({ listeners: { 0: listener } }),
      [
        'loadBalancers.web.listeners: an object is not a list of listeners (expected one such as [{ protocol: "HTTP", port: 8080, instancePort: 80 }])',
      ],
    ],
    [
      "no instances key",
      web({ instances: undefined }),
      [
        'loadBalancers.web.instances: is missing (expected a list of instances: one such as ["127.0.0.1:3001", "127.0.0.1:3002"]; an empty one is [])',
      ],
    ],
    [
      "an unknown key, misspelt",
      web({ listners: [] }),
      [
        "loadBalancers.web.listners: unknown key `listners`; did you mean `listeners`? (expected one of `address`, `listeners`, `instances`, `attributes`, `healthCheck`, `policies`, `backendPolicies`)",
      ],
    ],
    [
      "an unknown key like none",
      { ...web({}), certificate: 1 },
      [
        "certificate: unknown key `certificate` (expected one of `management`, `shutdownGrace`, `maxConnections`, `cookieSecret`, `watch`, `zone`, `account`, `region`, `telemetry`, `instances`, `loadBalancers`)",
      ],
    ],
    [
      "an unknown attribute",
      web({ attributes: { IdleTimeOut: 5 } }),
      [
        `loadBalancers.web.attributes.IdleTimeOut: unknown key \`IdleTimeOut\`; did you mean \`idleTimeout\`? (expected one of ${attributeKeys})`,
      ],
    ],
    [
      "a name with an underscore",
      { loadBalancers: { my_web: { listeners: [listener], instances: [] } } },
      [`loadBalancers.my_web: "my_web" is not a load balancer name ${name}`],
    ],
    [
      "a name that ends in a hyphen",
      { loadBalancers: { "web-": { listeners: [listener], instances: [] } } },
      [`loadBalancers.web-: "web-" is not a load balancer name ${name}`],
    ],
    [
      "a name of 33 characters",
      { loadBalancers: { ["a".repeat(33)]: { listeners: [listener], instances: [] } } },
      [`loadBalancers.${"a".repeat(33)}: "${"a".repeat(33)}" is not a load balancer name ${name}`],
    ],
    [
      "an unknown protocol",
      listening({ ...listener, protocol: "UDP" }),
      [`${first}.protocol: "UDP" is not a protocol ${protocols}`],
    ],
    ["port 70000", listening({ ...listener, port: 70_000 }), [`${first}.port: 70000 is not a port ${port}`]],
    ["port -1", listening({ ...listener, port: -1 }), [`${first}.port: -1 is not a port ${port}`]],
    ["port 80.5", listening({ ...listener, port: 80.5 }), [`${first}.port: 80.5 is not a port ${port}`]],
    ["port NaN", listening({ ...listener, port: Number.NaN }), [`${first}.port: NaN is not a port ${port}`]],
    [
      "a port in quotes",
      listening({ ...listener, port: "80" }),
      [`${first}.port: "80" is a text in quotes, not a port ${port}`],
    ],
    [
      "instance port 0",
      listening({ ...listener, instancePort: 0 }),
      [`${first}.instancePort: 0 is not a port ${port}`],
    ],
    [
      "a listener without members",
      listening({}),
      [
        `${first}.protocol: is missing (expected a protocol: HTTP, HTTPS, TCP or SSL)`,
        `${first}.port: is missing (expected a port: a whole number from 1 to 65535)`,
        `${first}.instancePort: is missing (expected a port: a whole number from 1 to 65535)`,
      ],
    ],
    [
      "one port twice",
      listening(listener, { ...listener, protocol: "TCP" }),
      [`${second}.port: 8080 is already the port of ${first} (expected a different port for each listener)`],
    ],
    [
      "HTTP behind TCP",
      listening({ ...tcpListener, instanceProtocol: "HTTP" }),
      [
        `${first}.instanceProtocol: HTTP can't stand behind a listener that speaks TCP (expected TCP or SSL behind TCP and SSL)`,
      ],
    ],
    [
      "TCP behind HTTP",
      listening({ ...listener, instanceProtocol: "tcp" }),
      [
        `${first}.instanceProtocol: TCP can't stand behind a listener that speaks HTTP (expected HTTP or HTTPS behind HTTP and HTTPS)`,
      ],
    ],
    [
      "SSL behind, on an instance port that also gets HTTP",
      listening(listener, { ...tcpListener, instanceProtocol: "SSL" }),
      [
        `${second}.instancePort: 80 gets SSL here and HTTP from ${first} (expected HTTP and TCP, or HTTPS and SSL, but not both kinds to one instance port)`,
      ],
    ],
    [
      "idle timeout 0",
      web({ attributes: { idleTimeout: 0 } }),
      [`loadBalancers.web.attributes.idleTimeout: 0 is not an idle timeout ${idle}`],
    ],
    [
      "idle timeout 4001",
      web({ attributes: { idleTimeout: 4001 } }),
      [`loadBalancers.web.attributes.idleTimeout: 4001 is not an idle timeout ${idle}`],
    ],
    [
      "idle timeout 1.5",
      web({ attributes: { idleTimeout: 1.5 } }),
      [`loadBalancers.web.attributes.idleTimeout: 1.5 is not an idle timeout ${idle}`],
    ],
    [
      "other times out of range",
      web({ attributes: { connectTimeout: 0, requestHeadTimeout: Number.POSITIVE_INFINITY } }),
      [
        "loadBalancers.web.attributes.connectTimeout: 0 is not a connect timeout (expected a number of seconds from 0.1 to 300)",
        "loadBalancers.web.attributes.requestHeadTimeout: Infinity is not a request head timeout (expected a number of seconds from 0.1 to 4000)",
      ],
    ],
    [
      "attributes of the wrong kind",
      web({
        attributes: { desyncMitigationMode: "paranoid", webSocket: "yes", maxHeaders: "100", maxHeaderBytes: 1.5 },
      }),
      [
        'loadBalancers.web.attributes.desyncMitigationMode: "paranoid" is not a desync mitigation mode (expected "monitor", "defensive" or "strictest")',
        'loadBalancers.web.attributes.webSocket: "yes" is not a switch (expected true or false)',
        'loadBalancers.web.attributes.maxHeaders: "100" is a text in quotes, not a number of headers (expected a whole number from 1 to 1000)',
        "loadBalancers.web.attributes.maxHeaderBytes: 1.5 is not a header limit (expected a whole number of bytes from 256 to 1048576)",
      ],
    ],
    [
      "limits beyond others that bound them",
      web({
        attributes: {
          minIdleConnections: 4,
          maxIdleConnections: 3,
          maxRequestHeadBytes: 200_000,
          maxHeaderBytes: 100_000,
        },
      }),
      [
        "loadBalancers.web.attributes.minIdleConnections: 4 is more than `maxIdleConnections`, which is 3 (expected 3 or less, or a greater `maxIdleConnections`)",
        "loadBalancers.web.attributes.maxHeaderBytes: 100000 is more than `maxResponseHeadBytes`, which is 65536 by default (expected 65536 or less, or a greater `maxResponseHeadBytes`)",
      ],
    ],
    [
      "a method and a request line beyond theirs",
      web({ attributes: { maxMethodLength: 1000, maxRequestLineBytes: 512, maxRequestHeadBytes: 1024 } }),
      [
        "loadBalancers.web.attributes.maxMethodLength: 1000 is more than `maxRequestLineBytes`, which is 512 (expected 512 or less, or a greater `maxRequestLineBytes`)",
      ],
    ],
    [
      "a limit whose bound is itself broken",
      web({ attributes: { maxRequestLineBytes: 100_000, maxRequestHeadBytes: "200000" } }),
      [
        'loadBalancers.web.attributes.maxRequestHeadBytes: "200000" is a text in quotes, not a request head limit (expected a whole number of bytes from 1024 to 4194304)',
      ],
    ],
    [
      "attributes that are no object",
      web({ attributes: ["idleTimeout"] }),
      ["loadBalancers.web.attributes: a list is not a set of attributes (expected one such as { idleTimeout: 60 })"],
    ],
    [
      "process-wide limits out of range",
      { shutdownGrace: 3601, maxConnections: 0, ...web({}) },
      [
        "shutdownGrace: 3601 is not a shutdown grace (expected a number of seconds from 0 to 3600)",
        "maxConnections: 0 is not a number of connections (expected a whole number from 1 to 1000000)",
      ],
    ],
    [
      "a bind address that is a name",
      web({ address: "localhost" }),
      [`loadBalancers.web.address: "localhost" is not an IP address ${bindAddress}`],
    ],
    [
      "management for everyone",
      { management: { address: "0.0.0.0" }, ...web({}) },
      [
        "management.address: 0.0.0.0 can be reached from other machines, and there is no `tls`, and no `token` or `tokenFile` (expected `tls` and `token` or `tokenFile` beside it, or a loopback address such as 127.0.0.1 or ::1)",
      ],
    ],
    [
      "an inventory id that isn't there",
      balancing(["i-wbe1"], { "i-web1": "127.0.0.1" }),
      [`loadBalancers.web.instances[0]: "i-wbe1" is not in the inventory; did you mean "i-web1"? ${instance}`],
    ],
    [
      "an inventory id and no inventory",
      balancing(["i-web1:80"]),
      [`loadBalancers.web.instances[0]: "i-web1" is not in the inventory ${instance}`],
    ],
    [
      "a text that is no host name but nearly an id",
      balancing(["web-1-"], { "web-1": "127.0.0.1" }),
      [`loadBalancers.web.instances[0]: "web-1-" is not in the inventory; did you mean "web-1"? ${instance}`],
    ],
    [
      "an address out of range",
      balancing(["10.0.0.300"]),
      [`loadBalancers.web.instances[0]: "10.0.0.300" is not an instance ${instance}`],
    ],
    [
      "a bad override",
      balancing(["127.0.0.1:99999"]),
      [`loadBalancers.web.instances[0]: "127.0.0.1:99999" is not an instance ${instance}`],
    ],
    [
      "a URL",
      balancing(["http://app:80"]),
      [`loadBalancers.web.instances[0]: "http://app:80" is not an instance ${instance}`],
    ],
    [
      "an instance that is a number",
      balancing([3001]),
      [`loadBalancers.web.instances[0]: 3001 is not an instance ${instance}`],
    ],
    [
      "an override where listeners have different instance ports",
      web({
        listeners: [listener, { ...tcpListener, instancePort: 81 }],
        instances: ["127.0.0.1", "127.0.0.2:3001"],
      }),
      [
        'loadBalancers.web.instances[1]: port 3001 of "127.0.0.2:3001" overrides the instance port, but the listeners have different ones (80, 81) (expected an instance without a port, or a load balancer for each instance port)',
      ],
    ],
    [
      "an override from the inventory where listeners have different instance ports",
      {
        instances: { "i-a": { address: "127.0.0.2", port: 3001 } },
        ...web({ listeners: [listener, { ...tcpListener, instancePort: 81 }], instances: ["i-a"] }),
      },
      [
        'loadBalancers.web.instances[0]: port 3001 of "i-a" overrides the instance port, but the listeners have different ones (80, 81) (expected an instance without a port, or a load balancer for each instance port)',
      ],
    ],
    [
      "one instance twice",
      balancing(["app", "app"]),
      ['loadBalancers.web.instances[1]: "app" is already loadBalancers.web.instances[0] (expected each instance once)'],
    ],
    [
      "one server under two names",
      balancing(["i-a", "127.0.0.1:3001", "127.0.0.1", "127.0.0.1:80"], { "i-a": "127.0.0.1:3001" }),
      [
        'loadBalancers.web.instances[1]: "127.0.0.1:3001" is the same server as "i-a", loadBalancers.web.instances[0] (expected each instance once)',
        'loadBalancers.web.instances[3]: "127.0.0.1:80" is the same server as "127.0.0.1", loadBalancers.web.instances[2] (expected each instance once)',
      ],
    ],
    [
      "inventory entries that are none",
      {
        instances: {
          "": "app",
          "10.0.0.1": "app",
          "i-a": "a b",
          "i-b": { addres: "app" },
          "i-c": 7,
          "i-d": { address: "app:80" },
          "i-e": { address: "app", tags: { color: 1 } },
        },
        ...web({ instances: ["i-a", "i-b", "i-c", "i-d"] }),
      },
      [
        // An id that reads as an index would move to the front of an object; these don't.
        'instances[""]: "" is not an instance id (expected letters, digits, hyphens, dots and underscores, beginning with a letter or digit, and not an IP address)',
        'instances["10.0.0.1"]: "10.0.0.1" is not an instance id (expected letters, digits, hyphens, dots and underscores, beginning with a letter or digit, and not an IP address)',
        'instances.i-a: "a b" is not an address or host name (expected one such as "10.0.0.5", "10.0.0.5:3001", "[::1]:3001" or "app.internal")',
        "instances.i-b.addres: unknown key `addres`; did you mean `address`? (expected one of `address`, `port`, `weight`, `maxConnections`, `zone`, `tags`)",
        'instances.i-b.address: is missing (expected an address or host name: one such as "10.0.0.5", "::1" or "app.internal", without a port)',
        'instances.i-c: 7 is not an inventory entry (expected an address such as "10.0.0.5:3001", or an object such as { address: "10.0.0.5", port: 3001, zone: "a" })',
        'instances.i-d.address: "app:80" is not an address or host name (expected one such as "10.0.0.5", "::1" or "app.internal", without a port)',
        "instances.i-e.tags.color: 1 is not a tag (expected a text)",
      ],
    ],
  ])("%s", (_, written, lines) => {
    expect(refuse(written)).toEqual([...lines]);
  });
});

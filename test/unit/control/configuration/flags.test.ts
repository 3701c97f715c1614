// The flags of `serve`: the configuration that they mean, and their problems in their own terms.
import { describe, expect, test } from "bun:test";
import { Effect, Result } from "effect";
import { type Flags, fromFlags } from "../../../../src/control/configuration/flags.ts";
import { defaultAttributes } from "../../../../src/model/attributes.ts";

const read = (from: ReadonlyArray<string>, to: ReadonlyArray<string>, rest: Partial<Flags> = {}) =>
  Effect.runSync(Effect.result(fromFlags({ from, to, ...rest })));

const decode = (...flags: Parameters<typeof read>) => Result.getOrThrow(read(...flags));

const refuse = (...flags: Parameters<typeof read>): ReadonlyArray<string> => {
  const result = read(...flags);
  return Result.isFailure(result) ? result.failure.message.split("\n") : [];
};

describe("a configuration without a file", () => {
  test("one listener and two instances, each with its own port", () => {
    expect(decode(["http://127.0.0.1:8080"], ["127.0.0.1:3001", "127.0.0.1:3002"])).toEqual({
      management: { address: "127.0.0.1", port: 9090 },
      shutdownGrace: 30,
      loadBalancers: [
        {
          name: "serve",
          address: "127.0.0.1",
          listeners: [{ protocol: "HTTP", port: 8080, instanceProtocol: "HTTP", instancePort: 3001 }],
          instances: [
            { id: "127.0.0.1:3001", host: "127.0.0.1", port: 3001 },
            { id: "127.0.0.1:3002", host: "127.0.0.1", port: 3002 },
          ],
          attributes: defaultAttributes,
        },
      ],
    });
  });

  test("each bind address is a load balancer of its own", () => {
    const { loadBalancers } = decode(
      ["http://localhost:8080", "tcp://[::1]:5432", "TCP://127.0.0.1:81", "http://*:82/", "tcp://:83"],
      ["[::1]:3001", "App.internal:90"],
    );
    expect(
      loadBalancers.map(({ name, address, listeners }) => [
        name,
        address,
        ...listeners.map(({ protocol, port }) => `${protocol} ${port}`),
      ]),
    ).toEqual([
      ["serve-1", "127.0.0.1", "HTTP 8080", "TCP 81"],
      ["serve-2", "::1", "TCP 5432"],
      ["serve-3", undefined, "HTTP 82", "TCP 83"],
    ]);
    for (const { instances } of loadBalancers) {
      expect(instances.map(({ host, port }) => [host, port])).toEqual([
        ["::1", 3001],
        ["app.internal", 90],
      ]);
    }
  });

  test("HTTP is port 80 on both sides where none is written", () => {
    const [loadBalancer] = decode(["http://127.0.0.1"], ["app"]).loadBalancers;
    expect(loadBalancer?.listeners[0]?.port).toBe(80);
    expect(loadBalancer?.instances[0]?.port).toBe(80);
  });

  test("the management port moves, and makes way", () => {
    expect(decode(["http://:9090"], ["app"], { managementPort: 9091 }).management.port).toBe(9091);
  });
});

const from = "(expected one such as http://127.0.0.1:8080 or tcp://[::1]:5432)";
const to = "(expected one such as 127.0.0.1:3001, [::1]:3001 or app.internal:3001)";

describe("refused, in terms of the flags", () => {
  test.each<readonly [ReadonlyArray<string>, ReadonlyArray<string>, ReadonlyArray<string>]>([
    [[], [], [`--from: is missing ${from}`, `--to: is missing ${to}`]],
    [
      ["127.0.0.1:8080"],
      ["app"],
      [`--from 127.0.0.1:8080: has no scheme ${from}`, "--to app: has no port (expected app:5432 with your port)"],
    ],
    [
      ["https://:443"],
      ["app:1"],
      [
        "--from https://:443: https is not built yet (expected http://:443; elbow doesn't serve https in clear instead)",
      ],
    ],
    [
      ["ssl://:443"],
      ["app:1"],
      ["--from ssl://:443: ssl is not built yet (expected tcp://:443; elbow doesn't serve ssl in clear instead)"],
    ],
    [["udp://:53"], ["app:1"], ["--from udp://:53: udp is not a scheme (expected http or tcp)"]],
    [
      ["http://app:80"],
      ["app:1"],
      ["--from http://app:80: app is not an IP address (expected 127.0.0.1, [::1], another one or * for all)"],
    ],
    [
      ["tcp://127.0.0.1"],
      ["app:1"],
      ["--from tcp://127.0.0.1: has no port (expected tcp://127.0.0.1:5432 with your port)"],
    ],
    [["http://:0"], ["app:1"], ["--from http://:0: 0 is not a port (expected a whole number from 1 to 65535)"]],
    [
      ["http://:80/api"],
      ["app:1"],
      ["--from http://:80/api: /api can't be told apart by a listener (expected http://:80)"],
    ],
    [["http://:80"], ["http://app:1/"], ["--to http://app:1/: has a scheme, which --from decides (expected app:1)"]],
    [
      ["http://:80"],
      ["10.0.0.300:1"],
      [`--to 10.0.0.300:1: 10.0.0.300:1 is not an address or host name with a port ${to}`],
    ],
    [
      ["http://:80"],
      ["i-web1:1"],
      [`--to i-web1:1: is an instance id, and flags have no inventory to find it in ${to}`],
    ],
    [["tcp://:80"], ["app"], ["--to app: has no port (expected app:5432 with your port)"]],
    [
      ["http://127.0.0.1:80", "tcp://127.0.0.1:80"],
      ["app:1"],
      [
        "--from tcp://127.0.0.1:80: 80 is already the port of --from http://127.0.0.1:80 (expected a different port for each listener)",
      ],
    ],
    [
      ["http://127.0.0.1:80", "tcp://:80"],
      ["app:1"],
      [
        "--from tcp://:80: 80 on every address clashes with --from http://127.0.0.1:80 on 127.0.0.1 (expected another port, or an `address` for each that doesn't overlap)",
      ],
    ],
    [
      ["http://:9090"],
      ["app:1"],
      [
        "--from http://:9090: 9090 on every address clashes with --management-port (its default) on 127.0.0.1 (expected another port, or an `address` for each that doesn't overlap)",
      ],
    ],
    [
      ["http://127.0.0.1:80", "http://[::1]:80"],
      ["app:1", "app:1"],
      ['--to app:1: "app:1" is already --to app:1 (expected each instance once)'],
    ],
  ])("--from %j --to %j", (fronts, servers, lines) => {
    expect(refuse(fronts, servers)).toEqual([...lines]);
  });
});

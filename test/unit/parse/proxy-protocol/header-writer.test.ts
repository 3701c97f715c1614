// What is written of a connection, byte for byte in version 1, part for part in version 2; and that the reader reads it.
import { describe, expect, test } from "bun:test";
import type { ProxiedConnection, ProxiedTls } from "../../../../src/model/proxied-connection.ts";
import type { ProxyHeaderRead } from "../../../../src/parse/proxy-protocol/header.ts";
import { readProxyHeader } from "../../../../src/parse/proxy-protocol/header-reader.ts";
import { writeProxyHeader } from "../../../../src/parse/proxy-protocol/header-writer.ts";
import { ends4, ends6, proxyBlock, proxyVector, vectorsIn } from "../../../support/proxy-header.ts";

const ipv4: ProxiedConnection = {
  clientAddress: "192.168.0.1",
  clientPort: 56324,
  proxyAddress: "192.168.0.11",
  proxyPort: 443,
};
const ipv6: ProxiedConnection = { ...ipv4, clientAddress: "2001:db8::1", proxyAddress: "2001:db8::b" };

const line = (connection: ProxiedConnection): string => Buffer.from(writeProxyHeader(1, connection)).toString("latin1");

const block = (connection: ProxiedConnection): Buffer => Buffer.from(writeProxyHeader(2, connection));

describe("version 1", () => {
  test.each<readonly [ProxiedConnection, string]>([
    [ipv4, "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"],
    [
      { clientAddress: "198.51.100.22", clientPort: 35646, proxyAddress: "203.0.113.7", proxyPort: 80 },
      "PROXY TCP4 198.51.100.22 203.0.113.7 35646 80\r\n",
    ],
    [ipv6, "PROXY TCP6 2001:db8::1 2001:db8::b 56324 443\r\n"],
    [
      { ...ipv4, clientAddress: "::ffff:192.168.0.1", proxyAddress: "::FFFF:c0a8:b" },
      "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
    ],
    [{ ...ipv6, clientAddress: "2001:DB8:0:0::1" }, "PROXY TCP6 2001:db8::1 2001:db8::b 56324 443\r\n"],
    // Both ends have one family; hexadecimal alone, as §2.1 has it.
    [{ ...ipv6, proxyAddress: "10.0.0.5" }, "PROXY TCP6 2001:db8::1 ::ffff:a00:5 56324 443\r\n"],
    [{ ...ipv6, clientAddress: "::ffff:0.0.0.1" }, "PROXY TCP6 ::ffff:0:1 2001:db8::b 56324 443\r\n"],
    [{ ...ipv4, clientPort: 0, proxyPort: 65535 }, "PROXY TCP4 192.168.0.1 192.168.0.11 0 65535\r\n"],
    // No word for a connection of the proxy's own (§2.1: "it SHOULD build a valid PROXY line").
    [{ ...ipv4, isLocal: true }, "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"],
    // Nothing of TLS fits in.
    [
      { ...ipv4, tls: { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" } },
      "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
    ],
  ])("%j", (connection, expected) => {
    expect(line(connection)).toBe(expected);
    expect(readProxyHeader(writeProxyHeader(1, connection))).toMatchObject({ version: 1, bytesTaken: expected.length });
  });

  test("the longest is the longest of the specification", () => {
    const address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    const longest = { clientAddress: address, clientPort: 65535, proxyAddress: address, proxyPort: 65535 };
    expect(line(longest).length).toBe(104);
  });
});

describe("version 2", () => {
  test("addresses and ports", () => {
    expect(block(ipv4)).toEqual(proxyBlock({ family: 0x11, addresses: ends4 }));
    expect(block(ipv6)).toEqual(proxyBlock({ family: 0x21, addresses: ends6 }));
    const mapped = { ...ipv4, clientAddress: "::ffff:192.168.0.1" };
    expect(block(mapped)).toEqual(proxyBlock({ family: 0x11, addresses: ends4 }));
    const addresses = Buffer.from(`${"00".repeat(10)}ffffc0a80001${ends6.toString("hex", 16)}`, "hex");
    expect(block({ ...ipv6, clientAddress: "192.168.0.1" })).toEqual(proxyBlock({ family: 0x21, addresses }));
  });

  test("a connection of the proxy's own is LOCAL, without family and addresses, whatever is known of it", () => {
    const local = proxyBlock({ command: 0x20, family: 0 });
    const tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" };
    for (const connection of [ipv4, ipv6, { ...ipv4, clientAddress: "" }, { ...ipv4, tls }]) {
      expect(block({ ...connection, isLocal: true })).toEqual(local);
    }
    expect(readProxyHeader(local)).toEqual({ version: 2, bytesTaken: 16, endpoints: undefined } as ProxyHeaderRead);
  });

  /** The vectors behind the addresses, those of TLS in their own map. */
  const settled = (tls: ProxiedTls) => {
    const bytes = writeProxyHeader(2, { ...ipv4, tls });
    expect(readProxyHeader(bytes)).toEqual({ version: 2, bytesTaken: bytes.length, endpoints: ipv4 });
    const vectors = vectorsIn(bytes.subarray(28));
    const value = Buffer.from(vectors.get(0x20) ?? "", "latin1");
    vectors.delete(0x20);
    return {
      outside: Object.fromEntries(vectors),
      client: value[0],
      verify: value.readUInt32BE(1),
      inside: Object.fromEntries(vectorsIn(value.subarray(5))),
    };
  };

  const tls: ProxiedTls = { version: "TLSv1.2", cipher: "ECDHE-RSA-AES128-GCM-SHA256" };

  test("what TLS settled, byte for byte", () => {
    const vectors = [
      proxyVector(0x01, "h2"),
      proxyVector(0x02, "app.test"),
      proxyVector(
        0x20,
        Buffer.concat([
          Uint8Array.of(7, 0, 0, 0, 0),
          proxyVector(0x21, Buffer.from("TLSv1.3")),
          proxyVector(0x23, Buffer.from("TLS_AES_256_GCM_SHA384")),
          proxyVector(0x22, Buffer.from("Zoë")),
        ]),
      ),
    ];
    const said: ProxiedTls = {
      version: "TLSv1.3",
      cipher: "TLS_AES_256_GCM_SHA384",
      serverName: "app.test",
      applicationProtocol: "h2",
      clientCertificate: { commonName: "Zoë", isVerified: true },
    };
    expect(block({ ...ipv4, tls: said })).toEqual(proxyBlock({ family: 0x11, addresses: ends4, vectors }));
  });

  test("only what is known is said", () => {
    const inside = { 33: "TLSv1.2", 35: "ECDHE-RSA-AES128-GCM-SHA256" };
    expect(settled(tls)).toEqual({ outside: {}, client: 1, verify: 1, inside });
    expect(settled({ ...tls, serverName: "", applicationProtocol: "" })).toEqual(settled(tls));
    expect(settled({ ...tls, clientCertificate: { isVerified: true } })).toEqual({
      ...{ outside: {}, client: 7, verify: 0, inside },
    });
  });

  test.each<readonly [ProxiedTls["clientCertificate"], boolean | undefined, number, number]>([
    [undefined, undefined, 1, 1],
    // Zero means a certificate that was verified (§2.2.6): never a client without one.
    [undefined, true, 1, 1],
    [{ commonName: "x", isVerified: true }, undefined, 7, 0],
    [{ commonName: "x", isVerified: true }, false, 7, 0],
    [{ commonName: "x", isVerified: true }, true, 5, 0],
    [{ commonName: "x", isVerified: false }, false, 7, 1],
    [{ commonName: "x", isVerified: false }, true, 5, 1],
  ])("certificate %j, resumed %j", (clientCertificate, isResumed, client, verify) => {
    const said = settled({
      ...tls,
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
      ...(isResumed === undefined ? {} : { isResumed }),
    });
    expect([said.client, said.verify, said.inside[34]]).toEqual([client, verify, clientCertificate?.commonName]);
  });

  test("a value that is too long is left out, never cut", () => {
    const [longest, tooLong] = ["n".repeat(255), "n".repeat(256)];
    const certificate = (commonName: string) => ({ clientCertificate: { commonName, isVerified: true } });
    const most = settled({ ...tls, serverName: longest, applicationProtocol: longest, ...certificate(longest) });
    expect([most.outside, most.inside[34]]).toEqual([{ 1: longest, 2: longest }, longest]);
    const none = settled({ ...tls, serverName: tooLong, applicationProtocol: tooLong, ...certificate(tooLong) });
    expect([none.outside, none.inside[34], none.client]).toEqual([{}, undefined, 7]);
    // By bytes, not by characters.
    expect(settled({ ...tls, ...certificate("é".repeat(128)) }).inside[34]).toBeUndefined();
  });
});

test.each<readonly [string, Partial<ProxiedConnection>]>([
  ["no client address", { clientAddress: "" }],
  ["no proxy address", { proxyAddress: "" }],
  ["a name", { clientAddress: "localhost" }],
  ["a zone", { clientAddress: "fe80::1%eth0" }],
  ["a line of its own", { clientAddress: "1.2.3.4 5.6.7.8 1 2\r\nGET /" }],
  ["leading zeros", { proxyAddress: "010.0.0.1" }],
  ["a number with a zero before it", { clientAddress: "1.2.3.00" }],
  ["a number too high", { clientAddress: "1.2.256.4" }],
  ["three numbers", { clientAddress: "1.2.3" }],
  ["five numbers", { proxyAddress: "1.2.3.4.5" }],
  ["no number", { proxyAddress: "1..3.4" }],
  ["no last number", { clientAddress: "1.2.3." }],
  ["a blank behind it", { clientAddress: "1.2.3.4 " }],
  ["a sign", { clientAddress: "1.2.3.-4" }],
  ["a port beyond the last", { clientPort: 65_536 }],
  ["a port below the first", { proxyPort: -1 }],
  ["half a port", { clientPort: 0.5 }],
  ["no port", { clientPort: Number.NaN }],
])("ends that can't be said are unknown: %s", (_, wrong) => {
  const connection = { ...ipv4, ...wrong };
  expect(line(connection)).toBe("PROXY UNKNOWN\r\n");
  expect(block(connection)).toEqual(proxyBlock({ family: 0 }));
  for (const version of [1, 2] as const) {
    expect(readProxyHeader(writeProxyHeader(version, connection))).toMatchObject({ version, endpoints: undefined });
  }
});

test("what is written once isn't changed by what is written next", () => {
  const first = writeProxyHeader(2, ipv4);
  const copy = first.slice();
  writeProxyHeader(2, ipv6);
  expect(first).toEqual(copy);
});

test("numbers of any length", () => {
  for (const port of [0, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 65_535]) {
    const ends = {
      clientAddress: "0.9.10.255",
      proxyAddress: "100.99.1.0",
      clientPort: port,
      proxyPort: 65_535 - port,
    };
    expect(line(ends)).toBe(`PROXY TCP4 0.9.10.255 100.99.1.0 ${port} ${65_535 - port}\r\n`);
    for (const version of [1, 2] as const) {
      expect(readProxyHeader(writeProxyHeader(version, ends))).toMatchObject({ version, endpoints: ends });
    }
  }
});

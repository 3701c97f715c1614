// Whose exchange or connection an outcome was: the client's own address and port, or those that a trusted proxy's PROXY
// header names, at layer 4 and 7, in clear and behind TLS, served or refused.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { parseAddressBlock } from "../../src/model/address-block.ts";
import { writeProxyHeader } from "../../src/parse/proxy-protocol/header-writer.ts";
import { startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo } from "../support/scripts.ts";
import { secureListener } from "../support/secure-listener.ts";

setDefaultTimeout(30_000);

const trustedProxies = [parseAddressBlock("127.0.0.0/8")!];
const ends = { clientAddress: "198.51.100.22", clientPort: 35_646, proxyAddress: "203.0.113.7", proxyPort: 80 };
const ends6 = { clientAddress: "2001:db8::22", clientPort: 65_535, proxyAddress: "2001:db8::7", proxyPort: 443 };
const told = { clientAddress: ends.clientAddress, clientPort: ends.clientPort };

const ownOf = ({ localPort }: RawClient) => ({ clientAddress: "127.0.0.1", clientPort: localPort });

test("without a header: its own, at layer 4 and 7", async () => {
  using outcomes = new Outcomes();
  using web = FakeInstance.start(answerText("hi"));
  await using http = await startElbow({ protocol: "HTTP", instances: [web] });
  using client = await RawClient.connect(http.port());
  await exchange(client, "/");
  await exchange(client, "/again");
  expect(await outcomes.at(1)).toMatchObject(ownOf(client));
  expect(outcomes.all[0]).toMatchObject({ status: 200, ...ownOf(client) });

  using plain = FakeInstance.start(echo);
  await using tcp = await startElbow({ protocol: "TCP", instances: [plain] });
  using other = await RawClient.connect(tcp.port());
  await other.send("hello");
  await other.takeBytes(5);
  await other.close();
  expect(await outcomes.at(2)).toMatchObject({ status: 0, receivedBytes: 5, ...ownOf(other) });
});

describe("behind a PROXY header", () => {
  test.each([
    ["version 1", writeProxyHeader(1, ends), told],
    ["version 2", writeProxyHeader(2, ends), told],
    ["IPv6", writeProxyHeader(2, ends6), { clientAddress: ends6.clientAddress, clientPort: ends6.clientPort }],
  ])("what it says: %s", async (_, header, expected) => {
    using outcomes = new Outcomes();
    using web = FakeInstance.start(answerText("hi"));
    await using http = await startElbow({ protocol: "HTTP", listeners: [{ trustedProxies }], instances: [web] });
    using client = await RawClient.connect(http.port());
    await client.send(header);
    await exchange(client, "/");
    expect(await outcomes.at(0)).toMatchObject({ status: 200, ...expected });

    using plain = FakeInstance.start(echo);
    await using tcp = await startElbow({ protocol: "TCP", listeners: [{ trustedProxies }], instances: [plain] });
    using other = await RawClient.connect(tcp.port());
    await other.send(Buffer.concat([header, Buffer.from("hello")]));
    await other.takeBytes(5);
    await other.close();
    expect(await outcomes.at(1)).toMatchObject({ status: 0, receivedBytes: 5, ...expected });
  });

  test("its own where it names nobody, and where it isn't trusted", async () => {
    using outcomes = new Outcomes();
    using plain = FakeInstance.start(echo);
    await using local = await startElbow({ protocol: "TCP", listeners: [{ trustedProxies }], instances: [plain] });
    const stranger = [parseAddressBlock("192.0.2.0/24")!];
    const listeners = [{ trustedProxies: stranger }];
    await using distrusting = await startElbow({ protocol: "TCP", listeners, instances: [plain] });
    const headers = [writeProxyHeader(2, { ...ends, isLocal: true }), writeProxyHeader(1, ends)];
    for (const [index, elbow] of [local, distrusting].entries()) {
      using client = await RawClient.connect(elbow.port());
      await client.send(Buffer.concat([headers[index]!, Buffer.from("hello")]));
      await client.takeUntil("hello");
      await client.close();
      expect(await outcomes.at(index)).toMatchObject(ownOf(client));
    }
  });

  test("of requests that elbow answers itself, and of headers and handshakes that fail", async () => {
    using outcomes = new Outcomes();
    await using http = await startElbow({ protocol: "HTTP", listeners: [{ trustedProxies }], instances: [] });
    const line = writeProxyHeader(1, ends);
    using client = await RawClient.connect(http.port());
    await client.send(Buffer.concat([line, formatRequest("/")]));
    expect((await readResponse(client)).status).toBe(503);
    expect(await outcomes.at(0)).toMatchObject({ reason: "noInstance", ...told });

    using broken = await RawClient.connect(http.port());
    await broken.send("PROXY TCP4 nobody\r\n");
    await broken.receiveEnd();
    expect(await outcomes.at(1)).toMatchObject({ reason: "proxyHeaderMalformed", ...ownOf(broken) });

    const listeners = [{ ...(await secureListener("HTTPS")), trustedProxies }];
    await using https = await startElbow({ listeners, instances: [] });
    using clear = await RawClient.connect(https.port());
    await clear.send(Buffer.concat([line, formatRequest("/")]));
    await clear.receiveEnd();
    await clear.close();
    expect(await outcomes.at(2)).toMatchObject({ reason: "handshakeNotTls", ...told });
  });
});

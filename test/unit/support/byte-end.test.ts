// The test support itself: what RawClient and FakeInstance report must be what really happened on the wire, or no
// integration test is worth anything.
import { afterEach, describe, expect, test } from "bun:test";
import { CutError } from "../../support/byte-end.ts";
import { digestOf, sendStream } from "../../support/byte-stream.ts";
import { eventually, within } from "../../support/eventually.ts";
import { FakeInstance, type Script } from "../../support/fake-instance.ts";
import { formatResponse, header, headerValues, readResponse } from "../../support/http-message.ts";
import { noNewSockets, openSockets } from "../../support/leaks.ts";
import { countSockets, freePort, startSilentPort, tcpState } from "../../support/port.ts";
import { RawClient } from "../../support/raw-client.ts";

const cleanups: Array<() => void> = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const pair = async (script: Script) => {
  const instance = FakeInstance.start(script);
  const client = await RawClient.connect(instance.port);
  cleanups.push(
    () => instance.stop(),
    () => client.dispose(),
  );
  return { instance, client };
};

describe("how a connection ended", () => {
  test("FIN is eof, and the other direction goes on", async () => {
    const { client, instance: firstInstance } = await pair((connection) => connection.halfClose());
    expect(await client.receiveEnd()).toBe("eof");
    await client.send("after your FIN");
    await client.halfClose();
    await firstInstance.connections[0]!.waitFor(() => firstInstance.connections[0]!.isDone, "both directions over");
    expect(firstInstance.connections[0]!.receivedBytes).toBe(14);
    const { instance, client: other } = await pair(async (connection) => {
      const all = await connection.takeToEnd();
      await connection.send(`got ${all}`);
      await connection.close();
    });
    await other.send("one");
    await other.halfClose();
    expect((await other.takeToEnd()).toString()).toBe("got one");
    expect(instance.connections[0]!.ending).toBe("eof");
  });

  test("RST is reset, from either side", async () => {
    const { client } = await pair((connection) => connection.reset());
    expect(await client.receiveEnd()).toBe("reset");
    const { instance, client: other } = await pair(() => {});
    await instance.connection();
    other.reset();
    expect(await instance.connections[0]!.receiveEnd()).toBe("reset");
    expect(other.ending).toBe("closed");
  });

  test("a cut is a CutError with what had come", async () => {
    const { client } = await pair(async (connection) => {
      await connection.send("abc");
      await connection.close();
    });
    const error = await client.takeBytes(4).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(CutError);
    expect((error as CutError).partial.toString()).toBe("abc");
  });

  test("a refused connection rejects", async () => {
    await expect(RawClient.connect(freePort())).rejects.toThrow();
  });
});

describe("bytes", () => {
  test("arrive in order, are taken by count and by pattern, and are counted", async () => {
    const { client, instance } = await pair(async (connection) => {
      await connection.takeUntil("\r\n");
      await connection.sendSlowly("0123456789\r\nrest", 3);
      await connection.close();
    });
    await client.send("hello\r\n");
    expect((await client.takeBytes(4)).toString()).toBe("0123");
    expect((await client.takeUntil("\r\n")).toString()).toBe("456789\r\n");
    expect((await client.takeToEnd()).toString()).toBe("rest");
    expect(client.receivedBytes).toBe(16);
    expect(Buffer.concat(instance.connections[0]!.recorded).toString()).toBe("hello\r\n");
  });

  test("a paused reader stalls the sender; a digest sees the whole stream", async () => {
    const totalBytes = 24 * 1024 * 1024;
    const { client, instance } = await pair(async (connection) => {
      await sendStream(connection, totalBytes, 7);
      await connection.halfClose();
    });
    client.pauseReading();
    const connection = await instance.connection();
    let lastBytes = -1;
    await eventually(
      async () => {
        const isStill = connection.sentBytes === lastBytes && lastBytes > 0;
        lastBytes = connection.sentBytes;
        await Bun.sleep(30);
        return isStill;
      },
      { what: "a stalled sender" },
    );
    expect(connection.sentBytes).toBeLessThan(totalBytes);
    client.resumeReading();
    expect(await client.digest()).toEqual(digestOf(totalBytes, 7));
  });

  test("a digest of a part leaves the rest", async () => {
    const { client } = await pair(async (connection) => {
      await sendStream(connection, 1_000_003, 9);
      await connection.send("tail");
    });
    expect(await client.digest(1_000_003)).toEqual(digestOf(1_000_003, 9));
    expect((await client.takeBytes(4)).toString()).toBe("tail");
    expect(digestOf(1_000_003, 9)).not.toEqual(digestOf(1_000_003, 10));
  });
});

describe("HTTP messages", () => {
  const answer = async (wire: string, method?: string) => {
    const { client } = await pair(async (connection) => {
      await connection.send(wire);
      await connection.close();
    });
    return readResponse(client, method === undefined ? {} : { method });
  };

  test("keep exact header text and order, repeated lines and interim responses", async () => {
    const response = await answer(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 Fine: so\r\nX-B: 2\r\nx-a:1\r\nX-B: 3\r\nContent-Length: 2\r\n\r\nok",
    );
    expect(response.interim).toEqual([{ startLine: "HTTP/1.1 103 Early Hints", headers: [["Link", "</a>"]] }]);
    expect(response).toMatchObject({ status: 200, reason: "Fine: so", framing: "length", body: Buffer.from("ok") });
    expect(response.headers.map(([name]) => name)).toEqual(["X-B", "x-a", "X-B", "Content-Length"]);
    expect(headerValues(response, "x-b")).toEqual(["2", "3"]);
    expect(() => header(response, "x-b")).toThrow("2 lines of x-b");
  });

  test("chunked, close-delimited and bodiless ones", async () => {
    const chunked = await answer(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n",
    );
    expect(chunked).toMatchObject({ framing: "chunked", body: Buffer.from("abc"), trailers: [["T", "1"]] });
    expect(await answer("HTTP/1.1 200 OK\r\n\r\nto the end")).toMatchObject({
      framing: "close",
      body: Buffer.from("to the end"),
    });
    expect(await answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD")).toMatchObject({ framing: "none" });
    expect(await answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")).toMatchObject({ framing: "none" });
  });

  test.each([
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    "HTTP/1.1 200 OK\r\nContent-Le",
  ])("a cut one is a CutError: %j", async (wire) => {
    await expect(answer(wire)).rejects.toBeInstanceOf(CutError);
  });

  test.each([
    "HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
  ])("a malformed one fails: %j", async (wire) => {
    const error = await answer(wire).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(CutError);
  });

  test("an instance reads requests and answers them on one connection", async () => {
    const { client, instance } = await pair(async (connection) => {
      for (
        let request = await connection.readRequest();
        request !== undefined;
        request = await connection.readRequest()
      ) {
        await connection.send(formatResponse(`${request.method} ${request.target} ${request.body}`));
      }
      await connection.close();
    });
    await client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    expect((await readResponse(client)).body.toString()).toBe("GET /a ");
    expect((await readResponse(client)).body.toString()).toBe("POST /b abc");
    await client.halfClose();
    expect(await client.receiveEnd()).toBe("eof");
    expect(instance.requests.map(({ target }) => target)).toEqual(["/a", "/b"]);
  });
});

describe("waiting and looking", () => {
  test("eventually and within fail in time, with the last state", async () => {
    await expect(eventually(() => false, { timeoutMs: 20, what: "never" })).rejects.toThrow(
      "never did not hold within 20 ms",
    );
    await expect(within(new Promise(() => {}), 10, () => "stuck")).rejects.toThrow("stuck (after 10 ms)");
    expect(await eventually(() => 5 as number | undefined)).toBe(5);
  });

  test("a silent port leaves a dial in SYN_SENT", async () => {
    const silent = await startSilentPort();
    cleanups.push(silent.stop);
    expect(countSockets(silent.port, tcpState.synSent)).toBeGreaterThan(0);
  });

  test("an open socket is seen as a leak until it is closed", async () => {
    const { instance, client } = await pair(() => {});
    await instance.connection();
    instance.stop();
    client.dispose();
    const baseline = openSockets();
    const { instance: late, client: open } = await pair(() => {});
    await expect(noNewSockets(baseline, 50)).rejects.toThrow("sockets are left open");
    late.stop();
    open.dispose();
    await noNewSockets(baseline);
  });
});

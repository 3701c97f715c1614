// The longest lists that a header may hold: they are read and written again in a time that grows as they do, and no faster.
import { expect, setDefaultTimeout, test } from "bun:test";
import { startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { formatResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const KIB = 1024;

/** As many times `element` as fit into `bytes` with `last` behind them. */
const fill = (element: string, last: string, bytes: number): string =>
  element.repeat(Math.floor((bytes - last.length) / element.length)) + last;

const post = (lines: string): string => `POST / HTTP/1.1\r\nHost: test\r\n${lines}\r\n0\r\n\r\n`;

/** What is sent must have gone on at this length at least, so that nobody gets around the work. */
interface List {
  readonly request: (bytes: number) => string;
  readonly goesOn: (bytes: number) => number;
}

const lists: ReadonlyArray<readonly [name: string, list: List]> = [
  [
    "codings",
    {
      request: (bytes) => post(`Transfer-Encoding: ${fill("gzip, ", "chunked", bytes)}\r\n`),
      goesOn: (bytes) => bytes - 10,
    },
  ],
  [
    "names of headers in Connection",
    {
      request: (bytes) => post(`Connection: ${fill("x-a, ", "x-b", bytes)}\r\nTransfer-Encoding: chunked\r\n`),
      goesOn: () => 0,
    },
  ],
  [
    "expectations",
    {
      request: (bytes) => post(`Expect: ${fill("100-continued, ", "x", bytes)}\r\nTransfer-Encoding: chunked\r\n`),
      goesOn: () => 0,
    },
  ],
];

// Eight times the bytes: eight times the cost at the most, but 64 times where each element looks at all the others.
const [shortBytes, longBytes] = [2 * KIB - 64, 16 * KIB - 64];
const mostRatio = 24;

test.each(lists)("%s: 16 KiB cost hardly more than 2 KiB times eight", async (_, { request, goesOn }) => {
  using instance = FakeInstance.start(async (connection) => {
    for (;;) {
      seenBytes = (await connection.takeUntil("\r\n\r\n0\r\n\r\n", 20_000)).length;
      await connection.send(formatResponse("read"));
    }
  });
  let seenBytes = 0;
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  /** The time of one request of that size, in milliseconds. */
  const cost = async (bytes: number): Promise<number> => {
    const text = request(bytes);
    const startedAt = performance.now();
    await client.send(text);
    expect((await client.takeUntil("read")).toString()).toContain("HTTP/1.1 200 OK\r\n");
    const tookMs = performance.now() - startedAt;
    expect(seenBytes).toBeGreaterThan(goesOn(bytes));
    return tookMs;
  };
  // The least of many is what the work costs when nobody interrupts it; and they take turns, as the machine's moods change.
  let [shortMs, longMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < 30; round++) {
    shortMs = Math.min(shortMs, await cost(shortBytes));
    longMs = Math.min(longMs, await cost(longBytes));
  }
  expect(longMs / shortMs).toBeLessThan(mostRatio);
});

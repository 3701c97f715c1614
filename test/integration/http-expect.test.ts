// Layer 7, `Expect: 100-continue` however it is written: one 100 at once, and the instance isn't asked for another.
import { expect, setDefaultTimeout, test } from "bun:test";
import { startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse, headerValues, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

// RFC 9110 §5.3: lines of one name are one list.
test.each([
  ["once", ["Expect: 100-continue"]],
  ["on two lines", ["Expect: 100-continue", "Expect: 100-continue"]],
  ["on two lines, apart and in another case", ["EXPECT: 100-CONTINUE", "X-Between: a", "expect: 100-Continue"]],
  ["twice in a list", ["Expect: 100-continue,100-continue"]],
  ["in a list with others", ["Expect: x=y , 100-continue\t, z"]],
  ["behind another on a line of its own", ["Expect: x=y", "Expect: 100-continue"]],
  ["in front of another on a line of its own", ["Expect: 100-continue", "Expect: x=y"]],
])("%s", async (_, lines) => {
  using instance = FakeInstance.start(serveHttp(({ body }) => formatResponse(`got ${body}`)));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  for (let round = 0; round < 2; round++) {
    await client.send(`POST / HTTP/1.1\r\nHost: test\r\n${lines.join("\r\n")}\r\nContent-Length: 5\r\n\r\n`);
    // The body waits for it, as a decent client's does.
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    await client.send("a bod");
    const response = await readResponse(client);
    expect([response.interim, response.body.toString()]).toEqual([[], "got a bod"]);
    expect(headerValues(instance.requests[round]!, "expect")).toEqual([]);
  }
});

test.each(["100-continued", "x100-continue", "100", "x=100-continue"])("%s is none", async (value) => {
  using instance = FakeInstance.start(serveHttp(({ body }) => formatResponse(`got ${body}`)));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const response = await exchange(client, "/", { headers: [["Expect", value]], body: "a body" });
  expect([response.interim, response.body.toString()]).toEqual([[], "got a body"]);
});

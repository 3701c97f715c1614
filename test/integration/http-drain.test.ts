// Layer 7, a listener that is removed, or a process that ends, while an answer is on its way: it arrives whole, then our
// FIN, and never a reset, whatever the client has sent behind its request.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const whole = "so long, and thanks";

/** How a listener comes to drain; what is returned ends when nothing is left to wait for. */
const ways: ReadonlyArray<readonly [name: string, drain: (elbow: RunningElbow) => Promise<void>]> = [
  ["its listener is removed", (elbow) => elbow.apply(configurationOf([]))],
  ["the process ends", (elbow) => elbow.shutdown(20_000)],
];

describe.each(ways)("while an answer is on its way, %s", (_, drain) => {
  /**
   * A client that has the head of an answer, which promises to keep its connection, and some of its body. The listener
   * begins to drain while `crossing` is on its way, and the rest of the body comes when `finish` is called.
   */
  const startAnswer = async (ahead: string) => {
    const finished = Promise.withResolvers<void>();
    const instance = FakeInstance.start(
      serveHttp(async ({ target }, connection) => {
        if (target !== "/begun") return formatResponse(`answer to ${target}`);
        await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${whole.length}\r\n\r\n${whole.slice(0, 7)}`);
        await finished.promise;
        return whole.slice(7);
      }),
    );
    const elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
    // It is told to close as soon as the listener drains: then it drains.
    const idle = await RawClient.connect(elbow.port());
    expect((await exchange(idle, "/idle")).status).toBe(200);
    const client = await RawClient.connect(elbow.port());
    const sending = client.send(formatRequest("/begun").toString("latin1") + ahead);
    await client.waitFor(() => client.peek().includes(whole.slice(0, 7)), "the begin of the answer");
    const drained = drain(elbow);
    expect(await idle.receiveEnd()).toBe("eof");
    expect(client.ending).toBe("open");
    return {
      client,
      instance,
      finish: () => finished.resolve(),
      sending,
      /** The client leaves in good order, and with it the last of the listener. */
      async end() {
        await sending;
        await client.close();
        await drained;
        await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
      },
      async [Symbol.asyncDispose]() {
        client.dispose();
        idle.dispose();
        await elbow.stop();
        instance.stop();
      },
    };
  };

  const expectFirst = async (client: RawClient): Promise<void> => {
    const response = await readResponse(client);
    expect([response.body.toString(), header(response, "connection")]).toEqual([whole, "keep-alive"]);
  };
  const expectLast = async (client: RawClient, target: string): Promise<void> => {
    const response = await readResponse(client);
    expect([response.body.toString(), header(response, "connection")]).toEqual([`answer to ${target}`, "close"]);
    expect((await client.takeToEnd()).toString()).toBe("");
  };

  test("and nothing lies behind its request: FIN behind the answer", async () => {
    await using at = await startAnswer("");
    at.finish();
    await expectFirst(at.client);
    expect((await at.client.takeToEnd()).toString()).toBe("");
    await at.end();
  });

  test("and other requests lie behind it: one more is served, and told that it is the last", async () => {
    await using at = await startAnswer(`${formatRequest("/last")}${formatRequest("/never")}`);
    at.finish();
    await expectFirst(at.client);
    await expectLast(at.client, "/last");
    await at.end();
    expect(at.instance.requests.map(({ target }) => target)).toEqual(["/idle", "/begun", "/last"]);
  });

  test("and half a request lies behind it: it may be finished, and is the last", async () => {
    await using at = await startAnswer("GET /last HTTP/1.1\r\nHo");
    at.finish();
    await expectFirst(at.client);
    await at.client.send("st: test\r\n\r\n");
    await expectLast(at.client, "/last");
    await at.end();
  });

  test("and more requests lie behind it than elbow reads ahead: what is never read resets nothing", async () => {
    const request = formatRequest("/flood").toString("latin1");
    await using at = await startAnswer(request.repeat(Math.ceil((4 * MIB) / request.length)));
    at.finish();
    await expectFirst(at.client);
    await expectLast(at.client, "/flood");
    await at.end();
  });

  test("and a request crosses its end: served as the last or not at all, and the answer is whole", async () => {
    for (let round = 0; round < 8; round++) {
      await using at = await startAnswer("");
      const finish = () => void at.finish();
      const cross = () => void at.client.send(formatRequest("/crossing")).catch(() => {});
      for (const act of round % 2 === 0 ? [finish, cross] : [cross, finish]) {
        act();
        await Promise.resolve();
      }
      await expectFirst(at.client);
      const rest = (await at.client.takeToEnd()).toString();
      if (rest !== "") expect(rest).toEndWith("Connection: close\r\n\r\nanswer to /crossing");
      await at.end();
    }
  });
});

// elbow has handed such an answer to the system whole, and has nothing under way; most of it has yet to be sent.
test.each(ways)(
  "an answer that its client hasn't read arrives whole when %s, whatever it sends behind",
  async (_, drain) => {
    const length = MIB;
    using instance = FakeInstance.start(serveHttp(() => formatResponse("x".repeat(length))));
    await using elbow = await startElbow({
      protocol: "HTTP",
      instances: [instance],
      attributes: { lingerTimeout: 10 },
    });
    using outcomes = new Outcomes();
    using client = await RawClient.connect(elbow.port());
    client.pauseReading();
    await client.send(formatRequest("/"));
    await outcomes.at(0);
    const drained = drain(elbow);
    // Our FIN stands behind the answer, where it can't be seen yet: what follows must not overtake it by a reset.
    await client.send(formatRequest("/behind")).catch(() => {});
    client.resumeReading();
    expect((await readResponse(client)).body.length).toBe(length);
    expect(await client.receiveEnd()).toBe("eof");
    client.dispose();
    await drained;
  },
);

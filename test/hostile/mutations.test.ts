// The smuggling tricks and answers of every kind, changed by chance and sent in random pieces through a running elbow:
// whatever they have become, instances read only what elbow wrote, clients get well-formed answers or honest cuts,
// answers stay with who asked, and every connection ends.
import { expect, setDefaultTimeout, test } from "bun:test";
import { desyncModes } from "../../src/parse/http1/desync.ts";
import { mutate, randomResponse } from "../fuzz/messages.ts";
import { randomOddRequest } from "../fuzz/odd-requests.ts";
import { Random } from "../fuzz/random.ts";
import { eventually } from "../support/eventually.ts";
import { exchange, formatResponse, isCut } from "../support/http-message.ts";
import { onGround, say } from "./ground.ts";
import { hidden, tricks } from "./smuggling-tricks.ts";

setDefaultTimeout(30_000);

const count = 150;

/** What may stand where an answer begins. */
const answerStart = /^(?:HTTP\/1\.1 (?:100|200|400|405|408|502|504) |to )/;

const newSeed = (): number => Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

test.each(desyncModes.map((mode) => [mode] as const))("requests in the mode %s", async (mode) => {
  const first = newSeed();
  const attributes = { desyncMitigationMode: mode, requestHeadTimeout: 1, requestBodyTimeout: 1 };
  try {
    await onGround({ attributes }, async ({ connect, victims, elbow }) => {
      for (let index = 0; index < count; index++) {
        const random = new Random(first + index * 7919);
        const client = await connect();
        const wire = random.chance(0.2)
          ? Buffer.from(randomOddRequest(random) + hidden, "latin1")
          : mutate(random, random.pick(tricks).wire);
        for (const piece of random.cut(wire, 4)) {
          await say(client, piece);
          // A turn of the event loop, so that the pieces arrive one by one.
          await Bun.sleep(0);
        }
        if (index % 25 === 0) await victims();
        await client.halfClose().catch(() => {});
        expect(["eof", "reset"]).toContain(await client.receiveEnd());
        const text = Buffer.concat(client.recorded).toString("latin1");
        if (text !== "") expect(text).toMatch(answerStart);
        client.dispose();
      }
      await eventually(() => elbow.openConnections() === 2, { what: "only the victims are left" });
    });
  } catch (error) {
    process.stderr.write(`\nseeds from ${first}: run again with FUZZ_SEED=${first}\n`);
    throw error;
  }
});

const bodies = [
  "",
  "hello",
  "5\r\nhello\r\n0\r\n\r\n",
  "5;a=b\r\nhello\r\n0\r\nX-A: b\r\n\r\n",
  "0\r\n\r\n",
  "x".repeat(2000),
];

const randomAnswer = (random: Random): Uint8Array => {
  const interim = random.chance(0.1) ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" : "";
  const sound = random.pick([
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
  ]);
  const text = random.chance(0.5) ? sound : randomResponse(random) + random.pick(bodies);
  return mutate(random, interim + text);
};

test("answers", async () => {
  const first = newSeed();
  let wire: Uint8Array = new Uint8Array(0);
  let pieces = new Random(0);
  const statuses = new Map<number, number>();
  try {
    await onGround(
      {
        answer: async ({ target }, connection) => {
          if (target !== "/mutated") return formatResponse(`to ${target}`);
          for (const piece of pieces.cut(wire, 3)) {
            await say(connection, piece);
            await Bun.sleep(0);
          }
          // Whatever is still owed then will never come.
          return void (await connection.close());
        },
      },
      async ({ connect, victims }) => {
        for (let index = 0; index < count; index++) {
          pieces = new Random(first + index * 7919);
          wire = randomAnswer(pieces);
          const client = await connect();
          const status = await exchange(client, "/mutated", {
            method: pieces.pick(["GET", "GET", "POST", "HEAD"]),
          }).then(
            (response) => response.status,
            (error: unknown) => {
              // Our reader is strict: it takes nothing malformed for an answer.
              if (!isCut(error)) throw error;
              expect(client.ending).toBe("reset");
              return 0;
            },
          );
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (client.ending === "open") await client.halfClose();
          await client.receiveEnd();
          // Nothing stands behind an answer; a cut leaves what came of it.
          if (status > 0) expect(client.availableBytes).toBe(0);
          client.dispose();
          if (index % 25 === 0) await victims();
        }
      },
    );
    expect([statuses.has(200), statuses.has(502)]).toEqual([true, true]);
  } catch (error) {
    process.stderr.write(`\nseeds from ${first}: run again with FUZZ_SEED=${first}\n`);
    throw error;
  }
});

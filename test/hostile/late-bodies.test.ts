// An answer that can have no body, and announces one: its instance sends it later, when somebody else is to be answered.
import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import type { InstanceConnection } from "../support/fake-instance.ts";
import { exchange, formatResponse, readResponse } from "../support/http-message.ts";
import { onGround, say } from "./ground.ts";

setDefaultTimeout(30_000);

/** What a client would take for its answer, if it came first. */
const late = formatResponse("of nobody's").toString("latin1");

const heads = [
  ["204 with a length", `HTTP/1.1 204 No Content\r\nContent-Length: ${late.length}\r\n\r\n`],
  ["204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["304 with chunks", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"],
] as const;

test.each(heads)("%s: its body comes behind the next client's request, who never sees it", (_, head) =>
  onGround(
    {
      meet: async ({ startLine }, connection) => {
        if (!startLine.includes("/late")) {
          await say(connection, formatResponse("honest"));
          return true;
        }
        await connection.send(head);
        // Whoever is next on this connection is answered with what this one owes.
        await connection.waitFor(() => connection.availableBytes > 0 || connection.ending !== "open", "another");
        await say(connection, late);
        return undefined;
      },
    },
    async ({ connect, victims, hostileConnection }) => {
      const [one, other] = [await connect(), await connect()];
      await one.send("GET /late HTTP/1.1\r\nHost: test\r\n\r\nGET /mine HTTP/1.1\r\nHost: test\r\n\r\n");
      const response = await readResponse(one);
      expect(response.status).toBe(Number(head.slice(9, 12)));
      const connection: InstanceConnection = await hostileConnection();
      await victims();
      for (const client of [one, other]) {
        const next = client === one ? await readResponse(client) : await exchange(client, "/theirs");
        expect(next.body.toString()).toBe("honest");
      }
      // It was over with its answer: nobody's request went out on it.
      await eventually(() => connection.ending !== "open" || connection.isDone, { what: "a dropped connection" });
      const [, behind] = Buffer.concat(connection.recorded).toString("latin1").split("GET /late ");
      expect(behind?.split("\r\n\r\n").slice(1)).toEqual([""]);
    },
  ),
);

// Request smuggling: whatever framing tricks a client plays, it is served or refused as the mode says of its class, an
// instance reads only requests that elbow itself wrote, each with one framing, and other clients' answers stay theirs.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { classOf, DesyncAction, type DesyncMode, desyncAction, desyncModes } from "../../src/parse/http1/desync.ts";
import type { RawClient } from "../support/raw-client.ts";
import { type Ground, onGround, say, statusOf } from "./ground.ts";
import { type Trick, tricks } from "./smuggling-tricks.ts";

setDefaultTimeout(30_000);

const actionOf = ({ verdict }: Trick, mode: DesyncMode): DesyncAction => {
  if (verdict === "refused") return DesyncAction.block;
  if (verdict === "broken" || verdict === "unfinished") return DesyncAction.allow;
  return desyncAction(mode, classOf(verdict));
};

/** The head was sound: an instance may have a part of the request, and never the whole. */
const expectUnfinished = async (ground: Ground, client: RawClient, how: "broken" | "unfinished"): Promise<void> => {
  if (how === "unfinished") await client.halfClose();
  expect(await statusOf(client)).toBe(how === "broken" ? 400 : 408);
  expect(await client.receiveEnd()).toBe("eof");
  expect(Buffer.concat(client.recorded).toString("latin1")).toContain("\r\nConnection: close\r\n");
  expect(ground.received()).toEqual([]);
};

const expectRefused = (ground: Ground, answer: string): void => {
  expect(answer).toBe("HTTP/1.1 400 BAD_REQUEST\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  expect(ground.received()).toEqual([]);
};

const expectServed = (ground: Ground, trick: Trick, answer: string, closes: boolean): void => {
  const { target = "/outer", body, next } = trick;
  const [first, ...others] = ground.received();
  if (answer.startsWith("HTTP/")) {
    expect(answer).toStartWith("HTTP/1.1 200 ");
    if (closes) expect(answer.slice(0, answer.indexOf("\r\n\r\n"))).toContain("\r\nConnection: close");
  } else {
    // HTTP/0.9 knows no heads.
    expect(answer).toBe(`to ${target}`);
  }
  expect(first?.startLine.split(" ")[1]).toBe(target);
  if (body !== undefined) expect(first?.body).toBe(body);
  // What lay behind is nobody's, or the same client's next request by itself.
  expect(others.length).toBeLessThanOrEqual(next === true && !closes ? 1 : 0);
};

describe.each([...desyncModes])("in the mode %s", (mode) => {
  test.each(tricks.map((trick) => [trick.name, trick] as const))("%s", (_, trick) =>
    onGround({ attributes: { desyncMitigationMode: mode } }, async (ground) => {
      const client = await ground.connect();
      await say(client, trick.wire);
      // Other clients' requests in the middle of the trick.
      await ground.victims();
      if (trick.verdict === "broken" || trick.verdict === "unfinished") {
        await expectUnfinished(ground, client, trick.verdict);
        return;
      }
      const action = actionOf(trick, mode);
      await client.waitFor(() => client.receivedBytes > 0, "an answer");
      const isRefused = Buffer.concat(client.recorded).toString("latin1").startsWith("HTTP/1.1 400 ");
      // Whoever must not go on is sent away; the others end by themselves.
      if (isRefused || action === DesyncAction.allowAndClose) expect(await client.receiveEnd()).toBe("eof");
      await client.halfClose().catch(() => {});
      await client.receiveEnd();
      const answer = Buffer.concat(client.recorded).toString("latin1");
      if (trick.isGuess !== true) expect(isRefused).toBe(action === DesyncAction.block);
      if (isRefused) expectRefused(ground, answer);
      else {
        expectServed(ground, trick, answer, action === DesyncAction.allowAndClose);
        const connection = await ground.hostileConnection();
        // Both connections end, so that neither side can go on from where somebody else may see another request.
        if (action === DesyncAction.allowAndClose) expect(["eof", "reset"]).toContain(await connection.receiveEnd());
      }
      const [mishap] = ground.mishaps();
      if (trick.verdict !== "refused") expect(mishap?.desync).toBe(trick.verdict);
      expect(mishap?.reason !== undefined).toBe(isRefused);
      if (action === DesyncAction.block && trick.verdict !== "refused") expect(mishap?.reason).toBe("desyncBlocked");
    }),
  );
});

// Answers of our own, byte for byte, and read again by our own parser.
import { expect, test } from "bun:test";
import { reasons } from "../../../src/errors.ts";
import { continueAnswer, type OwnStatus, ownAnswer } from "../../../src/pipeline/http-answer.ts";
import { readResponse } from "../parse/http1/readers.ts";
import { wholeText } from "../parse/http1/splits.ts";

test.each([
  [400, "BAD_REQUEST"],
  [403, "FORBIDDEN"],
  [405, "METHOD_NOT_ALLOWED"],
  [408, "REQUEST_TIMEOUT"],
  [500, "INTERNAL_SERVER_ERROR"],
  [502, "BAD_GATEWAY"],
  [503, "Service Unavailable: Back-end server is at capacity"],
  [504, "GATEWAY_TIMEOUT"],
] as const)("%d %s", (status, phrase) => {
  for (const [keepsAlive, connection] of [
    [true, "keep-alive"],
    [false, "close"],
  ] as const) {
    const answer = ownAnswer(status, keepsAlive);
    expect(wholeText(answer)).toBe(
      `HTTP/1.1 ${status} ${phrase}\r\nContent-Length: 0\r\nConnection: ${connection}\r\n\r\n`,
    );
    expect(ownAnswer(status, keepsAlive)).toBe(answer);
    expect(readResponse([answer.slice()])).toStartWith(`${status} 1.1 " ${phrase}" [Content-Length: 0; `);
  }
});

test("every status that a reason asks for has an answer", () => {
  for (const { status } of Object.values(reasons)) {
    if (status !== 0) expect(ownAnswer(status as OwnStatus, false)).toBeInstanceOf(Uint8Array);
  }
});

test("100 Continue is a head and nothing more", () => {
  expect(wholeText(continueAnswer)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
});

// The back end of the bench: its reader must find the same requests however the bytes are split, or the figures would
// depend on how a proxy cuts its writes.
import { describe, expect, test } from "bun:test";
import { RequestReader, targetBytes } from "../../../bench/requests.ts";

function answersTo(...chunks: ReadonlyArray<Buffer>): string[] {
  const reader = new RequestReader();
  const answers: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let answer = reader.next(); answer !== undefined; answer = reader.next()) {
      const text = Buffer.from(answer.bytes).toString("latin1");
      const body = text.length - text.indexOf("\r\n\r\n") - 4;
      answers.push(`${text.slice(9, 12)} ${body}${answer.isLast ? " last" : ""}`);
    }
  }
  return answers;
}

describe("RequestReader", () => {
  const pipelined = Buffer.from(
    "GET /100 HTTP/1.1\r\nHost: bench\r\n\r\nGET /10k HTTP/1.1\r\nHost: bench\r\n\r\n" +
      "GET /100 HTTP/1.1\r\nHost: bench\r\nconnection: Close\r\n\r\n",
  );
  const expected = ["200 100", "200 10240", "200 100 last"];

  test("finds pipelined requests at every split into three", () => {
    for (let first = 0; first <= pipelined.length; first++) {
      for (let second = first; second <= pipelined.length; second++) {
        const chunks = [pipelined.subarray(0, first), pipelined.subarray(first, second), pipelined.subarray(second)];
        expect(answersTo(...chunks)).toEqual(expected);
      }
    }
  });

  test("finds them byte by byte", () => {
    expect(answersTo(...Array.from(pipelined, (byte) => Buffer.of(byte)))).toEqual(expected);
  });

  test("answers every target with its size", () => {
    for (const [target, size] of targetBytes) {
      expect(answersTo(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: b\r\n\r\n`))).toEqual([`200 ${size}`]);
    }
  });

  test("refuses what it does not serve and closes", () => {
    const bodied = "POST /100 HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc";
    expect(answersTo(Buffer.from(bodied))[0]).toEndWith("last");
    expect(answersTo(Buffer.from(bodied))[0]).toStartWith("400");
    expect(answersTo(Buffer.from("GET /other HTTP/1.1\r\nHost: b\r\n\r\n"))[0]).toStartWith("404");
    expect(answersTo(Buffer.alloc(64 * 1024 + 1, "x"))[0]).toStartWith("400");
  });

  test("returns the head as it came", () => {
    const reader = new RequestReader();
    const head = "GET /head HTTP/1.1\r\nHost: b\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n";
    reader.push(Buffer.from(head));
    expect(Buffer.from(reader.next()?.bytes ?? []).toString()).toEndWith(`\r\n\r\n${head}`);
  });
});

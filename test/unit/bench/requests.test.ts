// The back end of the bench: its reader must find the same requests however the bytes are split, or the figures would
// depend on how a proxy cuts its writes.
import { describe, expect, test } from "bun:test";
import { readAnswer } from "../../../bench/answers.ts";
import { makeBrowserGet, makeChunkedPost, makeGet, makePipelined, makePost } from "../../../bench/messages.ts";
import { chunkedTarget, RequestReader, targetBytes } from "../../../bench/requests.ts";
import { workloads } from "../../../bench/workloads.ts";

function answersTo(...chunks: ReadonlyArray<Buffer>): string[] {
  const reader = new RequestReader();
  const answers: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let answer = reader.next(); answer !== undefined; answer = reader.next()) {
      const bytes = Buffer.from(answer.bytes);
      const read = readAnswer(bytes, 0);
      if (read?.end !== bytes.length) throw new Error("an answer that isn't one whole answer");
      answers.push(`${read.status} ${read.body.length}${answer.isLast ? " last" : ""}`);
    }
  }
  return answers;
}

const chunkedHead = (body: string): Buffer =>
  Buffer.from(`POST /count HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);

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
    for (const framing of [
      "Content-Length: 3\r\nTransfer-Encoding: chunked",
      "Content-Length: 3\r\nContent-Length: 3",
      "Content-Length: 3x",
      "Content-Length : 3",
      "Transfer-Encoding: gzip, chunked",
    ]) {
      const request = `POST /100 HTTP/1.1\r\nHost: b\r\n${framing}\r\n\r\nabc`;
      expect([framing, answersTo(Buffer.from(request))[0]]).toEqual([framing, "400 39 last"]);
    }
    expect(answersTo(Buffer.from("PUT /100 HTTP/1.1\r\nHost: b\r\n\r\n"))[0]).toStartWith("400");
    expect(answersTo(Buffer.from("POST /100 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"))[0]).toStartWith(
      "400",
    );
    expect(answersTo(Buffer.from("GET /other HTTP/1.1\r\nHost: b\r\n\r\n"))[0]).toStartWith("404");
    expect(answersTo(Buffer.alloc(64 * 1024 + 1, "x"))[0]).toStartWith("400");
  });

  // `/count` answers with the size of the body, so a body that is misread shows in the answer, or in those behind it.
  const bodied = Buffer.concat([
    makePost("/count", "b", 12),
    makeChunkedPost("/count", "b", 123, 50),
    makeGet("/100", "b"),
    makeChunkedPost("/count", "b", 0, 50),
    Buffer.from("POST /count HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
  ]);
  const counts = ["12", "123", "x".repeat(100), "0", "0"];

  const bodiesOf = (...chunks: ReadonlyArray<Buffer>): Array<string | undefined> => {
    const reader = new RequestReader();
    const bodies: Array<string | undefined> = [];
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let answer = reader.next(); answer !== undefined; answer = reader.next()) {
        bodies.push(readAnswer(Buffer.from(answer.bytes), 0)?.body);
      }
    }
    return bodies;
  };

  test("reads bodies by length and in chunks at every split, and byte by byte", () => {
    for (let split = 0; split <= bodied.length; split++) {
      expect(bodiesOf(bodied.subarray(0, split), bodied.subarray(split))).toEqual(counts);
    }
    expect(bodiesOf(...Array.from(bodied, (byte) => Buffer.of(byte)))).toEqual(counts);
  });

  test("does not answer before the body is whole", () => {
    for (const whole of [makePost("/100", "b", 1024), makeChunkedPost("/100", "b", 1024, 300)]) {
      expect(bodiesOf(whole.subarray(0, -1))).toEqual([]);
      expect(bodiesOf(whole)).toHaveLength(1);
    }
  });

  test("refuses a chunk that is longer than its size", () => {
    const [size, wrong] = [chunkedHead("3\r\nabc\r\n0\r\n\r\n"), chunkedHead("3\r\nabcd\r\n0\r\n\r\n")];
    expect(answersTo(size)).toEqual(["200 1"]);
    expect(answersTo(wrong)[0]).toStartWith("400");
    expect(answersTo(chunkedHead("1".repeat(2000)))[0]).toStartWith("400");
  });

  test("answers what every row sends, as often as the row counts", () => {
    for (const workload of workloads) {
      if (workload.kind !== "traffic" || workload.written === undefined) continue;
      const size = targetBytes.get(workload.target);
      const expected = Array.from({ length: workload.written.count }, () => `200 ${size}`);
      expect([workload.name, answersTo(Buffer.from(workload.written.make("b")))]).toEqual([workload.name, expected]);
    }
  });

  test("the last head is no other head's answer", () => {
    const first = makeGet("/100", "b");
    const other = makeGet("/10k", "b");
    expect(first.length).toBe(other.length);
    expect(answersTo(Buffer.concat([first, first, other, first]))).toEqual([
      "200 100",
      "200 100",
      "200 10240",
      "200 100",
    ]);
  });

  test("returns the head as it came", () => {
    const reader = new RequestReader();
    const head = "GET /head HTTP/1.1\r\nHost: b\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n";
    reader.push(Buffer.from(head));
    expect(Buffer.from(reader.next()?.bytes ?? []).toString()).toEndWith(`\r\n\r\n${head}`);
  });
});

describe("the requests", () => {
  test("a browser's has thirty header fields and about 1.5 KiB, each name once", () => {
    const head = makeBrowserGet("/100", "b").toString();
    const lines = head.split("\r\n").slice(1, -2);
    expect(lines).toHaveLength(30);
    expect(lines.filter((line) => !/^[\w-]+: \S.*$/.test(line))).toEqual([]);
    expect(new Set(lines.map((line) => line.split(":")[0]?.toLowerCase())).size).toBe(30);
    expect(head.length).toBeGreaterThan(1400);
    expect(head.length).toBeLessThan(1600);
  });

  test("pipelined ones are the same one, several times", () => {
    expect(makePipelined("/100", "b", 3).toString()).toBe(makeGet("/100", "b").toString().repeat(3));
  });
});

describe("readAnswer", () => {
  const answerTo = (target: string): Buffer => {
    const reader = new RequestReader();
    reader.push(makeGet(target, "b"));
    return Buffer.from(reader.next()?.bytes ?? []);
  };

  test("waits until an answer is whole, and says where the next begins", () => {
    for (const target of ["/100", chunkedTarget]) {
      const one = answerTo(target);
      for (let length = 0; length < one.length; length++) {
        if (readAnswer(one.subarray(0, length), 0) !== undefined) throw new Error(`${target} whole at ${length} bytes`);
      }
      const two = readAnswer(Buffer.concat([one, one]), one.length);
      const size = targetBytes.get(target);
      expect([two?.status, two?.body.length, two?.isChunked]).toEqual([200, size, target === chunkedTarget]);
      expect(two?.end).toBe(2 * one.length);
    }
  });

  test("the chunked answer has several chunks", () => {
    expect(
      answerTo(chunkedTarget)
        .toString()
        .match(/\r\n800\r\n/g),
    ).toHaveLength(5);
  });

  test("does not guess a length", () => {
    const unframed = Buffer.from("HTTP/1.1 200 OK\r\nServer: bench\r\n\r\nabc");
    expect(() => readAnswer(unframed, 0)).toThrow("Content-Length");
    expect(() => readAnswer(Buffer.from("nonsense\r\n\r\n"), 0)).toThrow("status");
    const wrong = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n");
    expect(() => readAnswer(wrong, 0)).toThrow("wrong end");
  });
});

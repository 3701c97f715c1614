// What every proxy must do rightly before it is measured: bodies of the right length and framing, the headers that a load
// balancer adds, a browser's passed on, POSTs brought whole, pipelined requests answered in order.
// It asks through the bench's own client and measures nothing.
import type { ReadAnswer } from "./answers.ts";
import { type Address, exchange } from "./client.ts";
import { ProxyMissing } from "./launches.ts";
import {
  anyHost,
  browserFields,
  makeBrowserGet,
  makeChunkedPost,
  makeGet,
  makePipelined,
  makePost,
} from "./messages.ts";
import { chunkedTarget, targetBytes } from "./requests.ts";
import { type Front, isHttp, isSecure, pipelinedCount } from "./workloads.ts";

/** One thing that a proxy must do rightly before it is measured. */
interface Check {
  readonly title: string;
  readonly request: Uint8Array;
  /** What must be true of every answer. */
  readonly isRight: (answer: ReadAnswer) => boolean;
  /** Answers to expect. */
  readonly count?: number;
}

const sizeChecks: ReadonlyArray<Check> = [...targetBytes].map(([target, size]) => ({
  title: target,
  request: makeGet(target, anyHost),
  isRight: (answer) => answer.body.length === size && answer.isChunked === (target === chunkedTarget),
}));

const postBytes = 1024;

function listHttpChecks({ port, isSecure }: Address): ReadonlyArray<Check> {
  const hasField = (head: string, name: string, value: string) =>
    head.split("\r\n").some((line) => {
      const colon = line.indexOf(":");
      return line.slice(0, colon).toLowerCase() === name.toLowerCase() && line.slice(colon + 1).trim() === value;
    });
  const added = [
    ["X-Forwarded-For", "127.0.0.1"],
    ["X-Forwarded-Proto", isSecure ? "https" : "http"],
    ["X-Forwarded-Port", String(port)],
  ] as const;
  const passed = [["Host", anyHost] as const, ...browserFields.filter(([name]) => name !== "Connection")];
  return [
    ...added.map(([name, value]) => ({
      title: `${name}: ${value}`,
      request: makeGet("/head", anyHost),
      isRight: (answer: ReadAnswer) => hasField(answer.body, name, value),
    })),
    ...passed.map(([name, value]) => ({
      title: `a browser's ${name}`,
      request: makeBrowserGet("/head", anyHost),
      isRight: (answer: ReadAnswer) => hasField(answer.body, name, value),
    })),
    {
      title: "a POST",
      request: makePost("/count", anyHost, postBytes),
      isRight: (answer) => answer.body === String(postBytes),
    },
    {
      title: "a POST in chunks",
      request: makeChunkedPost("/count", anyHost, postBytes, 300),
      isRight: (answer) => answer.body === String(postBytes),
    },
    {
      title: "pipelined requests",
      request: makePipelined("/100", anyHost, pipelinedCount),
      count: pipelinedCount,
      isRight: (answer) => answer.body.length === 100,
    },
  ];
}

async function checkOnce(address: Address, check: Check): Promise<void> {
  const { answers, close } = await exchange(address, check.request, check.count);
  close();
  const wrong = answers.find((answer) => answer.status !== 200 || !check.isRight(answer));
  if (wrong === undefined) return;
  throw new ProxyMissing(`fails at ${check.title}: ${wrong.status}, ${wrong.body.length} bytes`);
}

/**
 * Checks every listener of a proxy; throws `ProxyMissing` at the first wrong answer.
 *
 * *Details*: the work is the same only when every answer is whole and every proxy sends the same headers on.
 */
export async function checkAnswers(ports: Readonly<Partial<Record<Front, number>>>): Promise<void> {
  for (const [front, port] of Object.entries(ports) as Array<[Front, number]>) {
    const address = { port, isSecure: isSecure(front) };
    const checks = isHttp(front) ? [...sizeChecks, ...listHttpChecks(address)] : sizeChecks;
    for (const check of checks) await checkOnce(address, check);
  }
}

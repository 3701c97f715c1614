// Every fault code is produced by some case, and each has a name of its own.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { Fault, nameOfFault } from "../../../../src/parse/http1/fault.ts";
import { boundedBodies, brokenBodies } from "./chunked-cases.ts";
import { readChunked } from "./chunked-reader.ts";
import { requestLimits, responseLimits } from "./limit-cases.ts";
import { readRequest, readResponse, withRequest, withResponse } from "./readers.ts";
import { brokenRequests } from "./request-cases.ts";
import { brokenResponses } from "./response-cases.ts";

test("every fault is reached", () => {
  const readings = [
    ...brokenRequests.map(([, text]) => withRequest([bytesOf(text)], () => "served")),
    ...requestLimits.map(({ text }) => readRequest([bytesOf(text)])),
    ...brokenResponses.map(([, text]) => withResponse([bytesOf(text)], () => "served")),
    ...responseLimits.map(({ text }) => readResponse([bytesOf(text)])),
    ...[...brokenBodies, ...boundedBodies].map(([, text]) => readChunked()([bytesOf(text)])),
  ];
  const reached = new Set(
    readings.filter((reading) => reading.startsWith("fault ")).map((reading) => reading.slice(6)),
  );
  const all = Object.keys(Fault).filter((name) => name !== "none");
  expect([...reached].sort()).toEqual(all.sort());
});

test("codes are distinct and named", () => {
  const codes = Object.values(Fault);
  expect(new Set(codes).size).toBe(codes.length);
  for (const [name, code] of Object.entries(Fault)) expect(nameOfFault(code)).toBe(name);
  expect(nameOfFault(999 as Fault)).toBe("unknown");
});

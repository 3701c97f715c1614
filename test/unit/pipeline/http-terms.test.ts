// What attributes ask of layer-7 connections: each reaches the data path in its unit, and nothing else moves with it.
import { expect, test } from "bun:test";
import { type Attributes, defaultAttributes } from "../../../src/model/attributes.ts";
import { defaultHeadLimits } from "../../../src/parse/http1/limits.ts";
import { makeHttpTerms } from "../../../src/pipeline/http-terms.ts";

const defaults = makeHttpTerms(defaultAttributes);

test("the defaults are the documented ones", () => {
  expect(defaults).toEqual({
    desyncMode: "defensive",
    allowsWebSocket: true,
    requestLimits: defaultHeadLimits,
    responseLimits: defaultHeadLimits,
    requestHeadTimeoutMs: 60_000,
    requestBodyTimeoutMs: 30_000,
    requestBodyBytesPerSecond: 240,
    readAheadMaxBytes: 65_536,
    unreadBodyMaxBytes: 262_144,
    unreadBodyTimeoutMs: 5000,
    lingerMs: 2000,
  });
});

const { requestLimits, responseLimits } = defaults;

test.each<readonly [Partial<Attributes>, object]>([
  [{ desyncMitigationMode: "strictest" }, { desyncMode: "strictest" }],
  [{ webSocket: false }, { allowsWebSocket: false }],
  [{ requestHeadTimeout: 0.5 }, { requestHeadTimeoutMs: 500 }],
  [{ requestBodyTimeout: 1.5 }, { requestBodyTimeoutMs: 1500 }],
  [{ requestBodyRate: 0 }, { requestBodyBytesPerSecond: 0 }],
  [{ maxReadAheadBytes: 2048 }, { readAheadMaxBytes: 2048 }],
  [{ maxUnreadBodyBytes: 1 }, { unreadBodyMaxBytes: 1 }],
  [{ unreadBodyTimeout: 0.25 }, { unreadBodyTimeoutMs: 250 }],
  [{ lingerTimeout: 0 }, { lingerMs: 0 }],
  [{ maxRequestHeadBytes: 4096 }, { requestLimits: { ...requestLimits, headBytes: 4096 } }],
  [{ maxResponseHeadBytes: 4096 }, { responseLimits: { ...responseLimits, headBytes: 4096 } }],
  [
    { maxRequestLineBytes: 300, maxHeaderBytes: 301, maxHeaders: 7, maxMethodLength: 8 },
    {
      requestLimits: { ...requestLimits, startLineBytes: 300, fieldBytes: 301, fieldCount: 7, methodBytes: 8 },
      responseLimits: { ...responseLimits, startLineBytes: 300, fieldBytes: 301, fieldCount: 7, methodBytes: 8 },
    },
  ],
])("%j", (attributes, expected) => {
  expect(makeHttpTerms({ ...defaultAttributes, ...attributes })).toEqual({ ...defaults, ...expected });
});

// The load balancer's own cookie as it stands on the wire, to the byte.
import { expect, test } from "bun:test";
import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import {
  makeStickyAttributes,
  stickyCookieNames,
  writeStickyCookie,
} from "../../../../src/parse/http1/sticky-cookie.ts";
import { wholeText } from "./splits.ts";

const write = (text: string): string => {
  const out = new ByteWriter(1);
  writeStickyCookie(bytesOf("0A"), makeStickyAttributes(text), out);
  return wholeText(out.view());
};

const cacheLine = 'Cache-control: no-cache="set-cookie"\r\n';

test.each<readonly [written: string, own: string, companion: string]>([
  ["PATH=/;MAX-AGE=60", "0A;PATH=/;MAX-AGE=60", "0A;PATH=/;MAX-AGE=60;SECURE;SAMESITE=None"],
  ["PATH=/", "0A;PATH=/", "0A;PATH=/;SECURE;SAMESITE=None"],
  ["", "0A", "0A;SECURE;SAMESITE=None"],
  [
    "Path=/a;Secure;SameSite=Lax;HttpOnly",
    "0A;Path=/a;Secure;SameSite=Lax;HttpOnly",
    "0A;Path=/a;HttpOnly;SECURE;SAMESITE=None",
  ],
  [
    "secure=1; samesite = strict;Domain=a",
    "0A;secure=1; samesite = strict;Domain=a",
    "0A;Domain=a;SECURE;SAMESITE=None",
  ],
  ["Comment=secure;Securest=1", "0A;Comment=secure;Securest=1", "0A;Comment=secure;Securest=1;SECURE;SAMESITE=None"],
  [";PATH=/;;", "0A;PATH=/", "0A;PATH=/;SECURE;SAMESITE=None"],
])("%j", (written, own, companion) => {
  expect(write(written)).toBe(`Set-Cookie: AWSELB=${own}\r\nSet-Cookie: AWSELBCORS=${companion}\r\n${cacheLine}`);
});

test("names", () => {
  expect(stickyCookieNames.map(wholeText)).toEqual(["AWSELB", "AWSELBCORS"]);
});

// Response heads as text, and what is read of each: `status 1.x "reason" [fields], facts`, or the fault's name.
import type { HeadCase } from "./request-cases.ts";

const ok = (fields: string): string => `HTTP/1.1 200 OK\r\n${fields}\r\n`;

export const soundResponses: ReadonlyArray<HeadCase> = [
  ["the least response", ok(""), '200 1.1 " OK" [], keeps'],
  ["a reason of words", "HTTP/1.1 404 Not  Found\t!\r\n\r\n", '404 1.1 " Not  Found\t!" [], keeps'],
  ["obs-text in the reason", "HTTP/1.1 200 \xd6K\r\n\r\n", '200 1.1 " \xd6K" [], keeps'],
  ["an empty reason", "HTTP/1.1 204 \r\n\r\n", '204 1.1 " " [], keeps'],
  ["neither reason nor blank", "HTTP/1.1 204\r\n\r\n", '204 1.1 "" [], not plain, keeps'],
  ["neither reason nor blank, bare LF", "HTTP/1.1 204\n\n", "odd"],
  ["a status line ended by a bare LF", "HTTP/1.1 200 OK\n\r\n", "odd"],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", '200 1.0 " OK" [], not plain'],
  [
    "HTTP/1.0 kept alive",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
    '200 1.0 " OK" [Connection: keep-alive], keep-alive, not plain, keeps',
  ],
  [
    "HTTP/1.0 that says both",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n\r\n",
    '200 1.0 " OK" [Connection: keep-alive, close], close, keep-alive, not plain',
  ],
  ["a later minor version", "HTTP/1.9 200 OK\r\n\r\n", '200 1.1 " OK" [], not plain, keeps'],
  ["the lowest status", "HTTP/1.1 100 Continue\r\n\r\n", '100 1.1 " Continue" [], keeps'],
  ["the highest status", "HTTP/1.1 999 x\r\n\r\n", '999 1.1 " x" [], keeps'],
  ["close", ok("Connection: close\r\n"), '200 1.1 " OK" [Connection: close], close'],
  [
    "a body's length",
    `${ok("Content-Length: 2\r\n")}hi`,
    '200 1.1 " OK" [Content-Length: 2], length 2, keeps, rest "hi"',
  ],
  [
    "the same length twice",
    ok("Content-Length: 2\r\nContent-Length: 2\r\n"),
    '200 1.1 " OK" [Content-Length: 2; Content-Length: 2], length 2, keeps',
  ],
  [
    "chunked",
    `${ok("Transfer-Encoding: chunked\r\n")}0\r\n`,
    '200 1.1 " OK" [Transfer-Encoding: chunked], chunked, keeps, rest "0\\r\\n"',
  ],
  [
    "both framings",
    ok("Transfer-Encoding: Chunked\r\nContent-Length: 9\r\n"),
    '200 1.1 " OK" [Transfer-Encoding: Chunked; Content-Length: 9], length 9, chunked',
  ],
  [
    "what only requests frame by",
    ok("Host: a\r\nHost: b, c\r\nExpect: x\r\n"),
    '200 1.1 " OK" [Host: a; Host: b, c; Expect: x], keeps',
  ],
  ["bare LFs and blanks", "HTTP/1.1 200 OK\nA: 1 \nB:\t2\t\r\nC: 3\n\n", "odd"],
  [
    "a nominated field",
    ok("Connection: X-A\r\nX-A: 1\r\n"),
    '200 1.1 " OK" [Connection: X-A; X-A: 1], nominates x-a, keeps',
  ],
  [
    "an interim response and the next head",
    "HTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    '103 1.1 " E" [Link: x], keeps, rest "HTTP/1.1 200 OK\\r\\n\\r\\n"',
  ],
];

export const brokenResponses: ReadonlyArray<HeadCase> = [
  ["another protocol", "SSH-2.0-OpenSSH\r\n", "fault badStatusLine"],
  ["a byte of another protocol", "\x16", "fault badStatusLine"],
  ["HTTP/0.9", "<html>", "fault badStatusLine"],
  ["an empty line in front", "\r\nHTTP/1.1 200 OK\r\n\r\n", "fault badStatusLine"],
  ["HTTP/2", "HTTP/2 200 OK\r\n\r\n", "fault badStatusLine"],
  ["a lower-case version", "http/1.1 200 OK\r\n\r\n", "fault badStatusLine"],
  ["a version of letters", "HTTP/1.x 200 OK\r\n\r\n", "fault badStatusLine"],
  ["two blanks", "HTTP/1.1  200 OK\r\n\r\n", "fault badStatusLine"],
  ["a tab", "HTTP/1.1\t200 OK\r\n\r\n", "fault badStatusLine"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "fault badStatusLine"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", "fault badStatusLine"],
  ["a status below 100", "HTTP/1.1 099 OK\r\n\r\n", "fault badStatusLine"],
  ["a status of letters", "HTTP/1.1 2OO OK\r\n\r\n", "fault badStatusLine"],
  ["a signed status", "HTTP/1.1 -20 OK\r\n\r\n", "fault badStatusLine"],
  ["a tab behind the status", "HTTP/1.1 200\tOK\r\n\r\n", "fault badStatusLine"],
  ["a NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", "fault badStatusLine"],
  ["a CR alone in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", "fault badStatusLine"],
  ["a line without a colon", ok("X\r\n"), "odd"],
  ["a blank in front of the colon", ok("X : 1\r\n"), "odd"],
  ["a CR alone in a value", ok("X: a\rb\r\n"), "odd"],
  ["a line folded onto the status line", "HTTP/1.1 200 OK\r\n X: a\r\n\r\n", "odd"],
  ["a folded line", ok("X: a\r\n b\r\n"), "odd"],
  ["a bad length", ok("Content-Length: 1x\r\n"), "fault badContentLength"],
  ["different lengths", ok("Content-Length: 1\r\nContent-Length: 2\r\n"), "fault differentContentLengths"],
  ["another coding", ok("Transfer-Encoding: gzip\r\n"), '200 1.1 " OK" [Transfer-Encoding: gzip], coded gzip, keeps'],
  ["a CR alone at the end", "HTTP/1.1 200 OK\r\n\rX\r\n\r\n", "odd"],
];

export const unfinishedResponses: ReadonlyArray<HeadCase> = [
  ["nothing", "", "incomplete"],
  ["the protocol", "HTTP/", "incomplete"],
  ["up to the status", "HTTP/1.1 200", "incomplete"],
  ["up to the reason", "HTTP/1.1 200 O", "incomplete"],
  ["without the last line", "HTTP/1.1 200 OK\r\n", "incomplete"],
  ["without the last LF", "HTTP/1.1 200 OK\r\nA: 1\r\n\r", "incomplete"],
];

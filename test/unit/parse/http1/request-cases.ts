// Request heads as text, and what is read of each: `METHOD target 1.x [fields], facts`, or the fault's name.

/** Name, bytes, and what `readRequest` says of them. */
export type HeadCase = readonly [name: string, text: string, expected: string];

const http11 = (fields: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (fields: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const line = (requestLine: string): string => `${requestLine}\r\nHost: a\r\n\r\n`;
const host = (value: string): string => `GET / HTTP/1.1\r\nHost:${value}\r\n\r\n`;

export const soundRequests: ReadonlyArray<HeadCase> = [
  // The request line.
  ["the least request", http11(""), "GET / 1.1 [Host: a]"],
  ["a query", line("GET /a/b?c=d&e=/f HTTP/1.1"), "GET /a/b?c=d&e=/f 1.1 [Host: a]"],
  ["a method of its own", line("M-SEARCH!# /x HTTP/1.1"), "M-SEARCH!# /x 1.1 [Host: a]"],
  ["methods are case-sensitive", line("get / HTTP/1.1"), "get / 1.1 [Host: a]"],
  ["a method that begins as CONNECT does", line("CONNECTS / HTTP/1.1"), "CONNECTS / 1.1 [Host: a]"],
  ["obs-text in a target", line("GET /\xe4 HTTP/1.1"), "GET /\xe4 1.1 [Host: a]"],
  ["HEAD", line("HEAD / HTTP/1.1"), "HEAD / 1.1 [Host: a], HEAD"],
  ["HEAD begins a longer method", line("HEADS / HTTP/1.1"), "HEADS / 1.1 [Host: a]"],
  ["HEAT is not HEAD", line("HEAT / HTTP/1.1"), "HEAT / 1.1 [Host: a]"],
  ["head is not HEAD", line("head / HTTP/1.1"), "head / 1.1 [Host: a]"],
  ["asterisk form", line("OPTIONS * HTTP/1.1"), "OPTIONS * 1.1 [Host: a]"],
  ["HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "GET / 1.0 []"],
  ["HTTP/1.0 with Host", line("GET / HTTP/1.0"), "GET / 1.0 [Host: a]"],
  ["a later minor version is read as 1.1", line("GET / HTTP/1.7"), "odd"],
  ["empty lines in front", `\r\n\n\r\n${http11("")}`, "GET / 1.1 [Host: a]"],
  // Absolute form.
  ["absolute form", line("GET http://b.c/d HTTP/1.1"), "GET http://b.c/d 1.1 [Host: a], authority b.c"],
  ["absolute form with a port", line("GET http://b:81/ HTTP/1.1"), "GET http://b:81/ 1.1 [Host: a], authority b:81"],
  ["absolute form, IPv6", line("GET http://[::1]:8/ HTTP/1.1"), "GET http://[::1]:8/ 1.1 [Host: a], authority [::1]:8"],
  ["absolute form, https", line("GET HTTPS://b/ HTTP/1.1"), "GET HTTPS://b/ 1.1 [Host: a], authority b"],
  ["absolute form without a path", line("GET http://b HTTP/1.1"), "GET http://b 1.1 [Host: a], authority b"],
  ["absolute form, query only", line("GET http://b?c/d HTTP/1.1"), "GET http://b?c/d 1.1 [Host: a], authority b"],
  ["absolute form, HTTP/1.0", "GET http://b/ HTTP/1.0\r\n\r\n", "GET http://b/ 1.0 [], authority b"],
  // Lines.
  ["bare LF ends lines", "GET / HTTP/1.1\nHost: a\n\n", "odd"],
  ["line ends mixed", "GET / HTTP/1.1\nHost: a\r\nX: 1\n\r\n", "odd"],
  ["head ended by a bare LF", "GET / HTTP/1.1\r\nHost: a\r\n\n", "odd"],
  ["no blank behind the colon", http11("X:1\r\n"), "GET / 1.1 [Host: a; X: 1]"],
  ["blanks around a value", http11("X: \t 1 2\t \t\r\n"), "GET / 1.1 [Host: a; X: 1 2], uneven 1"],
  ["a blank behind the value, bare LF", http11("X: 1 \n"), "odd"],
  ["an empty value", http11("X:\r\n"), "GET / 1.1 [Host: a; X: ]"],
  ["a value of blanks", http11("X: \t\r\n"), "GET / 1.1 [Host: a; X: ]"],
  ["colons in a value", http11("X: a:b: c\r\n"), "GET / 1.1 [Host: a; X: a:b: c]"],
  ["obs-text in a value", http11("X: \x80\xff\r\n"), "GET / 1.1 [Host: a; X: \x80\xff]"],
  ["every other name byte", http11("!#$%&'*+-.^_`|~09AZaz: 1\r\n"), "GET / 1.1 [Host: a; !#$%&'*+-.^_`|~09AZaz: 1]"],
  // Host.
  ["an empty Host", host(""), "GET / 1.1 [Host: ]"],
  ["Host with a port", host(" a.b:81"), "GET / 1.1 [Host: a.b:81]"],
  ["Host, IPv6", host(" [::1]:81"), "GET / 1.1 [Host: [::1]:81]"],
  ["Host in any case", "GET / HTTP/1.1\r\nhOST: a\r\n\r\n", "GET / 1.1 [hOST: a]"],
  // The body's framing.
  [
    "Content-Length",
    `${post("Content-Length: 5\r\n")}hello`,
    'POST / 1.1 [Host: a; Content-Length: 5], length 5, rest "hello"',
  ],
  ["Content-Length 0", post("content-length: 0\r\n"), "POST / 1.1 [Host: a; content-length: 0], length 0"],
  ["Content-Length with zeros", post("Content-Length: 007\r\n"), "odd"],
  [
    "the largest Content-Length",
    post("Content-Length: 9007199254740991\r\n"),
    "POST / 1.1 [Host: a; Content-Length: 9007199254740991], length 9007199254740991",
  ],
  ["the same Content-Length again", post("Content-Length: 5\r\nContent-length: 05\r\n"), "odd"],
  [
    "Content-Length with blanks behind it",
    post("Content-Length: 5 \t\r\n"),
    "POST / 1.1 [Host: a; Content-Length: 5], length 5, uneven 1",
  ],
  ["chunked", post("Transfer-Encoding: chunked\r\n"), "POST / 1.1 [Host: a; Transfer-Encoding: chunked], chunked"],
  [
    "chunked in any case",
    post("transfer-ENCODING:ChUnKeD\r\n"),
    "POST / 1.1 [Host: a; transfer-ENCODING: ChUnKeD], chunked",
  ],
  ["both framings", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "odd"],
  // What lies behind.
  ["a second request behind", `${http11("")}GET /2`, 'GET / 1.1 [Host: a], rest "GET /2"'],
  ["an empty line behind", `${http11("")}\r\n`, 'GET / 1.1 [Host: a], rest "\\r\\n"'],
  // Connection and Expect.
  ["Connection: close", http11("Connection: close\r\n"), "GET / 1.1 [Host: a; Connection: close], close"],
  [
    "Connection: Keep-Alive",
    http11("Connection: Keep-Alive\r\n"),
    "GET / 1.1 [Host: a; Connection: Keep-Alive], keep-alive",
  ],
  [
    "Connection lists",
    http11("Connection: ,, X-A ,close\t,\r\nConnection:keep-alive,Y\r\n"),
    "GET / 1.1 [Host: a; Connection: ,, X-A ,close\t,; Connection: keep-alive,Y], close, keep-alive, nominates x-a+y",
  ],
  ["Connection of commas", http11("Connection: , ,\r\n"), "GET / 1.1 [Host: a; Connection: , ,]"],
  [
    "closer is not close",
    http11("Connection: closer\r\n"),
    "GET / 1.1 [Host: a; Connection: closer], nominates closer",
  ],
  ["Expect", http11("Expect: 100-Continue\r\n"), "GET / 1.1 [Host: a; Expect: 100-Continue], continue"],
  ["another Expect", http11("Expect: 200-ok\r\n"), "GET / 1.1 [Host: a; Expect: 200-ok]"],
];

export const brokenRequests: ReadonlyArray<HeadCase> = [
  // badMethod
  ["no method", line(" / HTTP/1.1"), "fault badMethod"],
  ["a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "fault badMethod"],
  ["a separator in the method", line("G(T / HTTP/1.1"), "odd"],
  ["a tab behind the method", line("GET\t/ HTTP/1.1"), "fault badMethod"],
  ["a bare CR in front", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "fault badMethod"],
  ["a method alone", "GET\r\nHost: a\r\n\r\n", "fault badMethod"],
  ["a NUL in front", `\0${http11("")}`, "fault badMethod"],
  // connectMethod
  ["CONNECT", line("CONNECT a:443 HTTP/1.1"), "fault connectMethod"],
  ["CONNECT with a path", line("CONNECT / HTTP/1.1"), "fault connectMethod"],
  ["CONNECT without Host", "CONNECT a:443 HTTP/1.1\r\n\r\n", "fault connectMethod"],
  // badTarget
  ["two blanks in front of the target", line("GET  / HTTP/1.1"), "odd"],
  ["HTTP/0.9", "GET /\r\n", "odd"],
  ["a tab behind the target", line("GET /\tHTTP/1.1"), 'odd, rest "Host: a\\r\\n\\r\\n"'],
  ["a control byte in the target", line("GET /\x01 HTTP/1.1"), "odd"],
  ["DEL in the target", line("GET /\x7f HTTP/1.1"), "odd"],
  ["a relative target", line("GET a HTTP/1.1"), "GET a 1.1 [Host: a]"],
  ["authority form without CONNECT", line("GET a:80 HTTP/1.1"), "GET a:80 1.1 [Host: a]"],
  ["an asterisk with more", line("OPTIONS */ HTTP/1.1"), "OPTIONS */ 1.1 [Host: a]"],
  ["another scheme", line("GET ftp://a/ HTTP/1.1"), "GET ftp://a/ 1.1 [Host: a], authority a"],
  ["a scheme alone", line("GET http HTTP/1.1"), "GET http 1.1 [Host: a]"],
  ["a scheme with its colon", line("GET http: HTTP/1.1"), "GET http: 1.1 [Host: a]"],
  ["a scheme and one slash", line("GET http:/ HTTP/1.1"), "GET http:/ 1.1 [Host: a]"],
  ["no authority", line("GET http:// HTTP/1.1"), "fault badTarget"],
  ["no authority but a path", line("GET http:///a HTTP/1.1"), "fault badTarget"],
  ["user information", line("GET http://u@a/ HTTP/1.1"), "GET http://u@a/ 1.1 [Host: a], authority a"],
  ["a fragment in the authority", line("GET http://a#b HTTP/1.1"), "GET http://a#b 1.1 [Host: a], authority a"],
  ["a query first", line("GET ?a HTTP/1.1"), "GET ?a 1.1 [Host: a]"],
  // badVersion
  ["no version", "GET / \r\nHost: a\r\n\r\n", 'odd, rest "Host: a\\r\\n\\r\\n"'],
  ["a lower-case version", line("GET / http/1.1"), "odd"],
  ["HTTP/2", line("GET / HTTP/2.0"), "odd"],
  ["HTTP/0.9 said aloud", line("GET / HTTP/0.9"), "odd"],
  ["a version of letters", line("GET / HTTP/1.x"), "odd"],
  ["a version of two digits", line("GET / HTTP/1.10"), "odd"],
  ["a blank behind the version", line("GET / HTTP/1.1 "), "odd"],
  ["two blanks in front of the version", line("GET /  HTTP/1.1"), "odd"],
  ["a third word", line("GET / a HTTP/1.1"), "odd"],
  ["a CR alone behind the version", "GET / HTTP/1.1\rHost: a\r\n\r\n", "odd"],
  ["two CRs behind the version", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "odd"],
  // badFieldName
  ["a line without a colon", http11("X\r\n"), "odd"],
  ["an empty name", http11(": 1\r\n"), "odd"],
  ["a separator in a name", http11("X(1): 1\r\n"), "odd"],
  ["obs-text in a name", http11("X\xe4: 1\r\n"), "odd"],
  ["a NUL in a name", http11("X\0: 1\r\n"), "odd"],
  ["a CR alone at the end", "GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n", "odd"],
  ["a CR in a name", http11("X\rY: 1\r\n"), "odd"],
  // blankBeforeColon
  ["a blank in front of the colon", http11("Content-Length : 5\r\n"), "odd"],
  ["a tab in front of the colon", http11("X\t: 1\r\n"), "odd"],
  ["a blank in a name", http11("X Y: 1\r\n"), "odd"],
  // badFieldValue
  ["a NUL in a value", http11("X: a\0b\r\n"), "odd"],
  ["DEL in a value", http11("X: \x7f\r\n"), "odd"],
  ["a vertical tab in a value", http11("Transfer-Encoding:\x0bchunked\r\n"), "odd"],
  ["a CR alone in a value", http11("X: a\rTransfer-Encoding: chunked\r\n"), "odd"],
  ["two CRs behind a value", http11("X: a\r\r\n"), "odd"],
  // foldedField
  ["a folded line", http11("X: a\r\n b\r\n"), "odd"],
  ["a folded line, bare LF and tab", http11("X: a\n\tb\r\n"), "odd"],
  ["a blank in front of the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "odd"],
  ["a line of a blank", http11(" \r\n"), "odd"],
  // Host
  ["HTTP/1.1 without Host", "GET / HTTP/1.1\r\n\r\n", "fault missingHost"],
  ["a later version without Host", "GET / HTTP/1.2\r\nX: 1\r\n\r\n", "odd"],
  ["absolute form without Host", "GET http://a/ HTTP/1.1\r\n\r\n", "fault missingHost"],
  ["two Hosts", http11("Host: b\r\n"), "fault duplicateHost"],
  ["the same Host twice", http11("host: a\r\n"), "fault duplicateHost"],
  ["two Hosts before HTTP/1.1", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "fault duplicateHost"],
  ["two names in Host", host(" a b"), "fault badHost"],
  ["a list in Host", host(" a,b"), "GET / 1.1 [Host: a,b]"],
  ["a path in Host", host(" a/b"), "fault badHost"],
  ["a query in Host", host(" a?b"), "fault badHost"],
  ["a fragment in Host", host(" a#b"), "fault badHost"],
  ["user information in Host", host(" u@a"), "fault badHost"],
  ["a tab in Host", host(" a\tb"), "fault badHost"],
  [
    "a bad Host behind an absolute target",
    "GET http://a/ HTTP/1.1\r\nHost: b,c\r\n\r\n",
    "GET http://a/ 1.1 [Host: b,c], authority a",
  ],
  // badContentLength
  ["an empty Content-Length", post("Content-Length:\r\n"), "odd"],
  ["a negative Content-Length", post("Content-Length: -1\r\n"), "odd"],
  ["a signed Content-Length", post("Content-Length: +1\r\n"), "odd"],
  ["a hexadecimal Content-Length", post("Content-Length: 0x10\r\n"), "odd"],
  ["a Content-Length with a fraction", post("Content-Length: 1.0\r\n"), "odd"],
  ["a Content-Length with an exponent", post("Content-Length: 1e3\r\n"), "odd"],
  ["a list of Content-Lengths", post("Content-Length: 5, 5\r\n"), "odd"],
  ["a blank within Content-Length", post("Content-Length: 5 0\r\n"), "odd"],
  ["Content-Length beyond 2^53-1", post("Content-Length: 9007199254740992\r\n"), "odd"],
  ["Content-Length that rounds down", post("Content-Length: 9007199254740993\r\n"), "odd"],
  ["Content-Length beyond 2^64", post("Content-Length: 18446744073709551621\r\n"), "odd"],
  ["Content-Length beyond a double", post(`Content-Length: ${"9".repeat(400)}\r\n`), "odd"],
  ["a second, bad Content-Length", post("Content-Length: 5\r\nContent-Length: x\r\n"), "odd"],
  ["different Content-Lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n"), "odd"],
  ["0 and another Content-Length", post("Content-Length: 0\r\nContent-Length: 6\r\n"), "odd"],
  // badTransferEncoding
  ["an empty Transfer-Encoding", post("Transfer-Encoding:\r\n"), "odd"],
  ["identity", post("Transfer-Encoding: identity\r\n"), "odd"],
  ["another coding in front", post("Transfer-Encoding: gzip, chunked\r\n"), "odd"],
  ["another coding behind", post("Transfer-Encoding: chunked, identity\r\n"), "odd"],
  ["chunked in quotes", post('Transfer-Encoding: "chunked"\r\n'), "odd"],
  ["chunked and a parameter", post("Transfer-Encoding: chunked;a=b\r\n"), "odd"],
  ["xchunked", post("Transfer-Encoding: xchunked\r\n"), "odd"],
  ["chunked with obs-text", post("Transfer-Encoding: chun\xebed\r\n"), "odd"],
  ["chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "odd"],
  ["chunked, then cow", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n"), "odd"],
];

/** Heads that are not over yet, whatever they will turn out to be. */
export const unfinishedRequests: ReadonlyArray<HeadCase> = [
  ["nothing", "", "incomplete"],
  ["empty lines alone", "\r\n\n\r\n\r", "incomplete"],
  ["a method", "GET", "incomplete"],
  ["up to the version", "GET / HTTP/1.", "incomplete"],
  ["without the last line", "GET / HTTP/1.1\r\nHost: a\r\n", "incomplete"],
  ["without the last LF", "GET / HTTP/1.1\r\nHost: a\r\n\r", "incomplete"],
];

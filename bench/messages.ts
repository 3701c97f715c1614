// The requests that wrk can't make by itself, as bytes: a POST, a browser's thirty header fields, several requests at
// once. The same bytes go to every proxy; the parser row reads the browser's. Pure.

/** The host that stands in requests that no connection needs. */
export const anyHost = "bench";

/** The name in the certificates, which the bench's TLS clients ask for (SNI, RFC 6066 §3). */
export const serverName = "bench.test";

/** A plain GET, as wrk makes it. */
export function makeGet(target: string, host: string): Buffer {
  return Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
}

/** The same GET several times in a row, to be sent at once (RFC 9112 §9.3.2). */
export function makePipelined(target: string, host: string, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => makeGet(target, host)));
}

/** A form of `bodyBytes`, as a browser posts it. */
export function makePost(target: string, host: string, bodyBytes: number): Buffer {
  const head =
    `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
    `Content-Length: ${bodyBytes}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bodyBytes, "field=value&")]);
}

/** A POST in chunks of at most `chunkBytes`. */
export function makeChunkedPost(target: string, host: string, bodyBytes: number, chunkBytes: number): Buffer {
  const parts = [Buffer.from(`POST ${target} HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`)];
  for (let left = bodyBytes; left > 0; left -= chunkBytes) {
    const size = Math.min(left, chunkBytes);
    parts.push(Buffer.from(`${size.toString(16)}\r\n`), Buffer.alloc(size, "x"), Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** What a browser sends behind Host when a page is opened anew on a site that knows it: 29 fields, hints and cookies. */
export const browserFields: ReadonlyArray<readonly [name: string, value: string]> = [
  ["Connection", "keep-alive"],
  ["Cache-Control", "max-age=0"],
  ["sec-ch-ua", '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"'],
  ["sec-ch-ua-mobile", "?0"],
  ["sec-ch-ua-platform", '"Linux"'],
  ["sec-ch-ua-platform-version", '"6.17.0"'],
  ["sec-ch-ua-arch", '"x86"'],
  ["sec-ch-viewport-width", "1536"],
  ["sec-ch-dpr", "1.25"],
  ["sec-ch-device-memory", "8"],
  ["downlink", "10"],
  ["ect", "4g"],
  ["rtt", "50"],
  ["DNT", "1"],
  ["Sec-GPC", "1"],
  ["Upgrade-Insecure-Requests", "1"],
  [
    "User-Agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  ],
  [
    "Accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8," +
      "application/signed-exchange;v=b3;q=0.7",
  ],
  ["Sec-Fetch-Site", "same-origin"],
  ["Sec-Fetch-Mode", "navigate"],
  ["Sec-Fetch-User", "?1"],
  ["Sec-Fetch-Dest", "document"],
  ["Referer", "https://shop.example.com/garden/tools?page=1&sort=price"],
  ["Accept-Encoding", "gzip, deflate, br, zstd"],
  ["Accept-Language", "en-GB,en;q=0.9,de-DE;q=0.8,de;q=0.7"],
  [
    "Cookie",
    "session=4f0c2d9ab17e4f62a8d3905c6be1f7d2; _ga=GA1.1.1839201746.1767000000; theme=dark; cart=3f9e0a7c51; " +
      "consent=necessary%2Cstatistics; csrf=Zk3vTq0uXyR8mWcNfL5hJd2sPbGa7EoI; currency=EUR; seen=1767000000; lang=en; " +
      "token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI4MTQyNTciLCJuYW1lIjoiQS4gTmVsc29uIiwiaWF0IjoxNzY3MDAwMDAwLCJleHAiOjE3" +
      "NjcwODY0MDB9.q0fJ8n2LxT5cWvR1yKdZ7uHbGm3sPoEaXi9N4jQ6wUk",
  ],
  ["If-None-Match", 'W/"5f3a-18c2d9e4b70"'],
  ["If-Modified-Since", "Wed, 18 Nov 2026 09:41:07 GMT"],
  ["Priority", "u=0, i"],
];

/** A GET with a browser's thirty header fields, Host among them. */
export function makeBrowserGet(target: string, host: string): Buffer {
  const lines = browserFields.map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines.join("")}\r\n`);
}

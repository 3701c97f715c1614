// Node's own HTTP client with a keep-alive agent against a port: many requests, a streamed upload, one that waits for
// 100, one that is answered early. It prints what it saw as one line of JSON. Plain JavaScript, so that Node.js runs it.
import { createHash } from "node:crypto";
import { Agent, request } from "node:http";

const port = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

const ask = (options, send) =>
  new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, agent, ...options }, (response) => {
      const { localPort } = response.socket;
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          trailers: response.trailers,
          body: Buffer.concat(parts).toString("latin1"),
          port: localPort,
        }),
      );
    });
    outgoing.on("error", reject);
    send(outgoing);
  });

const end = (outgoing) => outgoing.end();

const many = await Promise.all(
  Array.from({ length: 200 }, (_, index) => ask({ path: `/${index}`, method: index % 5 === 0 ? "HEAD" : "GET" }, end)),
);

const hash = createHash("sha256");
const upload = await ask({ path: "/upload", method: "PUT" }, async (outgoing) => {
  for (let index = 0; index < 200; index++) {
    const part = Buffer.alloc(10_000, index % 251);
    hash.update(part);
    if (!outgoing.write(part)) await new Promise((resolve) => outgoing.once("drain", resolve));
  }
  outgoing.end();
});

let sawContinue = false;
const expected = await ask(
  { path: "/expect", method: "POST", headers: { Expect: "100-continue", "Content-Length": 5 } },
  (outgoing) => {
    outgoing.on("continue", () => {
      sawContinue = true;
      outgoing.end("hello");
    });
    outgoing.flushHeaders();
  },
);

const hints = [];
const hinted = await ask({ path: "/hints" }, (outgoing) => {
  outgoing.on("information", ({ statusCode }) => hints.push(statusCode));
  outgoing.end();
});

const trailed = await ask({ path: "/trailers", headers: { TE: "trailers" } }, end);

process.stdout.write(
  `${JSON.stringify({
    statuses: [...new Set(many.map(({ status }) => status))],
    right: many.filter(({ body }, index) => body === (index % 5 === 0 ? "" : `GET /${index} 0`)).length,
    connections: new Set(many.map((one) => one.port)).size,
    upload: upload.body,
    uploadHash: hash.digest("hex"),
    sawContinue,
    expected: expected.body,
    hints,
    hinted: hinted.body,
    trailers: trailed.trailers,
  })}\n`,
);
agent.destroy();

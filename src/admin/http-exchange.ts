// One HTTP exchange of the management server in the terms of the Fetch Standard: what came in as a Request, and a Response
// sent.
//
// Between http-server.ts, which has the connection, and the app. Owns how the two are translated; bodies are streamed both
// ways, and nobody is read or written ahead of the other side.
import type { IncomingMessage, ServerResponse } from "node:http";

/** Takes what came in. *Fails with*: throws where it is no request that the Fetch Standard knows. */
export const toRequestUnsafe = (incoming: IncomingMessage): Request => {
  const { method = "GET", url: target = "/", rawHeaders } = incoming;
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers.append(rawHeaders[at] as string, rawHeaders[at + 1] as string);
  const url = new URL(target.startsWith("/") ? `http://localhost${target}` : target);
  // What a request's target says of the host comes before the header (RFC 9112 §3.2.2).
  if (!target.startsWith("/")) headers.set("host", url.host);
  const hasBody = headers.has("content-length") || headers.has("transfer-encoding");
  const body = hasBody && method !== "GET" && method !== "HEAD" ? readBodyOf(incoming) : undefined;
  return new Request(url.href, { method, headers, ...(body === undefined ? {} : { body, duplex: "half" as const }) });
};

/** Read only as far as somebody asks; what nobody wants stays with the client. */
const readBodyOf = (incoming: IncomingMessage): ReadableStream<Uint8Array> => {
  const parts = incoming[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
};

/**
 * Sends an answer, to its end or until the client has gone. `lasts` are streams, whose parts go out as they come; all else
 * says how long it is. *Fails with*: what the body failed with.
 */
export const sendResponse = async (response: Response, outgoing: ServerResponse, lasts: boolean): Promise<void> => {
  const { status, headers, body } = response;
  const isHead = outgoing.req.method === "HEAD";
  if (lasts && body !== null && !isHead) {
    outgoing.writeHead(status, Object.fromEntries(headers));
    await sendStream(body, outgoing);
    return;
  }
  const bytes = isHead ? undefined : new Uint8Array(await response.arrayBuffer());
  outgoing.writeHead(status, {
    ...Object.fromEntries(headers),
    ...(bytes === undefined ? {} : { "content-length": bytes.length }),
  });
  outgoing.end(bytes);
};

const sendStream = async (body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<void> => {
  const reader = body.getReader();
  let wake: (() => void) | undefined;
  const onMoved = (): void => wake?.();
  const onClose = (): void => {
    wake?.();
    void reader.cancel().catch(() => {});
  };
  outgoing.on("drain", onMoved).on("close", onClose);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || outgoing.destroyed) break;
      if (outgoing.write(value)) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
      if (outgoing.destroyed) break;
    }
  } finally {
    outgoing.off("drain", onMoved).off("close", onClose);
  }
  outgoing.end();
};

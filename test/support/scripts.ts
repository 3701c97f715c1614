// Scripts for FakeInstance that many tests share.
import type { InstanceConnection, Script } from "./fake-instance.ts";
import { formatResponse, type HttpRequest } from "./http-message.ts";

/** Accepts and then does nothing at all. */
export const silence: Script = () => {};

/** Sends back what it gets, and its own FIN after the other side's. For small amounts: it stops reading for nobody. */
export const echo: Script = async (connection) => {
  for (;;) {
    await connection.waitFor(() => connection.availableBytes > 0 || connection.ending !== "open", "bytes", 60_000);
    const bytes = connection.takeAvailable();
    if (bytes.length > 0) await connection.send(bytes);
    else if (connection.ending === "eof") return connection.close();
    else return;
  }
};

/** Says a text at once and ends after the other side did. */
export const greet =
  (text: string): Script =>
  async (connection) => {
    await connection.send(text);
    await connection.takeToEnd(60_000);
    await connection.close();
  };

/** What an HTTP script answers: whole bytes as they go on the wire, or nothing when it did the sending itself. */
export type Answer = (
  request: HttpRequest,
  connection: InstanceConnection,
) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>;

/** Serves HTTP on kept-alive connections until the other side leaves. */
export const serveHttp =
  (answer: Answer): Script =>
  async (connection) => {
    for (;;) {
      const request = await connection.readRequest();
      if (request === undefined) return connection.ending === "eof" ? connection.close() : undefined;
      const bytes = await answer(request, connection);
      if (bytes !== undefined) await connection.send(bytes);
    }
  };

/** Answers every request with a text. */
export const answerText = (text: string): Script => serveHttp(() => formatResponse(text));

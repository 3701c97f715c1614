// Just enough of RFC 6455 for tests: handshakes as they stand on the wire, frames written and read one by one. Written by
// hand so that a test can do what no decent WebSocket library would: cut, split, and send too early.
import type { ByteEnd } from "./byte-end.ts";
import type { InstanceConnection, Script } from "./fake-instance.ts";
import { type HeaderLine, type HttpHead, header, readHead } from "./http-message.ts";

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The key of RFC 6455 §1.3, and the answer to it. */
export const sampleKey = "dGhlIHNhbXBsZSBub25jZQ==";
export const sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** A handshake as a client sends it. */
export const formatHandshake = (
  target = "/socket",
  options: {
    readonly requestLine?: string;
    readonly upgrade?: ReadonlyArray<string>;
    readonly connection?: ReadonlyArray<string>;
    readonly headers?: ReadonlyArray<HeaderLine>;
  } = {},
): string =>
  [
    options.requestLine ?? `GET ${target} HTTP/1.1`,
    "Host: test",
    ...(options.upgrade ?? ["websocket"]).map((value) => `Upgrade: ${value}`),
    ...(options.connection ?? ["Upgrade"]).map((value) => `Connection: ${value}`),
    `Sec-WebSocket-Key: ${sampleKey}`,
    "Sec-WebSocket-Version: 13",
    ...(options.headers ?? []).map(([name, value]) => `${name}: ${value}`),
    "\r\n",
  ].join("\r\n");

/** The 101 of a server that has read `head`. */
export const formatSwitching = (head: HttpHead): string => {
  const hasher = new Bun.CryptoHasher("sha1");
  hasher.update(`${header(head, "sec-websocket-key")}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${hasher.digest("base64")}\r\n\r\n`;
};

/** The 101 as the client gets it through elbow, when the key was the sample's. */
export const relayedSwitching = `HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ${sampleAccept}\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n`;

/** One frame (RFC 6455 §5.2). */
export interface Frame {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly payload: Buffer;
}

const mask = (payload: Buffer, key: Buffer): Buffer => payload.map((byte, index) => byte ^ key[index % 4]!) as Buffer;

/** Writes a frame; a client's are masked. */
export const formatFrame = (
  code: number,
  payload: string | Uint8Array = "",
  options: { readonly isMasked?: boolean; readonly isLast?: boolean } = {},
): Buffer => {
  const bytes = Buffer.from(payload);
  const first = (options.isLast === false ? 0 : 0x80) | code;
  const maskBit = options.isMasked === true ? 0x80 : 0;
  const size = Buffer.alloc(bytes.length < 126 ? 1 : bytes.length < 65_536 ? 3 : 9);
  if (size.length === 1) size[0] = bytes.length;
  else if (size.length === 3) size.writeUInt16BE(bytes.length, 1);
  else size.writeBigUInt64BE(BigInt(bytes.length), 1);
  if (size.length > 1) size[0] = size.length === 3 ? 126 : 127;
  size[0]! |= maskBit;
  if (maskBit === 0) return Buffer.concat([Buffer.from([first]), size, bytes]);
  const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  return Buffer.concat([Buffer.from([first]), size, key, mask(bytes, key)]);
};

/** A client's frame. */
export const maskedFrame = (code: number, payload: string | Uint8Array = "", isLast = true): Buffer =>
  formatFrame(code, payload, { isMasked: true, isLast });

/** Reads one frame and takes its mask off. */
export const readFrame = async (end: ByteEnd): Promise<Frame> => {
  const [first, second] = (await end.takeBytes(2)) as unknown as [number, number];
  let length = second & 0x7f;
  if (length === 126) length = (await end.takeBytes(2)).readUInt16BE();
  else if (length === 127) length = Number((await end.takeBytes(8)).readBigUInt64BE());
  const key = second > 0x7f ? await end.takeBytes(4) : undefined;
  const payload = await end.takeBytes(length);
  return { opcode: first & 0xf, isLast: first > 0x7f, payload: key === undefined ? payload : mask(payload, key) };
};

/** Shakes hands as a client does, and checks the bytes of the answer. */
export const shakeHands = async (client: ByteEnd, target?: string): Promise<void> => {
  await client.send(formatHandshake(target));
  const head = (await client.takeUntil("\r\n\r\n")).toString("latin1");
  if (head !== relayedSwitching) throw new Error(`not the 101 that was to come: ${JSON.stringify(head)}`);
};

/** Serves HTTP requests with `text to <target>` until one asks for WebSocket, then does what `speak` does. */
export const serveWebSocket =
  (speak: (connection: InstanceConnection, head: HttpHead) => unknown): Script =>
  async (connection) => {
    for (;;) {
      await connection.waitFor(() => connection.availableBytes > 0 || connection.ending !== "open", "a head", 60_000);
      if (connection.availableBytes === 0) return connection.ending === "eof" ? connection.close() : undefined;
      const head = await readHead(connection);
      if (header(head, "upgrade") === "websocket") {
        await connection.send(formatSwitching(head));
        await speak(connection, head);
        return;
      }
      const text = `plain ${head.startLine.split(" ")[1]}`;
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    }
  };

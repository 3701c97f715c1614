// A TLS 1.3 client written by hand for tests: it makes a sound handshake (RFC 8446) and then says whatever a test wants,
// record by record, sound or not. One suite (TLS_AES_128_GCM_SHA256), one group (X25519); it verifies nothing that the
// server shows. What a library would never send, it can.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
} from "node:crypto";
import { CutError } from "./byte-end.ts";
import { clientHelloMessage, inRecords } from "./client-hello.ts";
import { RawClient } from "./raw-client.ts";

/** Record types (RFC 8446 §5.1). */
export const recordTypes = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

/** Handshake message types (RFC 8446 §4). */
const messageTypes = { serverHello: 2, finished: 20, keyUpdate: 24 } as const;

const hashBytes = 32;
const tagBytes = 16;

const hash = (...parts: ReadonlyArray<Uint8Array>): Buffer =>
  parts.reduce((hasher, part) => hasher.update(part), createHash("sha256")).digest();

const hmac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac("sha256", key).update(data).digest();

/** RFC 8446 §7.1. */
const expandLabel = (secret: Uint8Array, label: string, context: Uint8Array, length: number): Buffer => {
  const name = Buffer.from(`tls13 ${label}`);
  const written = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([context.length]), context]);
  // One block is enough for every length that is asked for (RFC 5869 §2.3).
  return hmac(secret, Buffer.concat([written, Buffer.from([1])])).subarray(0, length);
};

const derive = (secret: Uint8Array, label: string, transcript: Uint8Array): Buffer =>
  expandLabel(secret, label, transcript, hashBytes);

/** The protection of one direction. */
class Protection {
  private key!: Buffer;
  private iv!: Buffer;
  private sequence = 0;

  constructor(private secret: Buffer) {
    this.takeKeys();
  }

  private takeKeys(): void {
    this.key = expandLabel(this.secret, "key", Buffer.alloc(0), 16);
    this.iv = expandLabel(this.secret, "iv", Buffer.alloc(0), 12);
    this.sequence = 0;
  }

  /** The next generation of keys (RFC 8446 §7.2). */
  update(): void {
    this.secret = expandLabel(this.secret, "traffic upd", Buffer.alloc(0), hashBytes);
    this.takeKeys();
  }

  private nonce(): Buffer {
    const nonce = Buffer.from(this.iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.sequence++) >>> 0, 8);
    return nonce;
  }

  seal(inner: Uint8Array): Buffer {
    const header = Buffer.from([recordTypes.applicationData, 3, 3, 0, 0]);
    header.writeUInt16BE(inner.length + tagBytes, 3);
    const cipher = createCipheriv("aes-128-gcm", this.key, this.nonce()).setAAD(header);
    return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  }

  open(header: Uint8Array, sealed: Buffer): Buffer {
    const decipher = createDecipheriv("aes-128-gcm", this.key, this.nonce()).setAAD(header);
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]);
  }
}

/** What a record held. */
export interface OpenedRecord {
  readonly type: number;
  readonly content: Buffer;
}

/** One TLS 1.3 connection; `raw` is the TCP connection under it. */
export class Tls13Client implements Disposable {
  private readonly pair = generateKeyPairSync("x25519");
  private transcript: Array<Buffer> = [];
  private writing: Protection | undefined = undefined;
  private reading: Protection | undefined = undefined;
  private finished: Buffer | undefined = undefined;
  private applicationSecrets: readonly [client: Buffer, server: Buffer] | undefined = undefined;

  private constructor(readonly raw: RawClient) {}

  static async connect(port: number): Promise<Tls13Client> {
    return new Tls13Client(await RawClient.connect(port));
  }

  /** A connection whose handshake is done. */
  static async connectSecure(port: number): Promise<Tls13Client> {
    const client = await Tls13Client.connect(port);
    await client.sendHello();
    await client.readFlight();
    await client.finish();
    return client;
  }

  /** The ClientHello's message, which counts from now on as sent. */
  makeHello(): Buffer {
    const share = this.pair.publicKey.export({ type: "spki", format: "der" }).subarray(-32);
    const message = clientHelloMessage({
      suites: [0x1301],
      versions: [0x0304],
      sessionId: new Uint8Array(32).fill(9),
      extensions: [
        [10, [0, 2, 0, 29]],
        [13, [0, 6, 4, 3, 8, 4, 4, 1]],
        [51, [0, 36, 0, 29, 0, 32, ...share]],
      ],
    });
    this.transcript = [Buffer.from(message)];
    return this.transcript[0] as Buffer;
  }

  /** Sends the ClientHello in records of at most `fragmentBytes`. */
  async sendHello(fragmentBytes?: number): Promise<void> {
    await this.raw.send(inRecords(this.makeHello(), fragmentBytes));
  }

  /** Reads the server's first flight, from ServerHello to Finished, and takes the keys. */
  async readFlight(): Promise<void> {
    const { content: hello } = await this.receive();
    if (hello[0] !== messageTypes.serverHello) throw new Error(`no ServerHello: ${hello.toString("hex")}`);
    this.transcript.push(hello);
    const theirs = createPublicKey({
      key: Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), keyShareOf(hello)]),
      format: "der",
      type: "spki",
    });
    const shared = diffieHellman({ privateKey: this.pair.privateKey, publicKey: theirs });
    const zeros = Buffer.alloc(hashBytes);
    const empty = hash();
    const handshake = hmac(derive(hmac(zeros, zeros), "derived", empty), shared);
    const clientSecret = derive(handshake, "c hs traffic", hash(...this.transcript));
    const serverSecret = derive(handshake, "s hs traffic", hash(...this.transcript));
    this.reading = new Protection(serverSecret);
    this.writing = new Protection(clientSecret);
    let messages = Buffer.alloc(0);
    for (let last = -1; last !== messageTypes.finished; ) {
      const { type, content } = await this.receive();
      if (type !== recordTypes.handshake) throw new Error(`a record of type ${type} in the handshake`);
      messages = Buffer.concat([messages, content]);
      for (;;) {
        const length = messages.length < 4 ? Number.POSITIVE_INFINITY : 4 + messages.readUIntBE(1, 3);
        if (messages.length < length) break;
        this.transcript.push(messages.subarray(0, length));
        last = messages[0] as number;
        messages = messages.subarray(length);
      }
    }
    const main = hmac(derive(handshake, "derived", empty), zeros);
    const whole = hash(...this.transcript);
    this.applicationSecrets = [derive(main, "c ap traffic", whole), derive(main, "s ap traffic", whole)];
    const proof = hmac(expandLabel(clientSecret, "finished", Buffer.alloc(0), hashBytes), whole);
    this.finished = Buffer.concat([Buffer.from([messageTypes.finished, 0, 0, hashBytes]), proof]);
  }

  /** The record that ends the handshake; the keys of the application hold behind it. */
  makeFinished(): Buffer {
    const record = this.seal(recordTypes.handshake, this.finished as Buffer);
    const [mine, theirs] = this.applicationSecrets as readonly [Buffer, Buffer];
    this.writing = new Protection(mine);
    this.reading = new Protection(theirs);
    return record;
  }

  async finish(): Promise<void> {
    await this.raw.send(this.makeFinished());
  }

  /** A protected record. */
  seal(type: number, content: Uint8Array, paddingBytes = 0): Buffer {
    return (this.writing as Protection).seal(Buffer.concat([content, Buffer.from([type]), Buffer.alloc(paddingBytes)]));
  }

  /** Application data in one record. */
  text(text: string): Buffer {
    return this.seal(recordTypes.applicationData, Buffer.from(text, "latin1"));
  }

  /** A KeyUpdate; what follows is protected with the next keys (RFC 8446 §4.6.3). */
  keyUpdate(isRequested: boolean): Buffer {
    const record = this.seal(
      recordTypes.handshake,
      Buffer.from([messageTypes.keyUpdate, 0, 0, 1, isRequested ? 1 : 0]),
    );
    (this.writing as Protection).update();
    return record;
  }

  /** The next record that holds something; CCS is nothing (RFC 8446 §5). */
  async receive(): Promise<OpenedRecord> {
    for (;;) {
      const header = await this.raw.takeBytes(5);
      const body = await this.raw.takeBytes(header.readUInt16BE(3));
      if (header[0] === recordTypes.changeCipherSpec) continue;
      if (this.reading === undefined || header[0] !== recordTypes.applicationData) {
        return { type: header[0] as number, content: body };
      }
      const inner = this.reading.open(header, body);
      let end = inner.length - 1;
      while (end > 0 && inner[end] === 0) end--;
      const opened = { type: inner[end] as number, content: inner.subarray(0, end) };
      if (opened.type === recordTypes.handshake && opened.content[0] === messageTypes.keyUpdate) this.reading.update();
      return opened;
    }
  }

  /** The next application data as text; session tickets and key updates on the way are passed over. */
  async receiveText(): Promise<string> {
    for (;;) {
      const { type, content } = await this.receive();
      if (type === recordTypes.applicationData) return content.toString("latin1");
      if (type === recordTypes.alert) throw new CutError(this.raw.ending, content, "text");
    }
  }

  [Symbol.dispose](): void {
    this.raw.dispose();
  }
}

/** The server's share in a ServerHello (RFC 8446 §4.2.8). */
const keyShareOf = (hello: Buffer): Buffer => {
  let at = 4 + 34;
  at += 1 + hello.readUInt8(at) + 3;
  for (at += 2; at + 4 <= hello.length; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) === 51) return hello.subarray(at + 8, at + 8 + 32);
  }
  throw new Error("a ServerHello without a key share");
};

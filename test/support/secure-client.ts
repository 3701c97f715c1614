// A raw TLS client for tests: makes a real handshake with a loopback port and is then a ByteEnd whose bytes are the
// application's. It trusts any server unless it is given an authority, and resumes a session only when it is told to.
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { ByteEnd, byteEndHandlers } from "./byte-end.ts";
import { within } from "./eventually.ts";

/** What a client asks of its handshake; nothing needs to be said. */
export interface SecureClientOptions extends Pick<SecureContextOptions, "cert" | "key" | "ca" | "ciphers" | "sigalgs"> {
  readonly host?: string;
  /** The server name to ask for (SNI); none by default. */
  readonly serverName?: string;
  readonly minVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
  readonly maxVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
  /** Application protocols to offer, best first. */
  readonly protocols?: ReadonlyArray<string>;
  /** A session of an earlier connection (see {@link SecureClient.session}) to resume. */
  readonly session?: Uint8Array;
}

/** The handshake didn't succeed. */
export class HandshakeFailure extends Error {
  override readonly name = "HandshakeFailure";
}

interface SecureSocket {
  write(bytes: Uint8Array): number;
  setSession(session: Uint8Array): void;
  isSessionReused(): boolean;
  getTLSVersion(): string;
  getCipher(): { readonly name: string };
  getPeerX509Certificate(): { readonly raw: Buffer; readonly subject: string; readonly fingerprint256: string };
  readonly alpnProtocol: string | false;
}

const wireFormat = (protocols: ReadonlyArray<string>): Buffer =>
  Buffer.from(protocols.map((name) => `${String.fromCharCode(name.length)}${name}`).join(""), "latin1");

/** A TLS connection whose handshake is done. */
export class SecureClient extends ByteEnd {
  isResumed = false;
  version = "";
  cipher = "";
  protocol: string | undefined = undefined;
  /** SHA-256 of the server's certificate. */
  serverFingerprint = "";
  serverSubject = "";
  /** The newest session that the server gave. */
  session: Uint8Array | undefined = undefined;

  /** Waits until the server has given a session to resume (after the handshake in TLS 1.3). */
  async takeSession(): Promise<Uint8Array> {
    await this.waitFor(() => this.session !== undefined, "a session");
    return this.session as Uint8Array;
  }

  private onHandshake(socket: SecureSocket): void {
    this.isResumed = socket.isSessionReused();
    this.version = socket.getTLSVersion();
    this.cipher = socket.getCipher().name;
    this.protocol = socket.alpnProtocol === false ? undefined : socket.alpnProtocol;
    const certificate = socket.getPeerX509Certificate();
    this.serverFingerprint = certificate.fingerprint256;
    this.serverSubject = certificate.subject;
  }

  /** Connects and shakes hands; rejects with {@link HandshakeFailure} when either side gives up. */
  static async connect(port: number, options: SecureClientOptions = {}): Promise<SecureClient> {
    const client = new SecureClient();
    const {
      host = "127.0.0.1",
      serverName = "",
      protocols,
      session,
      minVersion = "TLSv1",
      maxVersion,
      ...rest
    } = options;
    const { context } = createSecureContext({
      ...rest,
      minVersion,
      ...(maxVersion === undefined ? {} : { maxVersion }),
    }) as unknown as { readonly context: unknown };
    const { promise, resolve, reject } = Promise.withResolvers<SecureClient>();
    const refuse = (error: unknown) =>
      reject(new HandshakeFailure(String((error as Error | undefined)?.message ?? error ?? "the server closed")));
    await Bun.connect<ByteEnd>({
      hostname: host,
      port,
      data: client,
      allowHalfOpen: true,
      tls: {
        secureContext: context,
        // Without an authority nothing is verified; with one, the library refuses what doesn't verify.
        rejectUnauthorized: options.ca !== undefined,
        serverName,
        ...(protocols === undefined ? {} : { ALPNProtocols: wireFormat(protocols) }),
      },
      socket: {
        ...byteEndHandlers,
        open: (socket: never) => {
          client.attach(socket);
          if (session !== undefined) (socket as unknown as SecureSocket).setSession(session);
        },
        handshake: (socket: never, _isDone: boolean, error: { readonly code?: string } | null) => {
          // Bun's first answer is unsteady for a client; a handshake that broke has one of these codes.
          const isBroken = /^(EPROTO|ECONNRESET|ERR_SSL)/.test(error?.code ?? "");
          if (isBroken || (options.ca !== undefined && error?.code !== undefined)) refuse(error);
          else {
            client.onHandshake(socket);
            resolve(client);
          }
        },
        session: (_socket: never, bytes: Uint8Array) => {
          client.session = bytes.slice();
        },
        close: (socket: never, error?: unknown) => {
          byteEndHandlers.close(socket, error);
          refuse(error);
        },
        error: (socket: never, error: unknown) => {
          refuse(error);
          byteEndHandlers.error(socket, error);
        },
      },
    } as unknown as Bun.TCPSocketConnectOptions<ByteEnd>).catch(refuse);
    return within(promise, 10_000, () => `waited for a handshake with port ${port}`);
  }
}

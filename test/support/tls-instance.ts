// A scriptable instance that speaks TLS: a FakeInstance whose scripts begin when the handshake is done and see clear text.
// It records what each client asked for (server name, version, resumption) and counts the application's bytes; it can be
// given another certificate at any time, for the connections to come. It never trusts or refuses a client by itself.
import type { Socket } from "bun";
import type { Listener } from "../../src/model/listener.ts";
import type { InstanceSecurity } from "../../src/model/security.ts";
import type { ByteEnd } from "./byte-end.ts";
import { byteEndHandlers } from "./byte-end.ts";
import { issueTestCertificate, type TestCertificate } from "./certificates.ts";
import { FakeInstance, InstanceConnection, type Script } from "./fake-instance.ts";

/** The versions that an instance may speak, as Bun numbers them (RFC 8446 §4.1.2). */
export const tlsVersions = { "TLSv1.1": 0x302, "TLSv1.2": 0x303, "TLSv1.3": 0x304 } as const;

/** The name of one of {@link tlsVersions}. */
export type TlsVersion = keyof typeof tlsVersions;

/** What an instance shows and asks for. */
export interface TlsTerms {
  readonly certificate: TestCertificate;
  /** The only version that it speaks; default 1.2 and 1.3. */
  readonly version?: TlsVersion;
  /** Clients must show a certificate of this authority, PEM. */
  readonly clientCa?: string;
}

/** One accepted connection of a TlsInstance. */
export class TlsConnection extends InstanceConnection {
  /** The handshake is done; false also while it is under way. */
  isSecure = false;
  /** What the client sent as server name (SNI). */
  serverName: string | undefined = undefined;
  version = "";
  isResumed = false;
  /** Why the handshake failed, in the library's words. */
  handshakeError: string | undefined = undefined;
}

interface SecuredSocket {
  getServername(): string | false | undefined;
  getTLSVersion(): string;
  isSessionReused(): boolean;
}

/** A scripted TLS server. */
export class TlsInstance extends FakeInstance {
  declare readonly connections: Array<TlsConnection>;

  protected constructor(
    script: Script,
    protected terms: TlsTerms,
  ) {
    super(script);
  }

  /** Starts an instance on `host` (default `127.0.0.1`); default certificate: any for localhost and 127.0.0.1. */
  static async secure(
    script: Script,
    terms: Partial<TlsTerms> = {},
    options: { readonly host?: string; readonly port?: number } = {},
  ): Promise<TlsInstance> {
    const instance = new TlsInstance(script, { certificate: await issueTestCertificate(), ...terms });
    instance.listen(options.port ?? 0, options.host ?? "127.0.0.1");
    return instance;
  }

  protected override get ways() {
    const { certificate, version, clientCa } = this.terms;
    return {
      tls: {
        cert: certificate.chainPem,
        key: certificate.keyPem,
        ...(version && { minVersion: tlsVersions[version], maxVersion: tlsVersions[version] }),
        ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
      },
      socket: {
        ...byteEndHandlers,
        open: (socket: Socket<ByteEnd>) => this.keep(new TlsConnection(this, this.connections.length), socket),
        handshake: (socket: Socket<ByteEnd>, isDone: boolean, error: Error | null) => {
          const connection = socket.data as TlsConnection;
          if (!isDone) {
            connection.handshakeError = error?.message ?? "unknown";
            return;
          }
          const secured = socket as unknown as SecuredSocket;
          connection.isSecure = true;
          connection.serverName = secured.getServername() || undefined;
          connection.version = secured.getTLSVersion();
          connection.isResumed = secured.isSessionReused();
          void this.run(connection);
        },
      },
    };
  }

  /** Shows other things from the next connection on; open ones stay, no session of before can be resumed. */
  change(terms: Partial<TlsTerms>): void {
    this.terms = { ...this.terms, ...terms };
    const { port } = this;
    this.stopListening();
    this.listen(port);
  }

  /** The connections whose handshake was done. */
  get secured(): ReadonlyArray<TlsConnection> {
    return this.connections.filter(({ isSecure }) => isSecure);
  }

  /** How many bytes of the application any client has sent. */
  get applicationBytes(): number {
    return this.connections.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
  }
}

/** A listener in clear in front of instances that speak TLS. */
export const encryptTo = (
  protocol: "HTTP" | "TCP",
  instanceSecurity?: InstanceSecurity,
): Pick<Listener, "protocol" | "instanceProtocol" | "instanceSecurity"> => ({
  protocol,
  instanceProtocol: protocol === "HTTP" ? "HTTPS" : "SSL",
  ...(instanceSecurity && { instanceSecurity }),
});

/** An authentication policy that trusts the keys of these certificates, as `key1`, `key2`… */
export const trustKeysOf = (...certificates: ReadonlyArray<TestCertificate>): InstanceSecurity => ({
  keys: certificates.map(({ spki }, index) => ({ policy: `key${index + 1}`, spki })),
});

/** An authentication policy that trusts an authority, PEM, for `serverName` or the instance's host. */
export const trustAuthority = (ca: string, serverName?: string): InstanceSecurity => ({
  authority: { ca: { text: ca }, ...(serverName !== undefined && { serverName }) },
});

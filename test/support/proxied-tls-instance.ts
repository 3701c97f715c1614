// A scriptable instance that speaks TLS behind a PROXY header: what comes before the ClientHello is read with the product's
// reader and recorded; anything else ends the connection. Its scripts begin when the handshake is done, and see clear text,
// as those of a TlsInstance do.
import { createSecureContext } from "node:tls";
import type { Socket } from "bun";
import { readProxyHeader } from "../../src/parse/proxy-protocol/header-reader.ts";
import { issueTestCertificate } from "./certificates.ts";
import type { Script } from "./fake-instance.ts";
import { TlsInstance, type TlsTerms } from "./tls-instance.ts";

/** What has come on a connection in clear. */
class Beginning {
  bytes = Buffer.alloc(0);
  isSecuring = false;
}

interface UpgradableSocket {
  upgradeTLS(options: {
    readonly isServer: true;
    readonly initialData: Uint8Array;
    readonly tls: { readonly secureContext: unknown };
    readonly data: undefined;
    readonly socket: unknown;
  }): unknown;
}

/** A scripted TLS server behind proxies. */
export class ProxiedTlsInstance extends TlsInstance {
  /** The headers that came, in order. */
  readonly headers: Array<Buffer> = [];
  #context: unknown;

  /** Starts an instance; default certificate: any for localhost and 127.0.0.1. */
  static async proxied(script: Script, terms: Partial<TlsTerms> = {}): Promise<ProxiedTlsInstance> {
    const instance = new ProxiedTlsInstance(script, { certificate: await issueTestCertificate(), ...terms });
    instance.listen(0);
    return instance;
  }

  protected override get ways() {
    const secure = super.ways;
    const { certificate, version } = this.terms;
    const { context } = createSecureContext({
      cert: certificate.chainPem,
      key: certificate.keyPem,
      ...(version && { minVersion: version, maxVersion: version }),
    }) as unknown as { readonly context: unknown };
    this.#context = context;
    return {
      socket: {
        open: (socket: Socket<unknown>) => {
          socket.data = new Beginning();
        },
        data: (socket: Socket<unknown>, chunk: Buffer) => this.begin(socket, chunk, secure.socket),
        close: () => {},
        error: (socket: Socket<unknown>) => socket.terminate(),
      } as unknown as (typeof secure)["socket"],
    } as unknown as typeof secure;
  }

  private begin(socket: Socket<unknown>, chunk: Buffer, secure: unknown): void {
    const beginning = socket.data as Beginning;
    // Bun goes on showing what the TLS socket gets.
    if (beginning.isSecuring) return;
    beginning.bytes = Buffer.concat([beginning.bytes, chunk]);
    const read = readProxyHeader(beginning.bytes);
    if (read === "partial") return;
    if (typeof read === "string") {
      this.scriptErrors.push(new Error(`the header is ${read}`));
      socket.terminate();
      return;
    }
    const rest = beginning.bytes.subarray(read.bytesTaken);
    if (rest.length === 0) return;
    beginning.isSecuring = true;
    this.headers.push(beginning.bytes.subarray(0, read.bytesTaken));
    (socket as unknown as UpgradableSocket).upgradeTLS({
      isServer: true,
      initialData: rest,
      tls: { secureContext: this.#context },
      data: undefined,
      socket: secure,
    });
  }
}

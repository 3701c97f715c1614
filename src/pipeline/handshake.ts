// TLS termination of one client connection: from its first byte to the moment when its bytes can be read.
//
// Reads the ClientHello, has the listener choose a certificate and terms for it, and lets the TLS library do the rest;
// one deadline covers it all. Owns the client's transport until it hands it on, or accounts the connection if it can't.
// It never sees a byte of the application.
import type { Reason } from "../errors.ts";
import { isLayer7 } from "../model/protocol.ts";
import type { ProxiedTls } from "../model/proxied-connection.ts";
import { acknowledgeSoon, readSettledTerms, secureAccepted } from "../net/secure-accept.ts";
import { freeChunk, type HandshakeError, type PendingHandshake } from "../net/transport.ts";
import { type ClientHello, ClientHelloReader, Version } from "../parse/tls/client-hello.ts";
import {
  type ClientCertificate,
  commonNameOf,
  isValidAt,
  makeClientCertificateLines,
  readClientCertificate,
} from "../tls/client-certificate.ts";
import type { ServerContexts } from "../tls/server-contexts.ts";
import type { Identified } from "./identified.ts";
import { Newcomer } from "./newcomer.ts";
import type { RouteSource } from "./route.ts";
import type { ServeSecured } from "./secured.ts";

export class Handshake extends Newcomer implements PendingHandshake {
  private keptBytes = 0;
  private readonly hello = new ClientHelloReader();
  /** The terms under which the library shakes hands; undefined while the ClientHello is awaited. */
  private contexts: ServerContexts | undefined = undefined;
  private serverName: string | undefined = undefined;
  /** It will be a handshake of TLS 1.3. */
  private hasTls13 = false;
  /** Why the client is sent away, while it is listened to until it has heard that. */
  private farewell: Reason | undefined = undefined;

  constructor(
    identified: Identified,
    source: RouteSource,
    private readonly serve: ServeSecured,
  ) {
    super(identified, source);
  }

  onBytes(chunk: Uint8Array): void {
    if (this.contexts !== undefined || this.farewell !== undefined) {
      freeChunk(chunk);
      return;
    }
    let bytes = chunk;
    if (this.keptBytes > 0) {
      this.keep(chunk);
      bytes = (this.kept as Uint8Array).subarray(0, this.keptBytes);
    }
    const read = this.hello.read(bytes);
    if (read === "not TLS") this.refuse("handshakeNotTls");
    else if (read !== "partial") this.begin(read, bytes);
    else if (this.keptBytes === 0) this.keep(chunk);
  }

  private keep(chunk: Uint8Array): void {
    const length = this.keptBytes + chunk.length;
    if (this.kept === undefined || this.kept.length < length) {
      const grown = new Uint8Array(Math.max(1024, 2 * length));
      if (this.kept !== undefined) grown.set(this.kept.subarray(0, this.keptBytes));
      this.kept = grown;
    }
    this.kept.set(chunk, this.keptBytes);
    this.keptBytes = length;
  }

  /** The certificate and policy are those of this moment: a renewed one holds for the next connection. */
  private begin(hello: ClientHello, firstBytes: Uint8Array): void {
    const contexts = this.source.route.security;
    if (contexts === undefined) {
      // Not by any configuration that was checked: whoever asks for TLS never gets anything in clear.
      this.refuse("handshakeFailed");
      return;
    }
    this.contexts = contexts;
    this.kept = undefined;
    this.serverName = hello.serverName;
    this.hasTls13 = contexts.hasTls13 && (hello.versions & Version.tls13) !== 0;
    this.route.counters.handshakes++;
    secureAccepted(this.client, firstBytes, contexts.choose(hello), this);
  }

  onHandshake(isDone: boolean, error: HandshakeError | undefined): void {
    if (this.isOver) return;
    // Without a certificate to ask for, the library reports that it has verified none.
    if (!isDone) this.fail(reasonOf(error));
    // A reload, or a renewed authority, asks for something else than this client was judged by.
    else if (this.source.route.security?.clientAuthKey !== this.contexts?.clientAuthKey) {
      this.refuse("clientCertificateRefused");
    } else if (this.contexts?.clientAuth === undefined) this.handOn(undefined);
    else this.judgeClient();
  }

  /** Bun says of a client whose certificate doesn't verify that the handshake is done: only what it verified counts. */
  private judgeClient(): void {
    const { client, contexts } = this;
    const certificate = client.peerCertificate;
    if (certificate === undefined && contexts?.clientAuth === "optional") {
      this.handOn(undefined);
      return;
    }
    const isVerified = certificate !== undefined && client.isPeerAuthorized;
    const described = isVerified ? readClientCertificate(certificate) : undefined;
    // A session that was begun with the certificate may outlive it.
    if (described === undefined || !isValidAt(described, Date.now())) this.refuse("clientCertificateRefused");
    else this.handOn(described);
  }

  /** `certificate` is what the client has proved to own. */
  private handOn(certificate: ClientCertificate | undefined): void {
    const { client, source, route, identified } = this;
    this.pass();
    if (client.isSessionReused) route.counters.resumedHandshakes++;
    const { version, cipher } = readSettledTerms(client);
    route.counters.countHandshake(version, cipher);
    if (this.hasTls13) acknowledgeSoon(client);
    const isHttps = isLayer7(route.listener.protocol);
    const hasLines = certificate !== undefined && isHttps;
    // A reload may give a layer-7 connection policies; a layer-4 connection keeps the route that it begins with.
    const { backendPreamble, policies } = source.route;
    const isTold = isHttps || backendPreamble !== undefined || policies !== undefined;
    const live = this.serve({
      ...identified,
      clientCertificateLines: hasLines ? makeClientCertificateLines(certificate) : undefined,
      ...(isTold ? { tls: this.describeTls(certificate) } : {}),
    });
    source.replace(this, live);
  }

  private describeTls(certificate: ClientCertificate | undefined): ProxiedTls {
    const { client, serverName } = this;
    const { version, cipher, applicationProtocol } = readSettledTerms(client);
    const commonName = certificate && commonNameOf(client.peerCertificate);
    // As policies get it, one and the same for all of them.
    return Object.freeze({
      version,
      cipher,
      ...(serverName === undefined ? {} : { serverName }),
      ...(applicationProtocol === undefined ? {} : { applicationProtocol }),
      ...(certificate && {
        clientCertificate: Object.freeze({ ...(commonName === undefined ? {} : { commonName }), isVerified: true }),
      }),
      isResumed: client.isSessionReused,
    });
  }

  onEnd(): void {
    this.fail(this.farewell ?? "handshakeCut");
  }

  onClosed(): void {
    this.fail(this.farewell ?? "handshakeCut");
  }

  onDeadline(): number {
    this.fail(this.farewell ?? "handshakeTimeout");
    return 0;
  }

  /** Who isn't served gets a FIN, and for a while no reset for what it may still be sending. */
  private refuse(reason: Reason): void {
    this.farewell = reason;
    this.kept = undefined;
    this.client.shutdown();
    this.deadline.armIn(this.route.http.lingerMs);
  }

  private fail(reason: Reason): void {
    // Who came and went without a word (a probe of the port) has failed at nothing.
    const isSilent = this.contexts === undefined && this.keptBytes === 0 && reason === "handshakeCut";
    this.end(isSilent ? undefined : reason);
    this.client.close();
  }
}

/** The library's words for what ended a handshake, as far as they tell whom to look at. */
const reasonOf = (error: HandshakeError | undefined): Reason => {
  const message = error?.message ?? "";
  if (error?.code !== "EPROTO") return "handshakeCut";
  if (/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|INAPPROPRIATE_FALLBACK/.test(message)) return "noSharedProtocol";
  if (/NO_SHARED_CIPHER|NO_CIPHERS/.test(message)) return "noSharedCipher";
  if (/NO_APPLICATION_PROTOCOL/.test(message)) return "noSharedApplication";
  if (/PEER_DID_NOT_RETURN_A_CERTIFICATE/.test(message)) return "clientCertificateMissing";
  return "handshakeFailed";
};

// The PROXY header by which a trusted proxy introduces its client: from the connection's first byte to the end of the header.
//
// Its deadline is that of the TLS handshake, which the rest of it is left for. Owns the client's transport until it hands it
// on, with the bytes behind the header, or accounts the connection if no sound header comes.
import type { Reason } from "../errors.ts";
import { joinBytes } from "../net/join-bytes.ts";
import type { ProxyHeader } from "../parse/proxy-protocol/header.ts";
import { readProxyHeader } from "../parse/proxy-protocol/header-reader.ts";
import type { Identified, ServeIdentified } from "./identified.ts";
import { Newcomer } from "./newcomer.ts";
import type { RouteSource } from "./route.ts";

/** A chunk up to this long is copied rather than viewed. */
const copiedMaxBytes = 4 * 1024;

export class Introduction extends Newcomer {
  constructor(
    /** Whose it is if the header names nobody. */
    own: Identified,
    source: RouteSource,
    private readonly serve: ServeIdentified,
  ) {
    super(own, source);
  }

  onBytes(chunk: Uint8Array): void {
    const bytes = this.kept === undefined ? chunk : joinBytes(this.kept, chunk);
    const read = readProxyHeader(bytes);
    if (read === "partial") this.kept = bytes;
    else if (read === "absent") this.refuse("proxyHeaderMissing");
    else if (read === "malformed") this.refuse("proxyHeaderMalformed");
    else this.handOn(read, behind(bytes, read.bytesTaken));
  }

  private handOn({ endpoints }: ProxyHeader, rest: Uint8Array): void {
    const { client, source, identified: own } = this;
    const handshakeDueMs = this.deadline.dueMs;
    this.pass();
    const live = this.serve({
      transport: client,
      clientAddress: endpoints === undefined ? own.clientAddress : endpoints.clientAddress,
      clientPort: endpoints === undefined ? own.clientPort : endpoints.clientPort,
      endpoints: endpoints ?? own.endpoints,
      handshakeDueMs,
    });
    // Before the listener's word that it goes away, which then finds a request under way.
    if (rest.length > 0) client.receiver.onBytes(rest);
    source.replace(this, live);
  }

  onEnd(): void {
    this.onClosed();
  }

  onClosed(): void {
    // Who came and went without a word (a probe of the port) has failed at nothing.
    this.refuse(this.kept === undefined ? undefined : "proxyHeaderMissing");
  }

  onDeadline(): number {
    this.refuse("proxyHeaderMissing");
    return 0;
  }

  private refuse(reason: Reason | undefined): void {
    this.end(reason);
    this.client.close();
  }
}

/** A view makes the engine give the chunk's memory an owner, which costs more than to copy the few bytes of a first request. */
const behind = (bytes: Uint8Array, start: number): Uint8Array =>
  bytes.length <= copiedMaxBytes ? bytes.slice(start) : bytes.subarray(start);

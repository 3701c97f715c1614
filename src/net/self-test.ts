// The start-up self-test of what elbow uses of Bun beyond its documentation.
//
// Runs two tiny conversations over loopback through the same code as the data path: a dial on a descriptor of our own with
// a half-close each way, and a ClientHello that is read before the TLS library gets it. What fails is told in one line;
// where there is a way without it, that way is taken.
import { createSecureContext } from "node:tls";
import { Deadline } from "./deadlines.ts";
import { dial, dialWithoutSystemCalls } from "./dial.ts";
import { Endpoint } from "./endpoint.ts";
import { libc } from "./libc.ts";
import { type ListeningSocket, listenUnsafe } from "./listener.ts";
import { secureAccepted } from "./secure-accept.ts";
import type { Receiver, Transport } from "./transport.ts";

/** The Bun that elbow is built and tested with; package.json pins the same one. */
export const pinnedBunVersion = "1.4.5";

const patienceMs = 2000;
const question = new Uint8Array([0x3f]);
const answer = new Uint8Array([0x21]);

/** What the operator should know before the first client comes; empty when all is as it was tested. */
export const selfTest = async (): Promise<ReadonlyArray<string>> => {
  const remarks: Array<string> = [];
  if (Bun.version !== pinnedBunVersion) {
    remarks.push(`this is Bun ${Bun.version}; elbow is built for and tested with Bun ${pinnedBunVersion}`);
  }
  if (libc === undefined) {
    remarks.push("the C library can't be called here: a dial that is given up may linger until the system ends it");
  } else if (!(await converse()) && !(await converse())) {
    // Twice: a machine that stood still for a moment must not lose cancellable dials for it.
    dialWithoutSystemCalls();
    remarks.push("Bun doesn't take over sockets as expected: dials fall back to Bun.connect and can't be cancelled");
  }
  if (!(await shakeHands()) && !(await shakeHands())) {
    remarks.push("Bun doesn't take over TLS handshakes as expected: HTTPS and SSL listeners can't be served");
  }
  return remarks;
};

/** A ClientHello of TLS 1.2 (RFC 5246 §7.4.1.2) that offers one suite and nothing else. */
const clientHello = new Uint8Array([
  ...[22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3],
  ...new Array<number>(32).fill(0),
  ...[0, 0, 2, 0xc0, 0x2b, 1, 0],
]);
const alertRecord = 21;

/** What the two ends of an attempt say to it. */
interface Attempt {
  /** The listening end has a client. */
  readonly onAccepted: (transport: Transport, end: End) => void;
  /** The dialling end is connected. */
  readonly onDialled: (transport: Transport, end: End) => void;
}

/** Ends an attempt, once: whether all was as it should be. */
type End = (isSound: boolean) => void;

/** A connection over loopback, tried out; false too when it can't be made, or nobody has ended it in time. */
const attempt = ({ onAccepted, onDialled }: Attempt): Promise<boolean> =>
  new Promise((resolve) => {
    let isOver = false;
    const ends: Array<Transport> = [];
    const end: End = (isSound) => {
      if (isOver) return;
      isOver = true;
      patience.disarm();
      server?.stop();
      for (const transport of ends) transport.abort();
      resolve(isSound);
    };
    const patience = new Deadline({
      onDeadline: () => {
        end(false);
        return 0;
      },
    });
    patience.armIn(patienceMs);
    const server = listenOrNothing((transport) => {
      ends.push(transport);
      onAccepted(transport, end);
    });
    if (server === undefined) {
      end(false);
      return;
    }
    dial(new Endpoint("127.0.0.1", server.port), patienceMs, {
      onDialled: (transport) => {
        ends.push(transport);
        onDialled(transport, end);
      },
      onDialFailed: () => end(false),
    });
  });

/** A handshake that must fail, for want of a certificate: true when the library said so to both sides. */
const shakeHands = (): Promise<boolean> => {
  let hasFailed = false;
  let hasAlert = false;
  const { context } = createSecureContext({}) as unknown as { readonly context: unknown };
  return attempt({
    onAccepted: (transport, end) => {
      const pending = {
        onHandshake: (isDone: boolean) => {
          hasFailed = !isDone;
          if (hasFailed && hasAlert) end(true);
        },
      };
      transport.receiver = makeReceiver((chunk) =>
        secureAccepted(transport, chunk, { secureContext: context }, pending),
      );
    },
    onDialled: (transport, end) => {
      transport.receiver = makeReceiver((chunk) => {
        hasAlert = chunk[0] === alertRecord;
        if (hasFailed && hasAlert) end(true);
      });
      transport.write(clientHello);
    },
  });
};

/** Question, FIN, answer, FIN: true when each end saw just that. */
const converse = (): Promise<boolean> => {
  const events: Array<string> = [];
  const note = (verb: string) => (chunk: Uint8Array) => events.push(`${verb} ${new TextDecoder().decode(chunk)}`);
  return attempt({
    onAccepted: (transport) => {
      transport.receiver = makeReceiver(note("asked"), () => {
        // The client has half-closed; the other direction must still be open.
        transport.write(answer);
        transport.shutdown();
      });
    },
    onDialled: (transport, end) => {
      transport.receiver = makeReceiver(note("answered"), () => end(events.join() === "asked ?,answered !"));
      transport.write(question);
      transport.shutdown();
    },
  });
};

/** Undefined on a machine without an IPv4 loopback. */
const listenOrNothing = (onAccept: (transport: Transport) => void): ListeningSocket | undefined => {
  try {
    return listenUnsafe("127.0.0.1", 0, onAccept);
  } catch {
    return undefined;
  }
};

const makeReceiver = (onBytes: (chunk: Uint8Array) => void, onEnd = () => {}): Receiver => ({
  onBytes,
  onWritable: () => {},
  onEnd,
  onClosed: () => {},
});

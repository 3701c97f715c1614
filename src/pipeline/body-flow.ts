// Whether a client's body is read, and how long it may take: a client isn't read while its instance takes no more, and
// isn't blamed for that time.
//
// Owns one hold on the client's valve. It moves no byte.
import { clock } from "../net/clock.ts";
import type { Transport } from "../net/transport.ts";
import { BodyPace, type PaceTerms } from "./body-pace.ts";

export class BodyFlow {
  isHeld = false;
  private readonly pace = new BodyPace();
  /** How much the instance had yet to take when that was last looked at, in bytes. */
  private keptBytes = 0;

  /** The request has gone out, its body begins. */
  begin(): void {
    this.pace.begin(clock.nowMs);
  }

  /** The instance takes no more now. */
  hold(client: Transport, backend: Transport): void {
    this.keptBytes = backend.keptBytes;
    if (this.isHeld) return;
    this.isHeld = true;
    this.pace.hold(clock.nowMs);
    client.shutValve();
  }

  /** The instance takes bytes again, or is gone. */
  release(client: Transport): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.pace.goOn(clock.nowMs);
    client.openValve();
  }

  /** Whether an instance that holds the client back has taken anything since the last look. */
  hasMoved(backend: Transport): boolean {
    if (!this.isHeld) return false;
    const { keptBytes } = backend;
    const hasMoved = keptBytes < this.keptBytes;
    this.keptBytes = keptBytes;
    return hasMoved;
  }

  /** When a body of which `receivedBytes` have come is too slow, on the coarse clock; infinite while nobody can say so. */
  endsMs(receivedBytes: number, terms: PaceTerms): number {
    return this.pace.endsMs(receivedBytes, terms);
  }
}

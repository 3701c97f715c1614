// Who may come in: one cap on client connections for the whole process, below what its file descriptors allow.
import { trimIdleConnections } from "../backend/pool.ts";
import { descriptors } from "../net/descriptors.ts";

export class Admission {
  private configured = Number.POSITIVE_INFINITY;

  /** Sets the configured cap, if any; never above what the descriptors allow. Connections above a lowered cap live on. */
  setCap(cap: number | undefined): void {
    this.configured = cap ?? Number.POSITIVE_INFINITY;
  }

  /** Counts one more connection in; false when the cap is reached. */
  enter(): boolean {
    if (descriptors.clients >= Math.min(this.configured, descriptors.clientMax)) return false;
    descriptors.clients++;
    // A client's descriptors come before connections that nobody uses now.
    trimIdleConnections();
    return true;
  }

  /** Counts a connection out. */
  leave(): void {
    descriptors.clients--;
  }
}

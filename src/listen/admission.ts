// Who may come in: one cap on client connections for the whole process, below what its file descriptors allow.
//
// At the limit of descriptors an accept loop spins without accepting, and dials fail; so the door closes before that.
import { readDescriptorLimit } from "../net/libc.ts";

/** Kept free for listeners, logs, the management server, files. */
const reservedDescriptors = 64;
/** A proxied connection holds a descriptor on each side. */
const descriptorsPerConnection = 2;
/** Assumed where the system can't be asked. */
const usualDescriptorLimit = 1024;

/** The most client connections that the process's descriptors allow. */
export const descriptorCap = (): number => {
  const limit = readDescriptorLimit() ?? usualDescriptorLimit;
  return Math.max(1, Math.floor((limit - reservedDescriptors) / descriptorsPerConnection));
};

export class Admission {
  private open = 0;
  private cap: number;

  constructor(private readonly hardCap = descriptorCap()) {
    this.cap = hardCap;
  }

  /** Sets the configured cap; never above what the descriptors allow. Connections above a lowered cap live on. */
  setCap(cap: number | undefined): void {
    this.cap = Math.min(cap ?? this.hardCap, this.hardCap);
  }

  get openConnections(): number {
    return this.open;
  }

  /** Counts one more connection in; false when the cap is reached. */
  enter(): boolean {
    if (this.open >= this.cap) return false;
    this.open++;
    return true;
  }

  /** Counts a connection out. */
  leave(): void {
    this.open--;
  }
}

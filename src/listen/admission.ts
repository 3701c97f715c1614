// Who may come in: one cap on client connections for the whole process, below what its file descriptors allow.
import { trimIdleConnections } from "../backend/pool.ts";
import { type DescriptorBudget, descriptors, descriptorsPerClient } from "../net/descriptors.ts";

export class Admission {
  private readonly hardCap: number;
  private cap: number;

  constructor(private readonly budget: DescriptorBudget = descriptors) {
    this.hardCap = Math.floor(budget.total / descriptorsPerClient);
    this.cap = this.hardCap;
  }

  /** Sets the configured cap; never above what the descriptors allow. Connections above a lowered cap live on. */
  setCap(cap: number | undefined): void {
    this.cap = Math.min(cap ?? this.hardCap, this.hardCap);
  }

  /** Counts one more connection in; false when the cap is reached. */
  enter(): boolean {
    if (this.budget.clients >= this.cap) return false;
    this.budget.clients++;
    // A client's descriptors come before connections that nobody uses now.
    trimIdleConnections();
    return true;
  }

  /** Counts a connection out. */
  leave(): void {
    this.budget.clients--;
  }
}

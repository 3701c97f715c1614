// What balancing knows of an instance: who it is, and how many leases on it are out.

/** One address of one instance, as a balancer sees it. */
export interface Member {
  /** The instance's id; an instance with several addresses is several members. */
  readonly id: string;
  /** Live leases: layer-4 connections and layer-7 requests in flight. Only {@link Lease} changes it. */
  outstanding: number;
}

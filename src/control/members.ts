// Instances as members: every address of every instance that a load balancer has, kept across reloads.
//
// A member lives as long as its instance, address and port stay in the configuration, so that its connections, counts
// and leases survive whatever else changes.
import { BackendMember } from "../backend/backend-member.ts";
import type { Instance } from "../model/instance.ts";
import { Endpoint } from "../net/endpoint.ts";
import type { Names } from "./resolver.ts";

/** A member, with what it was made from. */
export interface RegisteredMember {
  readonly member: BackendMember;
  readonly instance: Instance;
}

export class Members {
  private readonly registered = new Map<string, RegisteredMember>();
  private used = new Set<string>();

  /** The members of an instance behind listeners with this instance port: one for each address. */
  of(loadBalancer: string, instance: Instance, instancePort: number, names: Names): ReadonlyArray<BackendMember> {
    const port = instance.port ?? instancePort;
    return names.get(instance.host).addresses.map((address) => {
      const endpoint = new Endpoint(address, port);
      const key = `${loadBalancer} ${instance.id} ${endpoint}`;
      this.used.add(key);
      const known = this.registered.get(key);
      if (known !== undefined) {
        this.registered.set(key, { member: known.member, instance });
        return known.member;
      }
      const member = new BackendMember(`${instance.id} ${endpoint}`, endpoint);
      this.registered.set(key, { member, instance });
      return member;
    });
  }

  /** Begins a new count of which members are in use. */
  beginUse(): void {
    this.used = new Set();
  }

  /** Lets members go that nobody asked for since {@link beginUse}; connections in use finish, idle ones close. */
  retireUnused(): void {
    for (const [key, { member }] of this.registered) {
      if (this.used.has(key)) continue;
      member.pool.close();
      this.registered.delete(key);
    }
  }

  /** Closes every idle connection; for the end of the process. */
  closeIdle(): void {
    for (const { member } of this.registered.values()) member.pool.close();
  }
}

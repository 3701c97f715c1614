// How connections to an instance are kept idle: how many at least and at most, and how long, in the data path's units.
//
// A load balancer's attributes as its instances' pools and reserves use them. A reload brings another one.
import { type Attributes, defaultAttributes } from "../model/attributes.ts";

export interface PoolTerms {
  /** So many idle connections are opened ahead of demand and kept; 0 switches that off. */
  readonly minIdle: number;
  /** What is idle beyond this many is closed. */
  readonly maxIdle: number;
  /** A connection that has been idle for so long is closed, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** How long a dial ahead of demand may take, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/** The terms that attributes ask for; without `isAhead` nothing is opened ahead of demand (no layer-7 listener uses it). */
export const makePoolTerms = (attributes: Attributes, isAhead: boolean): PoolTerms => ({
  minIdle: isAhead ? Math.min(attributes.minIdleConnections, attributes.maxIdleConnections) : 0,
  maxIdle: attributes.maxIdleConnections,
  idleTimeoutMs: attributes.idleConnectionTimeout * 1000,
  connectTimeoutMs: attributes.connectTimeout * 1000,
});

/** What holds for a member until its load balancer's attributes are known, and for one behind layer-4 listeners only. */
export const passivePoolTerms = makePoolTerms(defaultAttributes, false);

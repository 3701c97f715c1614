/**
 * Settles the attributes of a load balancer: what was written, defaults for the rest, and what contradicts itself.
 * The second half of a check, and the only place where defaults meet what was written.
 * Owns the bounds between attributes; the range of each by itself is its Schema's affair.
 */
import { type Attributes, defaultAttributes } from "../../model/attributes.ts";
import { findManyDestinations, settleAccessLog } from "./access-log-rules.ts";
import { childOf, type Finding } from "./problem.ts";
import type { SiftedLoadBalancer } from "./sift.ts";

/** Attributes of which the first can't be reached when the second is smaller. */
const bounds = [
  ["minIdleConnections", "maxIdleConnections"],
  ["maxMethodLength", "maxRequestLineBytes"],
  ["maxRequestLineBytes", "maxRequestHeadBytes"],
  ["maxHeaderBytes", "maxRequestHeadBytes"],
  ["maxHeaderBytes", "maxResponseHeadBytes"],
] as const;

/** The attributes of one load balancer, and what is wrong between them. */
export interface SettledAttributes {
  readonly attributes: Attributes;
  readonly findings: ReadonlyArray<Finding>;
}

/**
 * Fills in defaults. A default gives way to a smaller bound; a written value beyond its bound is a mistake. Relative paths are
 * relative to `directory`.
 */
export const settleAttributes = (
  loadBalancer: Pick<SiftedLoadBalancer, "place" | "attributes">,
  written: unknown,
  directory = ".",
): SettledAttributes => {
  const place = [...loadBalancer.place, "attributes"];
  const writtenAttributes = place.reduce(childOf, written);
  const attributes = { ...defaultAttributes, ...loadBalancer.attributes };
  const findings: Array<Finding> = [];
  for (const [key, bound] of bounds) {
    const [value, most] = [attributes[key], attributes[bound]];
    if (value <= most) continue;
    const isBoundWritten = childOf(writtenAttributes, bound) !== undefined;
    if (loadBalancer.attributes[key] === undefined) attributes[key] = most;
    // A bound that is itself broken has been told, and can't be compared with.
    else if (!isBoundWritten || loadBalancer.attributes[bound] !== undefined) {
      findings.push({
        place: [...place, key],
        ...beyondBound(value, bound, most, isBoundWritten),
      });
    }
  }
  const { outlierDetection } = attributes;
  if (typeof outlierDetection === "object" && outlierDetection.ejectionTime > outlierDetection.maxEjectionTime) {
    const { ejectionTime, maxEjectionTime } = outlierDetection;
    const own = childOf(writtenAttributes, "outlierDetection");
    const isBoundWritten = childOf(own, "maxEjectionTime") !== undefined;
    if (childOf(own, "ejectionTime") === undefined) {
      attributes.outlierDetection = { ...outlierDetection, ejectionTime: maxEjectionTime };
    } else {
      findings.push({
        place: [...place, "outlierDetection", "ejectionTime"],
        ...beyondBound(ejectionTime, "maxEjectionTime", maxEjectionTime, isBoundWritten),
      });
    }
  }
  const log = settleAccessLog(attributes.accessLog, [...place, "accessLog"], directory);
  attributes.accessLog = log.accessLog;
  findings.push(...log.findings);
  // One that is itself broken was left out, and is looked at as it is written.
  if (loadBalancer.attributes.accessLog === undefined) {
    findings.push(...findManyDestinations(childOf(writtenAttributes, "accessLog"), [...place, "accessLog"]));
  }
  return { attributes, findings };
};

const beyondBound = (value: number, bound: string, most: number, isBoundWritten: boolean) => ({
  problem: `${value} is more than \`${bound}\`, which is ${most}${isBoundWritten ? "" : " by default"}`,
  expected: `${most} or less, or a greater \`${bound}\``,
});

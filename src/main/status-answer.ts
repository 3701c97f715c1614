// What commands read of the management API's answers, by the API's own Schemas. It sits behind main/management-client.ts:
// whatever answers there may be another version, or no elbow at all.

import { Option, Schema } from "effect";
import { InstanceEverywhereAnswer, InstancesAnswer, ReloadAnswer, StatusAnswer } from "../admin/schemas.ts";

/** What is shown of a running elbow. */
export type Status = typeof StatusAnswer.Type;
/** A load balancer in it. */
export type StatusLoadBalancer = Status["loadBalancers"][number];
/** A listener in it; `requests` are exchanges of HTTP, and connections at layer 4. */
export type StatusListener = StatusLoadBalancer["listeners"][number];
/** An address of an instance in it. */
export type StatusInstance = StatusLoadBalancer["instances"][number];
/** How a reload ended. */
export type StatusReload = typeof ReloadAnswer.Type;

/** What a change of an instance answers: for one load balancer, or for all that have it. */
export type ChangeAnswer = typeof InstancesAnswer.Type | typeof InstanceEverywhereAnswer.Type;

const decodeStatus = Schema.decodeUnknownOption(StatusAnswer);
const decodeReload = Schema.decodeUnknownOption(ReloadAnswer);
const decodeChange = Schema.decodeUnknownOption(Schema.Union([InstancesAnswer, InstanceEverywhereAnswer]));

/** Reads an answer; undefined where it isn't what this elbow understands. */
export const readStatusAnswer = (body: unknown): Status | undefined => Option.getOrUndefined(decodeStatus(body));

/** Reads how a reload ended; undefined as above. */
export const readReloadAnswer = (body: unknown): StatusReload | undefined => Option.getOrUndefined(decodeReload(body));

/** Reads what a change of an instance has led to; undefined as above. */
export const readChangeAnswer = (body: unknown): ChangeAnswer | undefined => Option.getOrUndefined(decodeChange(body));

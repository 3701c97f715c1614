// What policies add to the line of a request or connection: asked when the rest of its entry is filled.
//
// Only where a log has a place for it (JSON) and a route has policies: a slow path.
import { monotonicMs } from "../../net/clock.ts";
import type { AccessEntry } from "../../observe/access-log/access-entry.ts";
import type { Route } from "../route.ts";
import { type ClientEnd, SeenClient } from "./request-context.ts";
import type { RequestPolicies } from "./request-policies.ts";

/** Adds policies' fields to an entry: those of its request, where a sound head has come, whatever the route has by now. */
export const addPolicyFields = (
  entry: AccessEntry,
  route: Route,
  end: ClientEnd,
  asked: RequestPolicies | undefined,
): void => {
  const policies = asked?.chain ?? route.policies;
  if (policies === undefined || route.accessLog?.hasFields !== true) return;
  const request = asked?.request;
  const { status, instance, reason, receivedAtMs } = entry;
  const client = request ?? new SeenClient(route, end);
  entry.fields = policies.log({
    request,
    client,
    status,
    instance,
    reason,
    seconds: Math.max(0, monotonicMs() - receivedAtMs) / 1000,
  });
};

// What policies add to the line of a request or connection: asked when the rest of its entry is filled.
//
// Only where a log has a place for it (JSON) and a route has policies: a slow path.
import { monotonicMs } from "../net/clock.ts";
import type { AccessEntry } from "../observe/access-log/access-entry.ts";
import { type ClientEnd, SeenClient, type SeenRequest } from "./request-context.ts";
import type { Route } from "./route.ts";

/** Adds policies' fields to an entry; `request` is undefined where no sound head has come, and at layer 4. */
export const addPolicyFields = (
  entry: AccessEntry,
  route: Route,
  end: ClientEnd,
  request: SeenRequest | undefined,
): void => {
  const { accessLog, policies } = route;
  if (policies === undefined || accessLog?.hasFields !== true) return;
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

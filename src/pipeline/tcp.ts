// The whole path of a layer-4 connection, in travel order: accept → identify → secure → balance → dial → relay → outcome.
//
// Between securing and balancing the route's policies are asked, where it has any (policy/admission.ts).
// When the path stands, bytes, idle time and the account are the relay's callbacks (relay.ts), and the listener's service
// knows it among its connections.

import type { BackendMember } from "../backend/backend-member.ts";
import { connect } from "../backend/connect.ts";
import type { Narrowing } from "../balance/routed.ts";
import type { Accepted } from "../listen/accepted.ts";
import { hashText } from "../policy/hash.ts";
import { identify } from "./identified.ts";
import { PolicyAdmission } from "./policy/admission.ts";
import { Relay } from "./relay.ts";
import type { LiveConnection, RouteSource } from "./route.ts";
import { type Secured, secure } from "./secured.ts";

/** Serves one client of a TCP or SSL listener until both directions have ended. */
export const serveTcp = (accepted: Accepted, source: RouteSource): void => {
  // Nothing is dialled for a client whose handshake fails.
  identify(accepted, source, (identified) => secure(identified, source, (secured) => relayTcp(secured, source)));
};

const relayTcp = (secured: Secured, source: RouteSource): LiveConnection => {
  // The relay listens from the first moment: the client may speak, end or vanish while the instance is dialled.
  const { endpoints, tls } = secured;
  const preamble = endpoints && source.route.backendPreamble?.(tls === undefined ? endpoints : { ...endpoints, tls });
  const relay = new Relay(secured, source, preamble ?? undefined);
  // Without it the instance might take the client's own bytes for it.
  if (preamble === null) {
    relay.close("policyFailed");
    return relay;
  }
  const { lease, route } = relay;
  const key = route.pickKey === undefined ? 0 : hashText(secured.clientAddress);
  // Balance and dial, together: a dial that fails asks the balancer for the next instance; while all are full, it waits.
  // The connection that comes is joined to the client's at once. A kept one belongs to layer 7.
  const reach = (narrowing: Narrowing<BackendMember> | undefined): void =>
    relay.awaitInstance(connect(relay, source, route, { key, lease, usesKept: false, preamble, narrowing }));
  const { policies } = route;
  const { end } = relay;
  if (policies?.decides === true && end !== undefined) new PolicyAdmission(relay, end, policies, reach).begin();
  else reach(undefined);
  return relay;
};

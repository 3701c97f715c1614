/**
 * The rules that tie a load balancer's name and listeners together.
 * The second half of a check; sees only sound members, and says nothing where a member it needs is missing.
 * Owns the legal protocol pairs; never compares listeners of different load balancers (bind-rules.ts does).
 */
import { isLoadBalancerName, nameDescription } from "../../model/load-balancer.ts";
import { portDescription } from "../../model/port.ts";
import { isLayer7, isSecure } from "../../model/protocol.ts";
import { childOf, type Finding, spellPlace, spellValue } from "./problem.ts";
import type { SiftedListener, SiftedLoadBalancer } from "./sift.ts";

/** What is wrong with the name and the listeners of one load balancer. */
export const findListenerProblems = (
  loadBalancer: SiftedLoadBalancer,
  written: unknown,
  canListenAnywhere: boolean,
): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = [];
  const { name, place, listeners } = loadBalancer;
  if (!isLoadBalancerName(name)) {
    const { title, expected } = nameDescription;
    findings.push({ place, problem: `${spellValue(name)} is not ${title}`, expected });
  }
  const writtenListeners = ["loadBalancers", name, "listeners"].reduce(childOf, written);
  if (Array.isArray(writtenListeners) && writtenListeners.length === 0) {
    findings.push({ place: [...place, "listeners"], problem: "is empty", expected: "at least one listener" });
  }
  for (const [index, listener] of listeners.entries()) {
    const earlier = listeners.slice(0, index);
    findings.push(
      ...findPortProblems(listener, earlier, canListenAnywhere),
      ...findProtocolProblems(listener),
      ...findSecurityProblems(listener, earlier),
    );
  }
  return findings;
};

/** Elastic Load Balancing API, `DuplicateListener`: a listener is known by its port. */
const findPortProblems = (
  { place, port }: SiftedListener,
  earlier: ReadonlyArray<SiftedListener>,
  canListenAnywhere: boolean,
): ReadonlyArray<Finding> => {
  if (port === undefined || (port === 0 && canListenAnywhere)) return [];
  if (port === 0) return [zeroPort([...place, "port"])];
  const twin = earlier.find((other) => other.port === port);
  if (twin === undefined) return [];
  return [
    {
      place: [...place, "port"],
      problem: `${port} is already the port of ${spellPlace(twin.place)}`,
      expected: "a different port for each listener",
    },
  ];
};

/** Port 0 where a real one must stand. */
export const zeroPort = (place: Finding["place"]): Finding => ({
  place,
  problem: `0 is not ${portDescription.title}`,
  expected: portDescription.expected,
});

/** AWS: "Listeners for your Classic Load Balancer": layer 7 goes with layer 7 and layer 4 with layer 4. */
const findProtocolProblems = (listener: SiftedListener): ReadonlyArray<Finding> => {
  const { place, protocol, instanceProtocol, isInstanceProtocolWritten } = listener;
  if (protocol === undefined || instanceProtocol === undefined || !isInstanceProtocolWritten) return [];
  if (isLayer7(protocol) === isLayer7(instanceProtocol)) return [];
  return [
    {
      place: [...place, "instanceProtocol"],
      problem: `${instanceProtocol} can't stand behind a listener that speaks ${protocol}`,
      expected: isLayer7(protocol) ? "HTTP or HTTPS behind HTTP and HTTPS" : "TCP or SSL behind TCP and SSL",
    },
  ];
};

/** Elastic Load Balancing API, `Listener.InstanceProtocol`: one instance port is secure for all listeners or for none. */
const findSecurityProblems = (
  { place, instanceProtocol, instancePort }: SiftedListener,
  earlier: ReadonlyArray<SiftedListener>,
): ReadonlyArray<Finding> => {
  if (instanceProtocol === undefined || instancePort === undefined) return [];
  const other = earlier.find(
    (listener) =>
      listener.instancePort === instancePort &&
      listener.instanceProtocol !== undefined &&
      isSecure(listener.instanceProtocol) !== isSecure(instanceProtocol),
  );
  if (other === undefined) return [];
  return [
    {
      place: [...place, "instancePort"],
      problem: `${instancePort} gets ${instanceProtocol} here and ${other.instanceProtocol} from ${spellPlace(other.place)}`,
      expected: "HTTP and TCP, or HTTPS and SSL, but not both kinds to one instance port",
    },
  ];
};

// The operations of the management API that show and change instances.
//
// A part of operations.ts's list, in front of control/. Owns what each answers, and how a refused change is told; it keeps
// nothing.
import { Effect, Result } from "effect";
import { InstanceNotRegistered, LoadBalancerNotFound } from "../control/changes.ts";
import { ConfigurationError, formatProblems } from "../control/configuration/configuration-error.ts";
import type { LoadBalancerStatus } from "../control/status.ts";
import type { BindError } from "../errors.ts";
import { type Call, json, type Operation } from "./operation.ts";
import { makeProblem } from "./problem.ts";
import { makeUnprocessable } from "./request-body.ts";
import { InstanceEverywhereAnswer, InstancesAnswer, RegisterRequest } from "./schemas.ts";

/** The parameter of paths that name a load balancer. */
export const nameParameter = { name: "A load balancer's name." };
const idParameter = { id: "An instance's id, percent-encoded where it must be." };
/** How such a path is refused. */
export const noLoadBalancer = { 404: "There is no such load balancer." };
const noInstance = { 404: "There is no such load balancer, or it has no such instance." };
/** Changes may be refused by the machine, too. */
const noChange = { 503: "A port can't be listened on that the change needs; nothing was changed." };

/** The status of a load balancer, or why there is none. */
export const findLoadBalancer = ({ sources, parameters }: Call): LoadBalancerStatus | Response => {
  const loadBalancer = parameters.name ?? "";
  const found = sources.control.status().find(({ name }) => name === loadBalancer);
  return found ?? makeProblem(404, new LoadBalancerNotFound({ loadBalancer }).message);
};

const answerInstances = (call: Call): Response => {
  const found = findLoadBalancer(call);
  return found instanceof Response ? found : Response.json({ instances: found.instances });
};

type ChangeError = ConfigurationError | InstanceNotRegistered | LoadBalancerNotFound | BindError;

/** Makes a change and shows what has become of it; what is refused has changed nothing. */
const change = async (made: Effect.Effect<void, ChangeError>, show: () => Response): Promise<Response> => {
  const result = await Effect.runPromise(Effect.result(made));
  if (Result.isSuccess(result)) return show();
  const { failure } = result;
  if (failure instanceof LoadBalancerNotFound || failure instanceof InstanceNotRegistered) {
    return makeProblem(404, failure.message);
  }
  if (failure instanceof ConfigurationError) {
    return makeUnprocessable(failure.problems.map((one) => formatProblems({ problems: [one] })));
  }
  return makeProblem(
    503,
    `${failure.address}:${failure.port} can't be listened on (${failure.code}); nothing was changed.`,
  );
};

const changeOne = (kind: "drain" | "undrain") => (call: Call) =>
  change(call.sources.control[kind](call.parameters.name ?? "", call.parameters.id ?? ""), () => answerInstances(call));

const changeEverywhere =
  (kind: "drain" | "undrain") =>
  ({ sources, parameters: { id = "" } }: Call) =>
    change(sources.control[kind](undefined, id), () =>
      Response.json({
        loadBalancers: sources.control
          .status()
          .map(({ name, instances }) => ({ name, instances: instances.filter((one) => one.id === id) }))
          .filter(({ instances }) => instances.length > 0),
      }),
    );

const drainDescription =
  "It stays registered and gets nothing new, clients with its cookie included. What is in progress on it may go on for the " +
  "load balancer's draining timeout. It survives reloads that leave the instance's entry as it was.";

/** Those of instances, in the order in which they are shown. */
export const instanceOperations: ReadonlyArray<Operation> = [
  {
    id: "listInstances",
    method: "GET",
    path: "/api/v1/load-balancers/{name}/instances",
    tag: "Instances",
    summary: "The instances of a load balancer",
    parameters: nameParameter,
    answers: json(InstancesAnswer, "Each address of each instance."),
    refusals: noLoadBalancer,
    run: answerInstances,
  },
  {
    id: "registerInstances",
    method: "POST",
    path: "/api/v1/load-balancers/{name}/instances",
    tag: "Instances",
    summary: "Register instances",
    description: "Who is registered stays as it is. It survives reloads, and ends with the process.",
    parameters: nameParameter,
    request: RegisterRequest,
    answers: json(InstancesAnswer, "All instances, the new ones too."),
    refusals: { ...noLoadBalancer, ...noChange },
    run: (call) => {
      const { instances } = call.body as typeof RegisterRequest.Type;
      const made = call.sources.control.register(call.parameters.name ?? "", instances);
      return change(made, () => answerInstances(call));
    },
  },
  {
    id: "deregisterInstance",
    method: "DELETE",
    path: "/api/v1/load-balancers/{name}/instances/{id}",
    tag: "Instances",
    summary: "Deregister an instance",
    description:
      "It gets nothing new; what is in progress on it drains. It survives reloads, and ends with the process.",
    parameters: { ...nameParameter, ...idParameter },
    answers: json(InstancesAnswer, "Those that are left, and those that drain."),
    refusals: { ...noInstance, ...noChange },
    run: (call) => {
      const { name = "", id = "" } = call.parameters;
      return change(call.sources.control.deregister(name, [id]), () => answerInstances(call));
    },
  },
  {
    id: "drainInstance",
    method: "POST",
    path: "/api/v1/load-balancers/{name}/instances/{id}/drain",
    tag: "Instances",
    summary: "Drain an instance of one load balancer",
    description: drainDescription,
    parameters: { ...nameParameter, ...idParameter },
    answers: json(InstancesAnswer, "All instances."),
    refusals: { ...noInstance, ...noChange },
    run: changeOne("drain"),
  },
  {
    id: "undrainInstance",
    method: "POST",
    path: "/api/v1/load-balancers/{name}/instances/{id}/undrain",
    tag: "Instances",
    summary: "End that an instance is drained",
    parameters: { ...nameParameter, ...idParameter },
    answers: json(InstancesAnswer, "All instances."),
    refusals: { ...noInstance, ...noChange },
    run: changeOne("undrain"),
  },
  {
    id: "drainEverywhere",
    method: "POST",
    path: "/api/v1/instances/{id}/drain",
    tag: "Instances",
    summary: "Drain an instance of every load balancer that has it",
    description: drainDescription,
    parameters: idParameter,
    answers: json(InstanceEverywhereAnswer, "The instance, in each of them."),
    refusals: { 404: "No load balancer has such an instance.", ...noChange },
    run: changeEverywhere("drain"),
  },
  {
    id: "undrainEverywhere",
    method: "POST",
    path: "/api/v1/instances/{id}/undrain",
    tag: "Instances",
    summary: "End that an instance is drained, everywhere",
    parameters: idParameter,
    answers: json(InstanceEverywhereAnswer, "The instance, in each of them."),
    refusals: { 404: "No load balancer has such an instance.", ...noChange },
    run: changeEverywhere("undrain"),
  },
];

// Lifts what a parser found wrong with a head to the reason that is answered and counted (errors.ts).
import type { Reason } from "../errors.ts";
import { Fault } from "../parse/http1/fault.ts";

const isOverLimit = (fault: Fault): boolean =>
  fault === Fault.fieldTooLong || fault === Fault.headTooLarge || fault === Fault.tooManyFields;

/** Why a request head is refused. */
export const reasonOfRequestFault = (fault: Fault): Reason => {
  if (fault === Fault.methodTooLong) return "methodTooLong";
  if (fault === Fault.connectMethod) return "connectMethod";
  return fault === Fault.requestLineTooLong || isOverLimit(fault) ? "requestHeadTooLarge" : "badRequest";
};

/** Why a response head can't be passed on. */
export const reasonOfResponseFault = (fault: Fault): Reason =>
  isOverLimit(fault) ? "responseHeadTooLarge" : "badResponse";

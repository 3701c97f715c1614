// Lifts what a parser found wrong with a head to the reason that is answered and counted (errors.ts).
import type { Reason } from "../errors.ts";
import type { DesyncReason } from "../parse/http1/desync.ts";
import { Fault } from "../parse/http1/fault.ts";

const isOverLimit = (fault: Fault): boolean =>
  fault === Fault.fieldTooLong || fault === Fault.headTooLarge || fault === Fault.tooManyFields;

/** Why a request head is refused. */
export const reasonOfRequestFault = (fault: Fault): Reason => {
  if (fault === Fault.methodTooLong) return "methodTooLong";
  if (fault === Fault.connectMethod) return "connectMethod";
  return fault === Fault.requestLineTooLong || isOverLimit(fault) ? "requestHeadTooLarge" : "badRequest";
};

/** The desync reason of a head that was refused before it was whole: a method that no mode can serve. */
export const desyncOfRequestFault = (fault: Fault): DesyncReason | undefined =>
  fault === Fault.badMethod ? "BadMethod" : undefined;

/** Why a response head can't be passed on. */
export const reasonOfResponseFault = (fault: Fault): Reason =>
  isOverLimit(fault) ? "responseHeadTooLarge" : "badResponse";

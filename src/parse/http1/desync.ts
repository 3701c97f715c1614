// Desync mitigation: the classes of requests, every reason for one, the modes, and what a mode does with a class.
//
// Classes and names are AWS's ("Configure desync mitigation mode for your Classic Load Balancer", and the reasons of
// AWS's open-source classifier http-desync-guardian, which that page names). Pure tables; `judge.ts` applies them.

/** How far a request is from what RFC 9112 asks for, and how dangerous that is; the higher, the worse. */
export const DesyncClass = { compliant: 0, acceptable: 1, ambiguous: 2, severe: 3 } as const;
/** One of {@link DesyncClass}'s codes. */
export type DesyncClass = (typeof DesyncClass)[keyof typeof DesyncClass];

/** The classes' names as AWS writes them, by code. */
export const desyncClassNames = ["Compliant", "Acceptable", "Ambiguous", "Severe"] as const;

const { acceptable, ambiguous, severe } = DesyncClass;

/** Every reason and the class that it puts a request in. */
export const desyncReasons = {
  NonCompliantHeader: acceptable,
  NonCompliantVersion: acceptable,
  GetHeadZeroContentLength: acceptable,
  SpaceInUri: acceptable,
  NonCrLfLineTermination: acceptable,
  AmbiguousUri: ambiguous,
  BothTeClPresent: ambiguous,
  DuplicateContentLength: ambiguous,
  EmptyHeader: ambiguous,
  SuspiciousHeader: ambiguous,
  UndefinedContentLengthSemantics: ambiguous,
  UndefinedTransferEncodingSemantics: ambiguous,
  MultilineHeader: ambiguous,
  PartialHeaderLine: ambiguous,
  MissingLastEmptyLine: ambiguous,
  MissingHeaderColon: ambiguous,
  MissingUri: ambiguous,
  BadUri: severe,
  BadContentLength: severe,
  BadHeader: severe,
  BadTransferEncoding: severe,
  BadMethod: severe,
  BadVersion: severe,
  MultipleContentLength: severe,
  MultipleTransferEncodingChunked: severe,
} as const satisfies Record<string, DesyncClass>;

/** The name of one reason. */
export type DesyncReason = keyof typeof desyncReasons;

/** The class of a request: of its reason, or compliant when there is none. */
export const classOf = (reason: DesyncReason | undefined): DesyncClass =>
  reason === undefined ? DesyncClass.compliant : desyncReasons[reason];

/** The values of the attribute `desyncMitigationMode`, as in AWS's `elb.http.desyncmitigationmode`. */
export const desyncModes = ["monitor", "defensive", "strictest"] as const;
/** One of {@link desyncModes}. */
export type DesyncMode = (typeof desyncModes)[number];

/** What becomes of a request: served, served with both connections closed behind it, or refused with 400. */
export const DesyncAction = { allow: 0, allowAndClose: 1, block: 2 } as const;
/** One of {@link DesyncAction}'s codes. */
export type DesyncAction = (typeof DesyncAction)[keyof typeof DesyncAction];

const { allow, allowAndClose, block } = DesyncAction;

/** By class: compliant, acceptable, ambiguous, severe. */
const actions: Readonly<Record<DesyncMode, readonly [DesyncAction, DesyncAction, DesyncAction, DesyncAction]>> = {
  monitor: [allow, allow, allow, allow],
  defensive: [allow, allow, allowAndClose, block],
  strictest: [allow, block, block, block],
};

/** What `mode` does with a request of this class. */
export const desyncAction = (mode: DesyncMode, desyncClass: DesyncClass): DesyncAction => actions[mode][desyncClass];

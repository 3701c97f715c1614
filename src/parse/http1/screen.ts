// Where desync mitigation decides about a request head that isn't plainly compliant: judged on its raw bytes, refused or
// repaired, and read again by the strict pass.
//
// The slow path of a request head; the strict pass (`request-head.ts`) sends here what it calls odd. Pure.
import { ByteWriter } from "../byte-writer.ts";
import { classOf, DesyncAction, DesyncClass, type DesyncMode, type DesyncReason, desyncAction } from "./desync.ts";
import { Fault } from "./fault.ts";
import { Parsed } from "./head.ts";
import type { HeadReader } from "./head-reader.ts";
import { judgeHead } from "./judge.ts";
import type { HeadLimits } from "./limits.ts";
import { likensFraming } from "./look-alike.ts";
import { type RawHead, readRawHead } from "./raw-head.ts";
import { repairHead } from "./repair.ts";
import type { RequestHeadParser } from "./request-head.ts";

/** What was found, and what follows. */
export interface Screened {
  /** Why the request isn't compliant; undefined when it is, and only needed care. */
  readonly reason: DesyncReason | undefined;
  readonly action: DesyncAction;
  /** Why no mode can serve it, or `none`. */
  readonly fault: Fault;
}

/**
 * What the mode does with the request, but that `monitor` doesn't use a connection again behind one that is Ambiguous or
 * worse and says anything of a body's length: somebody on the way may have read that otherwise (RFC 9112 §6.1, §11.2).
 */
const desyncActionFor = (
  mode: DesyncMode,
  reason: DesyncReason | undefined,
  raw: RawHead,
  bytes: Uint8Array,
): DesyncAction => {
  const desyncClass = classOf(reason);
  const action = desyncAction(mode, desyncClass);
  const isDoubtful =
    action === DesyncAction.allow &&
    desyncClass >= DesyncClass.ambiguous &&
    raw.lines.some(({ start, nameEnd }) => likensFraming(bytes, start, nameEnd));
  return isDoubtful ? DesyncAction.allowAndClose : action;
};

/** Repaired heads are written here and copied out. */
const out = new ByteWriter(4096);

/**
 * Judges the odd head that `reader` holds, and puts the repaired one in its place.
 *
 * *Details*: when the action is `block` or there is a fault, the head in the reader must not be used.
 */
export const screenRequest = (
  reader: HeadReader<RequestHeadParser>,
  mode: DesyncMode,
  limits: HeadLimits,
): Screened => {
  const parser = reader.parser as RequestHeadParser;
  const raw = readRawHead(reader.bytes, parser.start, parser.pos);
  const reason = judgeHead(raw, reader.bytes);
  const action = desyncActionFor(mode, reason, raw, reader.bytes);
  if (action === DesyncAction.block) return { reason, action, fault: Fault.none };
  out.clear();
  const { fault, isBodyOnly } = repairHead(raw, reader.bytes, out);
  if (fault !== Fault.none) return { reason, action, fault };
  const parsed = reader.replaceHead(out.view(), limits);
  if (parsed === Parsed.faulty) return { reason, action, fault: parser.fault };
  // A repaired head that isn't strict would be a defect of the repair; it goes nowhere.
  if (parsed !== Parsed.complete || parser.isOdd) return { reason, action, fault: Fault.badFieldName };
  parser.isBodyOnly = isBodyOnly;
  return { reason, action, fault: Fault.none };
};

/**
 * Settles which PROXY headers a listener accepts: whether any, and whose.
 * The second half of a check; what is sent to instances, backend-policy-rules.ts settles.
 * Owns that a header is never accepted from everybody without a word.
 */
import { type AddressBlock, parseAddressBlock } from "../../model/address-block.ts";
import type { Finding } from "./problem.ts";
import type { SiftedListener } from "./sift.ts";

/** What a listener says of PROXY headers from in front of it. */
export interface SettledTrustedProxies {
  /** Undefined where none is accepted, and where something is wrong. */
  readonly trustedProxies: ReadonlyArray<AddressBlock> | undefined;
  readonly findings: ReadonlyArray<Finding>;
}

/** Settles one listener. */
export const settleTrustedProxies = ({ place, proxies }: SiftedListener): SettledTrustedProxies => {
  const { accepts, isAcceptWritten, trusted, areTrustedWritten, hasEmptyTrusted } = proxies;
  const at = [...place, "trustedProxies"];
  const refuse = (problem: string, expected: string): SettledTrustedProxies => ({
    trustedProxies: undefined,
    findings: [{ place: at, problem, expected }],
  });
  const example = 'the addresses of the proxies in front, such as ["10.0.0.0/8", "127.0.0.1", "::1"]';
  if (accepts && !areTrustedWritten) return refuse("is missing, and `acceptProxyProtocol` needs it", example);
  if (accepts && hasEmptyTrusted) return refuse("is empty", example);
  if (!isAcceptWritten && areTrustedWritten) {
    return refuse("stands without `acceptProxyProtocol`", "`acceptProxyProtocol: true` beside it, or neither");
  }
  return { trustedProxies: accepts ? trusted.map((text) => parseAddressBlock(text)!) : undefined, findings: [] };
};

/**
 * Blocks of IP addresses in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3): what is one, and what is in it.
 * Used wherever a configuration says whom to believe; pure.
 * Owns parsing and comparing; the addresses themselves are address.ts's.
 */
import { type Address, parseAddress, parseIpv6 } from "./address.ts";

/** Every address that begins with the first `prefixBits` bits of `parts`: one address alone when those are all. */
export interface AddressBlock {
  readonly family: Address["family"];
  /** Four bytes of an IPv4 address, eight groups of 16 bits of an IPv6 one. */
  readonly parts: ReadonlyArray<number>;
  readonly prefixBits: number;
}

/**
 * Reads `10.0.0.0/8`, `fd00::/8` or an address alone; an IPv4-mapped block (RFC 4291 §2.5.5.2) is the IPv4 one.
 *
 * *Details*: undefined too where bits are set behind the prefix, as in `10.0.0.1/8`: it isn't said whether the one address
 * or the block is meant.
 */
export const parseAddressBlock = (text: string): AddressBlock | undefined => {
  const [addressText = "", prefixText, ...more] = text.split("/");
  const address = parseAddress(addressText);
  if (address === undefined || more.length > 0) return undefined;
  const { family } = address;
  const allBits = family === 4 ? 32 : 128;
  // What a prefix counts from: a mapped address stands in the last bits of an IPv6 one.
  const mappedBits = family === 4 && addressText.includes(":") ? 96 : 0;
  const written = prefixText === undefined ? allBits + mappedBits : readPrefix(prefixText);
  const prefixBits = written - mappedBits;
  if (!(prefixBits >= 0 && prefixBits <= allBits)) return undefined;
  const block = { family, parts: partsOf(address), prefixBits };
  return hasBitsBehind(block) ? undefined : block;
};

/** Whether an address, in any spelling, is in one of the blocks; what is no address is in none. */
export const isInBlocks = (blocks: ReadonlyArray<AddressBlock>, text: string): boolean => {
  const address = parseAddress(text);
  if (address === undefined) return false;
  const parts = partsOf(address);
  return blocks.some((block) => block.family === address.family && isAlike(block, parts));
};

const readPrefix = (text: string): number => (/^(?:0|[1-9]\d{0,2})$/.test(text) ? Number(text) : Number.NaN);

const partsOf = ({ family, text }: Address): ReadonlyArray<number> =>
  family === 4 ? text.split(".").map(Number) : parseIpv6(text)!;

const partBitsOf = (family: Address["family"]): number => (family === 4 ? 8 : 16);

/** The bits of part `index` that count, as a mask. */
const maskOf = ({ family, prefixBits }: AddressBlock, index: number): number => {
  const partBits = partBitsOf(family);
  const counting = Math.min(partBits, Math.max(0, prefixBits - index * partBits));
  return (1 << partBits) - (1 << (partBits - counting));
};

const hasBitsBehind = (block: AddressBlock): boolean =>
  block.parts.some((part, index) => (part & ~maskOf(block, index)) !== 0);

const isAlike = (block: AddressBlock, parts: ReadonlyArray<number>): boolean =>
  block.parts.every((part, index) => ((part ^ parts[index]!) & maskOf(block, index)) === 0);

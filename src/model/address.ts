/**
 * IP addresses as text: what is one, and its one canonical spelling.
 * Used wherever a configuration names an address; pure, so that the same address always compares equal.
 * Owns parsing and spelling; never resolves a name and never touches a socket.
 */

/** An IP address in canonical spelling: IPv4 dotted, IPv6 bare, lower case and compressed (RFC 5952 §4). */
export interface Address {
  readonly family: 4 | 6;
  readonly text: string;
}

/** Reads an IPv4 or bare IPv6 address; an IPv4-mapped one (RFC 4291 §2.5.5.2) is the IPv4 address. */
export const parseAddress = (text: string): Address | undefined => {
  if (parseIpv4(text) !== undefined) return { family: 4, text };
  const groups = parseIpv6(text);
  if (groups === undefined) return undefined;
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return { family: 4, text: [groups[6]! >> 8, groups[6]! & 255, groups[7]! >> 8, groups[7]! & 255].join(".") };
  }
  return { family: 6, text: spellIpv6(groups) };
};

/** Whether an address in canonical spelling reaches only this machine: 127.0.0.0/8 or ::1 (RFC 6890 §2.2). */
export const isLoopback = (address: Address): boolean =>
  address.family === 4 ? address.text.startsWith("127.") : address.text === "::1";

/** Four decimal numbers without leading zeros; `010.0.0.1` is octal to some libraries, so it is nobody's address here. */
const parseIpv4 = (text: string): ReadonlyArray<number> | undefined => {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
};

/** The eight groups of a bare IPv6 address in any of the forms of RFC 4291 §2.2, or undefined. */
export const parseIpv6 = (text: string): ReadonlyArray<number> | undefined => {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 1 ? [] : parseGroups(halves[1]!, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
};

/** The groups on one side of `::`; the last two may be written as an IPv4 address when they end the whole text. */
const parseGroups = (text: string, endsTheText: boolean): ReadonlyArray<number> | undefined => {
  if (text === "") return [];
  const groups: Array<number> = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const bytes = endsTheText && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (bytes !== undefined) groups.push(bytes[0]! * 256 + bytes[1]!, bytes[2]! * 256 + bytes[3]!);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups.length <= 8 ? groups : undefined;
};

/** RFC 5952 §4: no leading zeros, lower case, the first longest run of two or more zero groups becomes `::`. */
const spellIpv6 = (groups: ReadonlyArray<number>): string => {
  let runStart = -1;
  let runLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > runLength) {
      runStart = start;
      runLength = end - start;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (runStart < 0) return hex.join(":");
  return `${hex.slice(0, runStart).join(":")}::${hex.slice(runStart + runLength).join(":")}`;
};

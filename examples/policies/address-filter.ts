/**
 * Address filter: lets clients in by their addresses, on listeners of every protocol.
 * Who is on `deny` is turned away, and so is everybody who isn't on `allow` where there is one: requests get 403, and
 * connections at layer 4 are closed. Never trusts a header: what counts is who has connected.
 */
import { BlockList, isIP } from "node:net";
import { definePolicy, refuse, Schema } from "elbow";

const block = {
  title: "an address or a block of addresses",
  expected: 'one such as "10.0.0.7", "10.0.0.0/8" or "fd00::/8"',
};
const blocks = { title: "a list of addresses", expected: 'one such as ["10.0.0.0/8", "::1"]' };
const lists = { title: "an address filter", expected: "one with `allow`, `deny` or both" };

const isBlock = (text: string): boolean => {
  const [, address = "", prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(prefix ?? 0) <= (family === 4 ? 32 : 128);
};

const Blocks = Schema.optional(
  Schema.Array(Schema.String.annotate(block).check(Schema.makeFilter(isBlock, block))).annotate(blocks),
);

const familyOf = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

const makeList = (texts: ReadonlyArray<string>) => {
  const list = new BlockList();
  for (const text of texts) {
    const [address = "", prefix] = text.split("/");
    if (prefix === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return list;
};

export default definePolicy({
  type: "address-filter",
  attributes: Schema.Struct({
    /** Only these get in; everybody where it is left out. */
    allow: Blocks,
    /** These don't, though `allow` names them. */
    deny: Blocks,
  })
    .annotate(lists)
    .check(Schema.makeFilter(({ allow, deny }) => allow !== undefined || deny !== undefined, lists)),
  state: ({ allow, deny = [] }) => ({
    allowed: allow === undefined ? undefined : makeList(allow),
    denied: makeList(deny),
  }),
  admit(_attributes, { clientAddress }, { allowed, denied }) {
    const family = familyOf(clientAddress);
    if (denied.check(clientAddress, family)) return refuse();
    return allowed === undefined || allowed.check(clientAddress, family) ? undefined : refuse();
  },
});

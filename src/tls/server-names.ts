// Which certificate fits the name that a client asks for (RFC 6066 §3, RFC 9525 §6.3).
//
// Pure. A name that fits none gets the first group, as a listener without server names would answer.

/** What has names and a kind of key. */
export interface Named {
  readonly names: ReadonlyArray<string>;
  readonly keyType: string;
}

/** Groups certificates that are served side by side: the same names, and another kind of key for each. */
export const groupByNames = <C extends Named>(certificates: ReadonlyArray<C>): ReadonlyArray<ReadonlyArray<C>> => {
  const groups: Array<Array<C>> = [];
  for (const certificate of certificates) {
    const names = sortedNames(certificate);
    const twin = groups.find(
      (group) => sortedNames(group[0] as C) === names && group.every(({ keyType }) => keyType !== certificate.keyType),
    );
    if (twin === undefined) groups.push([certificate]);
    else twin.push(certificate);
  }
  return groups;
};

const sortedNames = ({ names }: Named): string => [...names].sort().join(" ");

/** The first with the very name, else the first with a wildcard for it; undefined when none fits. */
export const matchServerName = <G extends { readonly names: ReadonlyArray<string> }>(
  groups: ReadonlyArray<G>,
  serverName: string | undefined,
): G | undefined => {
  if (serverName === undefined) return undefined;
  const exact = groups.find(({ names }) => names.includes(serverName));
  if (exact !== undefined) return exact;
  const dot = serverName.indexOf(".");
  if (dot <= 0) return undefined;
  // RFC 9525 §6.3: a wildcard stands for one whole label, the leftmost.
  const wildcard = `*${serverName.slice(dot)}`;
  return groups.find(({ names }) => names.includes(wildcard));
};

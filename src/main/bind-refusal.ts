// The one line for an address that can't be listened on: which, why, and the setting that moves it. Said at start and at
// reload alike. It never tries again and never picks another port by itself.

import type { BindError } from "../errors.ts";
import { formatAddress } from "../net/endpoint.ts";

const causes: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken",
  EACCES: "this user may not bind the port",
  EPERM: "this user may not bind the port",
  EADDRNOTAVAIL: "this machine has no such address",
};

/** A Unix socket has a path in an address's place. */
const socketCauses: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there",
  EEXIST: "there is something else, and it stays",
  ENOENT: "there is no such folder",
  EACCES: "this user may not write there",
};

/** Somebody of this process who listens. */
export interface Holder {
  /** In words, such as `the management server`. */
  readonly name: string;
  /** What its own settings begin with: nobody stands in their own way. */
  readonly setting: "management" | "loadBalancers";
  readonly address: string;
  readonly port: number;
}

/**
 * One line that names the address and port, the cause, and the place where the setting is changed. Of `holders`, who has the
 * address already: at a reload, everybody keeps theirs until all that is new is had.
 */
export const formatBindError = (
  error: BindError,
  nameSetting: (setting: string) => string,
  holders: ReadonlyArray<Holder> = [],
): string => {
  const isSocket = error.address.startsWith("/");
  const holder =
    error.code === "EADDRINUSE" && !isSocket
      ? holders.find(
          ({ setting, address, port }) =>
            port === error.port && isAlike(address, error.address) && !error.setting.startsWith(setting),
        )
      : undefined;
  const cause =
    holder === undefined
      ? (isSocket ? socketCauses : causes)[error.code]
      : `${holder.name} of this elbow has it until the reload is over, so it can be had with the one after`;
  // An address that isn't there is not mended by another port.
  const setting =
    error.code === "EADDRNOTAVAIL" ? error.setting.replace(/(\.listeners\[\d+\])?\.port$/, ".address") : error.setting;
  const reason = cause === undefined ? error.code : `${cause} (${error.code})`;
  return `cannot listen on ${isSocket ? error.address : formatAddress(error.address, error.port)}: ${reason}; change it with ${nameSetting(setting)}`;
};

const isEvery = (address: string): boolean => ["*", "0.0.0.0", "::"].includes(address);

const isAlike = (one: string, other: string): boolean => one === other || isEvery(one) || isEvery(other);

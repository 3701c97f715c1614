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

/** One line that names the address and port, the cause, and the place where the setting is changed. */
export const formatBindError = (error: BindError, nameSetting: (setting: string) => string): string => {
  const isSocket = error.address.startsWith("/");
  const cause = (isSocket ? socketCauses : causes)[error.code];
  // An address that isn't there is not mended by another port.
  const setting =
    error.code === "EADDRNOTAVAIL" ? error.setting.replace(/(\.listeners\[\d+\])?\.port$/, ".address") : error.setting;
  const reason = cause === undefined ? error.code : `${cause} (${error.code})`;
  return `cannot listen on ${isSocket ? error.address : formatAddress(error.address, error.port)}: ${reason}; change it with ${nameSetting(setting)}`;
};

// The version of elbow, taken from package.json at build time so that there is one place to change it.
// It stands in --version, the start-up table and the management surface.

import packageJson from "../../package.json";

/** The version of this elbow, as in package.json. */
export const version: string = packageJson.version;

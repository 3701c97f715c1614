/**
 * The library of certificates, `@peculiar/x509`, loaded behind what it needs to be there before it (`Reflect.getMetadata`).
 * Whoever reads or makes certificates takes it from here; owns the order of the two.
 * Never imports the library: Bun evaluates imported packages of the older module format as they arrive from the disk, in
 * any order, and a bundle in an order of its own. `require` runs where it stands.
 */
import "reflect-metadata";

/** Everything that `@peculiar/x509` exports; its types are imported from there, with `import type`. */
export const x509: typeof import("@peculiar/x509") = require("@peculiar/x509");

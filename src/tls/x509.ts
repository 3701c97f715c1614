/**
 * The library of certificates, `@peculiar/x509`, loaded behind what it needs to be there before it (`Reflect.getMetadata`).
 * Whoever issues certificates, or takes them apart to show them, takes it from here; owns the order of the two, and that
 * neither is loaded before somebody does: together they take a third of the time in which elbow starts.
 * Never imports the library: Bun evaluates imported packages of the older module format as they arrive from the disk, in
 * any order, and a bundle in an order of its own. `require` runs where it stands.
 */
type Library = typeof import("@peculiar/x509");

let library: Library | undefined;

const load = (): Library => {
  require("reflect-metadata");
  return require("@peculiar/x509");
};

/** Everything that `@peculiar/x509` exports; its types are imported from there, with `import type`. */
export const x509 = new Proxy({} as Library, {
  get(_, name) {
    library ??= load();
    return library[name as keyof Library];
  },
});

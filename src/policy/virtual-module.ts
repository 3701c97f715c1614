/**
 * Makes `import … from "elbow"` work in user modules wherever they lie, under `bun run` and in the compiled binary.
 * Called before the first user module is imported; owns the name `elbow` in this process.
 * Never touches the disk: without it, the name would be looked up in the user's node_modules.
 */
import * as elbow from "./index.ts";

let isRegistered = false;

/** Binds the module name `elbow` to the policy contract; the second and later calls do nothing. */
export const registerElbowModule = (): void => {
  if (isRegistered) return;
  isRegistered = true;
  Bun.plugin({
    name: "elbow",
    setup(build) {
      build.module("elbow", () => ({ exports: { ...elbow }, loader: "object" }));
    },
  });
};

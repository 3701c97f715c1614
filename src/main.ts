// The entry point of elbow: hands the arguments to the command line and lets it run to its end. Everything it starts is
// under main/; it owns nothing but the first call.

import { forbidInstalls } from "./main/without-installs.ts";

forbidInstalls();
// Only here, since the process may have been replaced by now.
const { runCommandLine } = await import("./main/command-line.ts");
const { runMain } = await import("./main/run-main.ts");
runMain(runCommandLine(process.argv.slice(2)));

// The entry point of elbow: hands the arguments to the command line and lets it run to its end. Everything it starts is
// under main/; it owns nothing but the first call.

import { runCommandLine } from "./main/command-line.ts";
import { runMain } from "./main/run-main.ts";

runMain(runCommandLine(process.argv.slice(2)));

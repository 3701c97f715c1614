// Runs before every test file (bunfig.toml). Bun ignores a timeout in bunfig.toml, so it is set here.
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(30_000);

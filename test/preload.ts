// Runs before every test run (bunfig.toml). Bun ignores a timeout in bunfig.toml, and forgets one that is set here after the
// first file: files that wait for sockets or processes set their own, longer than any single wait, so that a failure
// says what it waited for.
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(30_000);

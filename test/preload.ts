// Runs before every test run (bunfig.toml). Bun ignores a timeout in bunfig.toml, and forgets one that is set here after the
// first file: files that wait for sockets or processes set their own, longer than any single wait, so that a failure
// says what it waited for. What elbow keeps from start to start, it keeps for the tests alone.
import { afterAll, setDefaultTimeout } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

setDefaultTimeout(30_000);

const stateDirectory = mkdtempSync(join(tmpdir(), "elbow-test-state-"));
process.env.STATE_DIRECTORY = stateDirectory;
afterAll(() => rmSync(stateDirectory, { recursive: true, force: true }));

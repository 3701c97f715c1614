// The instances of the rows that hold elbow against itself: the back end (bench/backend.ts) on as many addresses of loopback
// as it is told, and on a second port of the first where connections begin with a PROXY header. Prints both ports as the
// first line of output, and ends when its input closes.
import { startBackend } from "./backend.ts";

/** The address of an instance by its number, from 0: nobody else's part of loopback (RFC 6890 §2.2.2). */
export const crowdAddress = (index: number): string => `127.1.${(index + 1) >> 8}.${(index + 1) & 255}`;

if (import.meta.main) {
  const count = Number(Bun.argv[2] ?? 1);
  const { port } = startBackend(0, { hostname: crowdAddress(0) });
  for (let index = 1; index < count; index++) startBackend(port, { hostname: crowdAddress(index) });
  const introduced = startBackend(0, { hostname: crowdAddress(0), isIntroduced: true });
  process.stdout.write(`${port} ${introduced.port}\n`);
  process.stdin.on("end", () => process.exit(0));
  process.stdin.resume();
}

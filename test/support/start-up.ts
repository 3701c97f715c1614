// How much a start costs: the CPU time of a process up to the first connection that it accepts, which a busy machine
// stretches far less than the time on the wall.
import { ElbowCommand } from "./elbow-command.ts";
import { eventually } from "./eventually.ts";

const rounds = 5;

/** Milliseconds of CPU, the least of five starts; `port` is that of a listener. */
export const leastStartMs = async (
  args: ReadonlyArray<string>,
  port: number,
  options: Parameters<typeof ElbowCommand.start>[1],
): Promise<number> => {
  const costsMs: Array<number> = [];
  for (let round = 0; round < rounds; round++) {
    await using elbow = ElbowCommand.start(args, options);
    await eventually(async () => (await isAccepted(port)) || elbow.process.exitCode !== null);
    if (elbow.process.exitCode !== null) throw new Error(`it ended: ${elbow.all}`);
    elbow.process.kill("SIGKILL");
    await elbow.process.exited;
    costsMs.push(Number(elbow.process.resourceUsage()?.cpuTime.total ?? Number.NaN) / 1_000);
  }
  return Math.min(...costsMs);
};

/** Whether somebody accepts connections there. */
const isAccepted = async (port: number): Promise<boolean> => {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {}, connectError() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
};

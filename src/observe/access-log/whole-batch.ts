// A batch of lines into an open file, whole, however little the file takes at once.
//
// Between a sink and the system. A pipe that is full is waited for without keeping one of the process's threads for files,
// of which there are few: who opens a file for lines does so with O_NONBLOCK. Owns no file.
import type { Batch } from "./log-writer.ts";

/** How often it is looked whether a pipe has room again, and for how long, in milliseconds. */
const lookEveryMs = 10;
const patienceMs = 1000;

/** A pipe whose reader takes nothing; what was written stands, and the file is to be kept open. */
export class ReaderAsleep extends Error {
  override readonly name = "ReaderAsleep";

  constructor() {
    super(`its reader has taken nothing for ${patienceMs / 1000} s`);
  }
}

/** Moves the batch's offset to its end by `writeSome`, which answers how many bytes it has written. *Fails with*: its errors, {@link ReaderAsleep}. */
export const writeWhole = async (batch: Batch, writeSome: (batch: Batch) => Promise<number>): Promise<void> => {
  let fullSinceMs: number | undefined;
  while (batch.offset < batch.length) {
    try {
      batch.offset += await writeSome(batch);
      fullSinceMs = undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      fullSinceMs ??= performance.now();
      if (performance.now() - fullSinceMs >= patienceMs) throw new ReaderAsleep();
      await Bun.sleep(lookEveryMs);
    }
  }
};

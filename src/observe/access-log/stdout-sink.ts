// An access log on standard output, for containers, whose lines somebody else gathers.
//
// Behind a writer (log-writer.ts). A reader that doesn't read makes the writer's buffers full, and nothing else: writes are
// the system's own threads' affair.
import { write } from "node:fs";
import type { Batch, LogSink } from "./log-writer.ts";

const standardOutput = 1;

export class StdoutSink implements LogSink {
  async write(batch: Batch): Promise<void> {
    while (batch.offset < batch.length) batch.offset += await writeSome(batch);
  }

  reopen(): void {}

  async close(): Promise<void> {}
}

const writeSome = ({ bytes, offset, length }: Batch): Promise<number> =>
  new Promise((resolve, reject) => {
    write(standardOutput, bytes, offset, length - offset, null, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });

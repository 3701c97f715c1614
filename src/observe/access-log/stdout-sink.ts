// An access log on standard output, for containers, whose lines somebody else gathers.
//
// Behind a writer (log-writer.ts). A reader that doesn't read makes the writer's buffers full, and nothing else: a pipe that is
// full is waited for, and other writes are the system's own threads' affair.
import { write } from "node:fs";
import type { Batch, LogSink } from "./log-writer.ts";
import { writeWhole } from "./whole-batch.ts";

const standardOutput = 1;

export class StdoutSink implements LogSink {
  constructor(private readonly fd = standardOutput) {}

  write(batch: Batch): Promise<void> {
    return writeWhole(batch, this.writeSome);
  }

  reopen(): void {}

  async close(): Promise<void> {}

  private readonly writeSome = ({ bytes, offset, length }: Batch): Promise<number> =>
    new Promise((resolve, reject) => {
      write(this.fd, bytes, offset, length - offset, null, (error, written) => {
        if (error === null) resolve(written);
        else reject(error);
      });
    });
}

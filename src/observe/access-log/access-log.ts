// The access log of one listener, as its connections see it: they fill an entry, and it becomes a line.
//
// Part of a route, present only where logging is on. What is behind it (format, writer) belongs to the load balancer and
// may be exchanged at any moment: a request or connection that began before a reload is logged where lines go now.
import { spans } from "../telemetry/spans.ts";
import type { AccessEntry } from "./access-entry.ts";
import { clbLineMaxBytes, writeClbLine } from "./clb-line.ts";
import { FixedText } from "./fixed-text.ts";
import { jsonLineOf } from "./json-line.ts";
import type { LogWriter } from "./log-writer.ts";

/** How a line is written: as Amazon's Classic Load Balancer does, or as a JSON object. */
type AccessLogFormat = "clb" | "json";

/** Where the lines of one load balancer go; a reload changes it in place. */
interface LogTarget {
  readonly format: AccessLogFormat;
  readonly writer: LogWriter;
}

/** A load balancer's log, whatever it is behind it. */
export class LoadBalancerLog {
  readonly nameText: FixedText;

  constructor(
    readonly name: string,
    /** Where lines go; undefined while logging is off. */
    public target: LogTarget | undefined,
  ) {
    this.nameText = new FixedText(name);
  }
}

export class AccessLog {
  /** `http://` or `https://`. */
  readonly scheme: FixedText;
  /** `:80`; goes behind a host that names no port. */
  readonly portSuffix: FixedText;

  constructor(
    readonly log: LoadBalancerLog,
    readonly protocol: string,
    readonly port: number,
  ) {
    this.scheme = new FixedText(protocol === "HTTPS" ? "https://" : "http://");
    this.portSuffix = new FixedText(`:${port}`);
  }

  /** The policies' fields have a place in a line. */
  get hasFields(): boolean {
    return this.log.target?.format === "json";
  }

  get loadBalancer(): string {
    return this.log.name;
  }

  /** Makes a span and a line of an entry that has just been filled; the line is dropped where there is no room. */
  write(entry: AccessEntry): void {
    const { target } = this.log;
    if (spans.queue !== undefined || target?.format === "json") entry.endedAtMs = performance.now();
    spans.queue?.offer(entry, this);
    if (target?.format === "clb") this.writeClb(entry, target.writer);
    else if (target !== undefined) this.writeJson(entry, target.writer);
  }

  private writeClb(entry: AccessEntry, writer: LogWriter): void {
    const out = writer.makeRoom(clbLineMaxBytes(entry));
    if (out === undefined) return;
    writeClbLine(entry, this, out);
    writer.endLine();
  }

  private writeJson(entry: AccessEntry, writer: LogWriter): void {
    const line = jsonLineOf(entry, this);
    // Three bytes are the most that a UTF-16 unit takes in UTF-8; of a long line it is worth knowing.
    const out = writer.makeRoom(line.length < longLine ? line.length * 3 : Buffer.byteLength(line));
    if (out === undefined) return;
    out.putText(line);
    writer.endLine();
  }
}

const longLine = 16 * 1024;

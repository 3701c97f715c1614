// The access logs of all load balancers: what each writes to, kept over reloads, exchanged when its settings change.
//
// Behind running-state.ts, which says what the configuration is, and routes.ts, which gives each listener its log. Owns the
// writers: one for each file, folder or standard output, whoever shares it; one that nobody uses any more writes what it
// has and ends.
import { networkInterfaces } from "node:os";
import { Effect } from "effect";
import { defaultAccount, defaultRegion } from "../model/access-log.ts";
import type { Configuration } from "../model/configuration.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { AccessLog, LoadBalancerLog } from "../observe/access-log/access-log.ts";
import { BucketUpload, UploadCounts } from "../observe/access-log/bucket-upload.ts";
import { DirectorySink } from "../observe/access-log/directory-sink.ts";
import { FileSink } from "../observe/access-log/file-sink.ts";
import type { LogFolder } from "../observe/access-log/log-folder.ts";
import { LogCounts, type LogSink, LogWriter, smallBatches } from "../observe/access-log/log-writer.ts";
import { StdoutSink } from "../observe/access-log/stdout-sink.ts";
import type { MetricFamily } from "../observe/metrics.ts";
import { tellNotice } from "../observe/notices.ts";
import { removalGraceMsOf } from "./draining.ts";

/** Files that are turned over before they are larger get smaller batches. */
const smallFileBytes = 1024 * 1024;
/** How long a writer that isn't needed any more may take for what it has, in milliseconds. */
const closeTimeoutMs = 5000;

/** What else there is behind the writer of a folder. */
interface FolderParts {
  readonly sink: DirectorySink;
  readonly upload: BucketUpload | undefined;
  readonly bucket: string | undefined;
}

/** A writer, and whoever sends its finished files away. Nothing happens before there is a line, or it begins. */
class OpenLog {
  private hasBegun = false;

  constructor(
    /** What its counts are known by. */
    readonly destination: string,
    readonly writer: LogWriter,
    private readonly folder?: FolderParts,
  ) {}

  get bucket(): string | undefined {
    return this.folder?.bucket;
  }

  /** The configuration that it is part of holds. */
  begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    void this.folder?.sink.prepare().then(
      (text) => this.folder?.upload?.announce(text),
      (error: Error) => tellNotice(`the access log ${this.destination} can't be written: ${error.message}`),
    );
  }

  async close(): Promise<void> {
    await this.writer.close(closeTimeoutMs);
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, closeTimeoutMs);
    await Promise.race([this.folder?.upload?.close(), isLate]);
    clearTimeout(timer);
  }
}

export class AccessLogs {
  private readonly logs = new Map<string, LoadBalancerLog>();
  /** Of load balancers that are gone, while connections of theirs may finish. */
  private readonly leaving = new Set<LoadBalancerLog>();
  /** For how long they may, in milliseconds, by load balancer. */
  private readonly graces = new Map<string, number>();
  /** By all that makes one differ from another. */
  private readonly open = new Map<string, OpenLog>();
  private readonly closing = new Set<Promise<void>>();
  /** By destination, for as long as anything is written there. */
  private readonly counts = new Map<string, LogCounts>();
  private readonly uploads = new Map<string, UploadCounts>();
  /** What files in folders are named by. */
  private names: Pick<LogFolder, "account" | "region"> = { account: defaultAccount, region: defaultRegion };
  /** What is over becomes a span, logged or not. */
  private hasTraces = false;
  private isClosed = false;

  /** A configuration is about to be tried: its listeners are opened before it holds. */
  prepare({ account = defaultAccount, region = defaultRegion }: Configuration): void {
    this.names = { account, region };
  }

  /** The log of a listener on its real port; undefined where its load balancer keeps none, and there are no traces either. */
  of(loadBalancer: LoadBalancer, protocol: string, port: number): AccessLog | undefined {
    const { enabled } = loadBalancer.attributes.accessLog;
    if (!enabled && !this.hasTraces) return undefined;
    let log = this.logs.get(loadBalancer.name);
    if (log === undefined) {
      // A listener that is being opened: what it is part of may yet be refused. What it serves until then has its lines.
      log = new LoadBalancerLog(loadBalancer.name, enabled ? this.targetOf(loadBalancer) : undefined);
      this.logs.set(loadBalancer.name, log);
    }
    return new AccessLog(log, protocol, port);
  }

  /**
   * Writes as a configuration says from now on, be it a new one or, after one that was refused, that before; lines that were
   * under way go where they were going.
   */
  follow(configuration: Configuration): void {
    this.prepare(configuration);
    const { loadBalancers, otlp } = configuration;
    this.hasTraces = otlp !== undefined && otlp.traces > 0;
    const byName = new Map(loadBalancers.map((one) => [one.name, one]));
    for (const [name, log] of this.logs) {
      const loadBalancer = byName.get(name);
      if (loadBalancer === undefined) this.letGo(log);
      else if (!loadBalancer.attributes.accessLog.enabled) log.target = undefined;
    }
    for (const loadBalancer of loadBalancers) {
      if (!loadBalancer.attributes.accessLog.enabled) continue;
      const { name } = loadBalancer;
      const target = this.targetOf(loadBalancer);
      const log = this.logs.get(name) ?? new LoadBalancerLog(name, target);
      log.target = target;
      this.logs.set(name, log);
      this.graces.set(name, removalGraceMsOf(loadBalancer.attributes));
      this.open.get(this.keyOf(loadBalancer))?.begin();
    }
    this.endUnused();
  }

  /** A load balancer is gone: what still goes on behind its listeners has its lines, for as long as it may. */
  private letGo(log: LoadBalancerLog): void {
    this.logs.delete(log.name);
    const graceMs = this.graces.get(log.name);
    // It never came to be, or kept no log.
    if (graceMs === undefined) {
      log.target = undefined;
      return;
    }
    this.leaving.add(log);
    const timer = setTimeout(() => {
      this.leaving.delete(log);
      log.target = undefined;
      this.endUnused();
    }, graceMs + closeTimeoutMs);
    timer.unref();
    this.graces.delete(log.name);
  }

  private endUnused(): void {
    const used = new Set([...this.logs.values(), ...this.leaving].map(({ target }) => target?.writer));
    for (const [key, log] of this.open) {
      if (used.has(log.writer)) continue;
      this.open.delete(key);
      void this.end(log).then(() => this.forget(log));
    }
  }

  /** Counts go with the last who wrote there; at the end of all they stay. */
  private forget({ destination, bucket }: OpenLog): void {
    if (this.isClosed) return;
    const others = [...this.open.values()];
    if (!others.some((other) => other.destination === destination)) this.counts.delete(destination);
    if (bucket !== undefined && !others.some((other) => other.bucket === bucket)) this.uploads.delete(bucket);
  }

  /** Opens files anew, for who has moved them away. */
  reopen(): void {
    for (const { writer } of this.open.values()) writer.reopen();
  }

  /** Writes everything, as far as that is possible in a few seconds. */
  readonly close: Effect.Effect<void> = Effect.promise(async () => {
    this.isClosed = true;
    for (const log of this.open.values()) void this.end(log);
    this.open.clear();
    await Promise.all(this.closing);
  });

  readMetrics(): ReadonlyArray<MetricFamily> {
    const of = (value: (counts: LogCounts) => number) =>
      [...this.counts].map(([destination, counts]) => ({ labels: { destination }, value: value(counts) }));
    const ofUploads = (value: (counts: UploadCounts) => number) =>
      [...this.uploads].map(([bucket, counts]) => ({ labels: { bucket }, value: value(counts) }));
    return [
      {
        name: "elbow_access_log_lines_total",
        help: "Lines of access logs that were written.",
        type: "counter",
        samples: of(({ writtenLines }) => writtenLines),
      },
      {
        name: "elbow_access_log_dropped_total",
        help: "Lines of access logs that were dropped, since there was no room for them or no time left.",
        type: "counter",
        samples: of(({ droppedLines }) => droppedLines),
      },
      {
        name: "elbow_access_log_write_errors_total",
        help: "Writes to access logs that failed; each was tried again.",
        type: "counter",
        samples: of(({ failures }) => failures),
      },
      {
        name: "elbow_access_log_uploads_total",
        help: "Finished access log files that were sent to a bucket.",
        type: "counter",
        samples: ofUploads(({ uploadedFiles }) => uploadedFiles),
      },
      {
        name: "elbow_access_log_upload_errors_total",
        help: "Uploads of access log files that failed; each was tried again.",
        type: "counter",
        samples: ofUploads(({ failures }) => failures),
      },
    ];
  }

  private end(log: OpenLog): Promise<void> {
    const closed: Promise<void> = log.close().finally(() => this.closing.delete(closed));
    this.closing.add(closed);
    return closed;
  }

  private targetOf(loadBalancer: LoadBalancer) {
    const key = this.keyOf(loadBalancer);
    const { format } = loadBalancer.attributes.accessLog;
    const known = this.open.get(key);
    if (known !== undefined) return { format, writer: known.writer };
    const made = this.make(loadBalancer);
    this.open.set(key, made);
    return { format, writer: made.writer };
  }

  /** Who shares a file or standard output shares its writer; a folder has a writer for each load balancer. */
  private keyOf({ name, address, attributes: { accessLog } }: LoadBalancer): string {
    const { file, directory, rotate, s3, emitInterval } = accessLog;
    if (file !== undefined) return JSON.stringify(["file", file, rotate]);
    if (directory === undefined) return "stdout";
    return JSON.stringify(["directory", directory, name, address, emitInterval, s3, this.names]);
  }

  private make(loadBalancer: LoadBalancer): OpenLog {
    const { file, directory, rotate } = loadBalancer.attributes.accessLog;
    if (file !== undefined)
      return new OpenLog(file, this.makeWriter(file, new FileSink(file, rotate), rotate?.maxBytes));
    if (directory === undefined) return new OpenLog("stdout", this.makeWriter("stdout", new StdoutSink()));
    return this.makeFolderLog(loadBalancer, directory);
  }

  /** `fileMaxBytes`: how large a file may become, where that is bounded; a batch isn't divided between two. */
  private makeWriter(destination: string, sink: LogSink, fileMaxBytes = Number.POSITIVE_INFINITY): LogWriter {
    const counts = this.counts.get(destination) ?? new LogCounts();
    this.counts.set(destination, counts);
    const terms = fileMaxBytes < smallFileBytes ? smallBatches : {};
    return new LogWriter(`the access log ${destination}`, sink, counts, terms);
  }

  private makeFolderLog({ name, address, attributes }: LoadBalancer, directory: string): OpenLog {
    const { s3, emitInterval } = attributes.accessLog;
    const folder: LogFolder = { directory, ...this.names, loadBalancer: name };
    const upload = s3 && new BucketUpload(folder, s3, this.uploadCountsOf(s3.bucket));
    // The file that is being written can't be sent, and mustn't fill the spool by itself.
    const maxFileBytes = s3 && s3.maxSpoolBytes / 4;
    const sink = new DirectorySink({
      folder,
      intervalMs: emitInterval * 60_000,
      nodeAddress: nodeAddressOf(address),
      ...(upload === undefined ? {} : { onFinished: upload.wake, checkRoom: upload.checkRoom }),
      ...(maxFileBytes === undefined ? {} : { maxFileBytes }),
    });
    return new OpenLog(directory, this.makeWriter(directory, sink, maxFileBytes), { sink, upload, bucket: s3?.bucket });
  }

  private uploadCountsOf(bucket: string): UploadCounts {
    const counts = this.uploads.get(bucket) ?? new UploadCounts();
    this.uploads.set(bucket, counts);
    return counts;
  }
}

/** What this node is called in file names: the address that its listeners have, or else its first that others can reach. */
const nodeAddressOf = (address: string | undefined): string => {
  const own = address === undefined || address === "0.0.0.0" || address === "::" ? firstAddress() : address;
  // Colons are no friends of file names.
  return own.replaceAll(":", ".");
};

const firstAddress = (): string =>
  Object.values(networkInterfaces())
    .flat()
    .find((one) => one !== undefined && !one.internal && one.family === "IPv4")?.address ?? "127.0.0.1";

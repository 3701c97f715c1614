// A small S3 server on loopback that answers as a test says: it keeps what is put, and fails on demand. It checks no
// signature; it notes who signed.
/** One object that was put. */
export interface PutObject {
  /** Bucket and key, as the path says them. */
  readonly path: string;
  readonly body: string;
  readonly authorization: string;
}

/** An S3 server for path-style PUTs. */
export class S3Server implements Disposable {
  readonly objects: Array<PutObject> = [];
  /** Requests that were answered with an error. */
  refused = 0;
  private readonly server: Bun.Server<undefined>;

  private constructor(
    /** How many requests fail from now on. */
    public failures: number,
    private readonly refuse: (path: string) => boolean | Promise<boolean>,
  ) {
    this.server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => this.answer(request) });
  }

  /** `refuse` says of a path whether it always fails; it may take its time. */
  static start(
    options: { readonly failures?: number; readonly refuse?: (path: string) => boolean | Promise<boolean> } = {},
  ): S3Server {
    return new S3Server(options.failures ?? 0, options.refuse ?? (() => false));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  private async answer(request: Request): Promise<Response> {
    const body = await request.text();
    const path = decodeURIComponent(new URL(request.url).pathname);
    if (this.failures > 0 || (await this.refuse(path))) {
      if (this.failures > 0) this.failures--;
      this.refused++;
      return new Response("<Error><Code>SlowDown</Code></Error>", { status: 503 });
    }
    if (request.method !== "PUT") return new Response("", { status: 405 });
    this.objects.push({ path, body, authorization: request.headers.get("authorization") ?? "" });
    return new Response("", { headers: { ETag: '"1"' } });
  }

  [Symbol.dispose](): void {
    void this.server.stop(true);
  }
}

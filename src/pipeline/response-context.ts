// What policies see of a response's head, while it is on its way to the client.
//
// Made by the exchange for the `responseHead` hooks of its route, one for each final response. The head's text is taken when a
// header is first asked for, which is good for as long as the hooks run; it never keeps the bytes.
import type { RequestContext, ResponseContext } from "../policy/index.ts";
import { findHeader, textOfHead } from "./request-context.ts";

export class SeenResponse implements ResponseContext {
  private text: string | undefined = undefined;
  private lower: string | undefined = undefined;

  constructor(
    private readonly of: { readonly request: RequestContext },
    readonly status: number,
    readonly instance: string | undefined,
    private bytes: Uint8Array | undefined,
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** Made when it is first asked for. */
  get request(): RequestContext {
    return this.of.request;
  }

  /** Undefined where none was asked for before {@link seal}. */
  header(name: string): string | undefined {
    if (this.bytes !== undefined) {
      this.text ??= textOfHead(this.bytes, this.start, this.end);
    }
    if (this.text === undefined) return undefined;
    this.lower ??= this.text.toLowerCase();
    return findHeader(this.text, this.lower, name);
  }

  /** The head's bytes are about to be let go. */
  seal(): void {
    this.bytes = undefined;
  }
}

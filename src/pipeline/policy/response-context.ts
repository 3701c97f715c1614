// What policies see of a response's head, while it is on its way to the client.
//
// Made by the exchange for the `responseHead` hooks of its route, one for each final response. The head's text is taken when a
// header is first asked for, which is good for as long as the hooks run; it never keeps the bytes.
import type { RequestContext, ResponseContext } from "../../policy/index.ts";
import { findHeader, inspect, textOfHead } from "./request-context.ts";

export class SeenResponse implements ResponseContext {
  readonly #of: { readonly request: RequestContext };
  readonly #status: number;
  readonly #instance: string | undefined;
  #bytes: Uint8Array | undefined;
  readonly #start: number;
  readonly #end: number;
  #text: string | undefined = undefined;
  #lower: string | undefined = undefined;
  #header: ResponseContext["header"] | undefined = undefined;

  constructor(
    of: { readonly request: RequestContext },
    status: number,
    instance: string | undefined,
    bytes: Uint8Array | undefined,
    start: number,
    end: number,
  ) {
    this.#of = of;
    this.#status = status;
    this.#instance = instance;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** Made when it is first asked for. */
  get request(): RequestContext {
    return this.#of.request;
  }

  get status(): number {
    return this.#status;
  }

  get instance(): string | undefined {
    return this.#instance;
  }

  /** Undefined where none was asked for before {@link SeenResponse.seal}. May be taken out of the context. */
  get header(): ResponseContext["header"] {
    this.#header ??= (name) => this.#find(name);
    return this.#header;
  }

  #find(name: string): string | undefined {
    if (this.#bytes !== undefined) {
      this.#text ??= textOfHead(this.#bytes, this.#start, this.#end);
    }
    if (this.#text === undefined) return undefined;
    this.#lower ??= this.#text.toLowerCase();
    return findHeader(this.#text, this.#lower, name);
  }

  toJSON(): object {
    const { request, status, instance } = this;
    return { request, status, instance };
  }

  [inspect](): object {
    return this.toJSON();
  }

  /** The head's bytes are about to be let go. Out of policies' reach. */
  static seal(response: SeenResponse): void {
    response.#bytes = undefined;
  }
}

// A stand-in for a browser's document, with as much of it as the page at /docs uses: elements that are made, filled and
// listened to. It runs the page's script as it stands in the page. No layout, no parser: what only a browser does isn't seen.

/** An element, with the members that the page's script sets and reads. */
export class PageElement {
  [member: string]: unknown;
  id = "";
  className = "";
  value = "";
  textContent = "";
  hidden = false;
  readonly children: Array<PageElement | string> = [];
  readonly #listeners = new Map<string, (event: object) => void>();

  constructor(readonly tag: string) {}

  append(...children: ReadonlyArray<PageElement | string>): void {
    this.children.push(...children);
  }

  addEventListener(type: string, listener: (event: object) => void): void {
    this.#listeners.set(type, listener);
  }

  /** Lets something happen to it, as a person would. */
  dispatch(type: string): void {
    this.#listeners.get(type)?.({ preventDefault: () => {} });
  }

  /** Every element below it. */
  get descendants(): ReadonlyArray<PageElement> {
    return this.children.flatMap((child) => (typeof child === "string" ? [] : [child, ...child.descendants]));
  }

  /** Everything that is to be read in it. */
  get text(): string {
    const below = this.children.map((child) => (typeof child === "string" ? child : child.text));
    return [this.textContent, ...below].join(" ");
  }

  /** The elements below it of a class. */
  all(className: string): ReadonlyArray<PageElement> {
    return this.descendants.filter((element) => element.className === className);
  }

  /** The first element below it of a tag. */
  find(tag: string): PageElement {
    const found = this.descendants.find((element) => element.tag === tag);
    if (found === undefined) throw new Error(`no ${tag} in ${this.id}`);
    return found;
  }
}

/** Runs a page's script over its document; `fetch` answers what it asks for. */
export const runPage = (page: string, fetch: (path: string, init: RequestInit) => Promise<Response>) => {
  const [, embedded = ""] = /<script id="document" type="application\/json">([\s\S]*?)<\/script>/.exec(page) ?? [];
  const [, script = ""] = /<script>([\s\S]*?)<\/script>/.exec(page) ?? [];
  const places = new Map(["document", "main", "token"].map((id) => [id, new PageElement(id)]));
  const place = (id: string): PageElement => places.get(id) as PageElement;
  place("document").textContent = embedded;
  const document = { getElementById: place, createElement: (name: string) => new PageElement(name) };
  new Function("document", "fetch", script)(document, fetch);
  return { main: place("main"), token: place("token") };
};

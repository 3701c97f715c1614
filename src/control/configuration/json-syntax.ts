/**
 * Finds where a JSON text goes wrong, since the engine's own error names no position, and keys written twice, which
 * the engine lets pass and of which only the last would count.
 * Serves document-file.ts; pure. Owns no value: the text is read by JSON.parse.
 */

/** What is wrong at an offset into the text, in UTF-16 units. */
export interface JsonFault {
  readonly offset: number;
  readonly problem: string;
}

/** The first fault of a JSON text (RFC 8259), a key written twice included; undefined when it has none. */
export const findJsonFault = (text: string): JsonFault | undefined => {
  const scanner = new Scanner(text);
  try {
    scanner.value();
    scanner.end();
    return undefined;
  } catch (fault) {
    if (fault instanceof Fault) return { offset: fault.offset, problem: fault.problem };
    throw fault;
  }
};

class Fault {
  readonly offset: number;
  readonly problem: string;
  constructor(offset: number, problem: string) {
    this.offset = offset;
    this.problem = problem;
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): void {
    this.#skipBlanks();
    const character = this.#text[this.#at];
    if (character === "{") this.#object();
    else if (character === "[") this.#list();
    else if (character === '"') this.#string();
    else this.#word();
  }

  end(): void {
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail("text after the end of the value");
  }

  #object(): void {
    const keys = new Set<string>();
    this.#at++;
    if (this.#isNext("}")) return;
    do {
      this.#skipBlanks();
      const start = this.#at;
      if (this.#text[start] !== '"') this.#fail("a key in double quotes must stand here");
      const key = this.#string();
      if (keys.has(key)) throw new Fault(start, `the key ${JSON.stringify(key)} is written twice`);
      keys.add(key);
      if (!this.#isNext(":")) this.#fail("a colon must stand here");
      this.value();
    } while (this.#isNext(","));
    if (!this.#isNext("}")) this.#fail("a comma or } must stand here");
  }

  #list(): void {
    this.#at++;
    if (this.#isNext("]")) return;
    do this.value();
    while (this.#isNext(","));
    if (!this.#isNext("]")) this.#fail("a comma or ] must stand here");
  }

  #string(): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 forbids exactly these in a string.
    const match = this.#match(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    if (match === undefined) this.#fail("a text in double quotes begins here and has no legal end");
    return JSON.parse(match);
  }

  #word(): void {
    const match = this.#match(/(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y);
    if (match === undefined) this.#fail("a value must stand here");
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #isNext(character: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipBlanks(): void {
    this.#match(/[ \t\r\n]*/y);
  }

  #fail(problem: string): never {
    throw new Fault(this.#at, this.#at >= this.#text.length ? "the text ends too early" : problem);
  }
}
